"""tools/publish.py: what a finished run showed, as small files; and the files that stand in results/."""

import json
import shutil
from pathlib import Path

import evaluate
import exits
import publish
import pytest
import reading
import study_grid
import study_results
from tool_runs import ROOT, as_a_user, finished_run


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch):
    with as_a_user(monkeypatch):
        yield


def test_publishes_the_curve_and_the_baseline(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory):
    run, out = tmp_path / "run", tmp_path / "out"
    shutil.copytree(finished_run(tmp_path_factory.getbasetemp()), run)
    assert publish.main(["publish.py", "--run_dir", str(run), "--out", str(out)]) == exits.SUCCESS
    assert {path.name for path in out.iterdir()} == {"evaluation.json", "curve.png", "config.gin", "summary.json"}
    assert "uniform" not in json.loads((out / "summary.json").read_text())
    evaluate.main(["evaluate.py", "--run_dir", str(run), "--policy", "uniform"])
    assert publish.main(["publish.py", "--run_dir", str(run), "--out", str(out)]) == exits.SUCCESS
    summary = json.loads((out / "summary.json").read_text())
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    times = [line["eval/time_at_goal"] for line in lines if "eval/time_at_goal" in line]
    assert [point["eval/time_at_goal"] for point in summary["curve"]] == times
    assert len(times) == 3 and summary["last"]["mean"] == pytest.approx(times[-1])  # no evaluation at both ends
    assert summary["rise"]["mean"] == pytest.approx(times[-1] - times[0])
    assert (
        summary["uniform"]["mean"]
        == json.loads((out / "evaluation_uniform.json").read_text())["eval/time_at_goal"]["mean"]
    )
    assert summary["run"]["command"] and summary["run"]["seed"] == 0 and summary["run"]["versions"]["jax"]


def test_numbers_of_another_snapshot_are_not_published(tmp_path, tmp_path_factory, capsys):
    run = tmp_path / "run"
    shutil.copytree(finished_run(tmp_path_factory.getbasetemp()), run)
    content = json.loads((run / "evaluation.json").read_text())
    content["run"]["step"] = 240
    (run / "evaluation.json").write_text(json.dumps(content))
    assert exits.guard(publish.main, ["publish.py", "--run_dir", str(run), "--out", str(tmp_path / "out")]) == 2
    assert "is of step 240, the run ended at 480" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_unfinished_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert exits.guard(publish.main, ["publish.py", "--run_dir", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "is no finished run: it lacks evaluation.json" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_study_is_published_with_its_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    study, out = tmp_path / "study", tmp_path / "out"
    (study / "cells").mkdir(parents=True)
    (study / "cells/depth4.gin").write_text("# a cell")
    arguments = ["publish.py", "--study", str(study), "--out", str(out)]
    names = ["figure.png", "report.html", "study.json"]
    for name in names:
        assert exits.guard(publish.main, arguments) == exits.MISTAKE
        assert "is no study with a finished run: it lacks" in capsys.readouterr().err and not out.exists()
        (study / name).write_text(name)
    assert publish.main(arguments) == exits.SUCCESS
    assert sorted(path.name for path in out.iterdir()) == ["cells", *names]
    assert (out / names[0]).read_text() == names[0] and (out / "cells/depth4.gin").read_text() == "# a cell"
    for name in ("tested.json", "inside.json"):
        (study / name).write_text("{}")
        assert publish.main(arguments) == exits.SUCCESS and (out / name).is_file()


def test_one_thing_is_published_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for given in (("--run_dir", "a", "--study", "b", "--out", "c"), ("--run_dir", "a"), ("--out", "c")):
        assert exits.guard(publish.main, ["publish.py", *given]) == exits.MISTAKE
        assert "--run_dir or --study, and --out must be given" in capsys.readouterr().err


RUNS = sorted(path.parent for path in (ROOT / "results").glob("*/evaluation.json"))


@pytest.mark.parametrize("folder", RUNS, ids=lambda path: path.name)
def test_what_stands_in_results_says_where_it_is_from(folder: Path):
    summary = json.loads((folder / "summary.json").read_text())
    run = summary["run"]
    assert run["command"].startswith("python tools/launch.py --gin configs/") and len(run["git_commit"]) == 40
    assert run["versions"]["jax"] and isinstance(run["seed"], int) and summary["curve"][0]["env_steps"] == 0
    assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")
    # What was trained is what stands in configs/ today: the same values, whatever the comments say.
    today = reading.read([ROOT / "configs" / f"{folder.name}.gin"])
    assert reading.read([folder / "config.gin"]).text() == today.text()


STUDIES = sorted(path.parent for path in (ROOT / "results").glob("*/study.json"))
RENAMED = {"big_maze_laptop": "depth_laptop"}  # since it was run: the command holds at the commit beside it


@pytest.mark.parametrize("folder", STUDIES, ids=lambda path: path.name)
def test_a_study_in_results_is_that_of_its_config(folder: Path):
    found, config = json.loads((folder / "study.json").read_text()), f"configs/study/{folder.name}.gin"
    then = f"configs/study/{RENAMED.get(folder.name, folder.name)}.gin"
    assert found["origin"]["command"].startswith(f"python tools/study.py --gin {then}")
    assert len(found["origin"]["git_commit"]) == 40
    cells, seeds = study_grid.read([str(ROOT / config)], [])
    assert [cell["name"] for cell in found["cells"]] == [cell.name for cell in cells]
    for cell, told in zip(cells, found["cells"], strict=True):
        assert tuple(run["seed"] for run in told["runs"]) == seeds
        assert reading.read([folder / "cells" / f"{cell.name}.gin"]).text() == cell.configuration.text()
        finals = [run["final"] for run in told["runs"]]
        assert told["final"]["mean"] == pytest.approx(sum(finals) / len(finals))
        for run in told["runs"]:  # the whole budget was used, and the score is that of its end
            assert run["curve"]["env_steps"][-1] >= cell.configuration.value("crl.train.env_steps")
            assert run["final"] == pytest.approx(sum(run["curve"][study_results.SCORE][-5:]) / 5)


def test_the_published_ant_learned_to_walk_to_goals():
    summary = json.loads((ROOT / "results" / "ant_u_maze" / "summary.json").read_text())
    assert summary["curve"][-1]["env_steps"] >= 2_000_000
    times = [point["eval/time_at_goal"] for point in summary["curve"]]
    assert summary["rise"]["mean"] == pytest.approx(sum(times[-5:]) / 5 - sum(times[:5]) / 5)
    assert summary["rise"]["ci_low"] > 0
    assert summary["uniform"]["n"] == 128 and sum(times[-5:]) / 5 >= 3 * summary["uniform"]["mean"]
