"""tools/inside.py: files of a run and of a study, and one sentence for what cannot be looked into."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import exits
import inside
import inside_views
import pytest
import study_results
from PIL import Image
from study_grid import Cell, Run
from tool_runs import as_a_user, content, finished_run


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch):
    with as_a_user(monkeypatch):
        yield


@pytest.fixture
def run(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a finished run."""
    directory = tmp_path / "run"
    shutil.copytree(finished_run(tmp_path_factory.getbasetemp()), directory)
    return directory


def mistake(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert exits.guard(inside.main, ["inside.py", *map(str, arguments)]) == exits.MISTAKE
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("error: ")
    return err


def test_a_run(run, tmp_path, capsys):
    before, out = content(run), tmp_path / "out"
    assert exits.guard(inside.main, ["inside.py", "--run_dir", str(run), "--out", str(out)]) == exits.SUCCESS
    shown = capsys.readouterr().out
    assert content(run) == before and sorted(path.name for path in out.iterdir()) == sorted(inside_views.FILES)
    for name in (inside_views.MAP, inside_views.FIGURE):
        with Image.open(out / name) as picture:
            assert picture.width == 1600
    found = json.loads((out / "inside.json").read_text())
    assert found["step"] == 480 and f"{found['mean']['path_correlation']:.3f}" in shown
    assert len(found["value_maps"]) == 6 and all(-1 <= one["path_correlation"] <= 1 for one in found["value_maps"])
    for norms in found["layers"].values():  # the quickstart has 8 layers, two blocks of four
        assert (len(norms["stream"]), len(norms["branch"]), len(norms["gradient"])) == (3, 2, 2)
        assert min(*norms["stream"], *norms["branch"], *norms["gradient"]) > 0
    assert 0 < sum(found["variance_shares"]) <= 1
    assert found["replay"]["visited"] >= 4 and 1 < found["replay"]["effective"] <= found["replay"]["visited"]


def test_a_study_and_its_page(run, tmp_path, capsys):
    study, runs = tmp_path / "study", []
    for seed in (0, 1):
        directory = study / "depth8" / f"seed{seed}"
        shutil.copytree(run, directory)
        whole = SimpleNamespace(value=lambda _: 1)  # any run is long enough
        runs.append(Run(Cell("depth8", {"depth": "8"}, whole), seed, directory))
    study_results.write(study_results.collect(runs, {"command": "c", "git_commit": "0", "time": "t"}), study)
    assert exits.guard(inside.main, ["inside.py", "--study", str(study)]) == exits.SUCCESS
    shown = capsys.readouterr().out
    (cell,) = json.loads((study / "inside.json").read_text())["cells"]
    assert cell["agents"] == [[0, 480], [1, 480]]
    one, other = (json.loads((study / f"depth8/seed{seed}/inside.json").read_text()) for seed in (0, 1))
    assert one | {"origin": 0} == other | {"origin": 0}  # the runs are copies of one, and a look draws no luck
    phi = one["layers"]["phi"]
    expected = {
        "path": one["mean"]["path_correlation"],
        "straight": one["mean"]["straight_correlation"],
        "effective": one["replay"]["effective"],
        "last_branch": phi["branch"][1] / phi["stream"][1],
        "gradient_ratio": phi["gradient"][0] / phi["gradient"][1],
    }
    for name, value in expected.items():
        assert cell[name] == pytest.approx({"mean": value, "ci_low": value, "ci_high": value})
        assert f"{value:.3g}" in shown
    page = (study / "report.html").read_text(encoding="utf-8")
    assert "What depth does inside" in page and page.count("data:image/png") == 2


def test_what_cannot_be_looked_into_says_so(run, tmp_path, capsys):
    assert "One of --run_dir and --study is needed" in mistake(capsys)
    assert "One of --run_dir and --study is needed" in mistake(capsys, "--run_dir", run, "--study", run)
    assert "does not exist" in mistake(capsys, "--run_dir", tmp_path / "none")
    assert "study.json" in mistake(capsys, "--study", tmp_path)
    assert "--out does not go with --study" in mistake(capsys, "--study", tmp_path, "--out", tmp_path)
    shutil.rmtree(run / "checkpoints" / "resume")
    assert "There are no saved states in" in mistake(capsys, "--run_dir", run)
    assert not (run / "inside.json").exists()
