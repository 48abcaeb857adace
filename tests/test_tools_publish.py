"""tools/publish.py: what a finished run showed, as small files; and the files that stand in results/."""

import json
import shutil
from pathlib import Path

import evaluate
import exits
import made_by
import publish
import pytest
import reading
import study_grid
import study_results
from older_names import bindings, in_names_of_today
from test_tools_study_results import ORIGIN, a_run
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


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    runs = [a_run(folder, {"depth": depth}, 0, final) for depth, final in (("4", 0.1), ("8", 0.2))]
    study_results.write(study_results.collect(runs, ORIGIN), folder)
    (folder / "cells").mkdir()
    (folder / "cells/depth4.gin").write_text("# a cell", encoding="utf-8")
    for name in ("figure.png", "report.html"):
        (folder / name).write_text(name, encoding="utf-8")
    return folder


def test_a_study_is_published_with_its_page(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "out"
    arguments = ["publish.py", "--study", str(study), "--out", str(out)]
    for name in ("figure.png", "report.html", "study.json"):
        (study / name).rename(tmp_path / name)
        assert exits.guard(publish.main, arguments) == exits.MISTAKE
        assert capsys.readouterr().err == f"error: {study} is no study with a finished run: it lacks {name}.\n"
        assert not out.exists()
        (tmp_path / name).rename(study / name)
    (study / "cells/notes.txt").write_text("mine", encoding="utf-8")  # no configuration
    assert publish.main(arguments) == exits.SUCCESS
    assert sorted(path.name for path in out.iterdir()) == ["cells", "figure.png", "report.html", "study.json"]
    assert (out / "study.json").read_bytes() == (study / "study.json").read_bytes()
    assert [path.name for path in (out / "cells").iterdir()] == ["depth4.gin"]
    assert (out / "cells/depth4.gin").read_text(encoding="utf-8") == "# a cell"
    for name in ("tested.json", "inside.json"):
        (study / name).write_text('{"cells": []}', encoding="utf-8")
        assert publish.main(arguments) == exits.SUCCESS and (out / name).is_file()


@pytest.mark.parametrize(
    "name", ["study.json", "figure.png", "report.html", "tested.json", "inside.json", "cells/depth4.gin", "cells"]
)
def test_what_links_of_a_study_show_is_not_published(study: Path, tmp_path: Path, capsys, name: str):
    secret = tmp_path / "secret"
    if name == "cells":
        (study / name).rename(secret)
    else:
        secret.write_text("secret", encoding="utf-8")
        (study / name).unlink(missing_ok=True)
    (study / name).symlink_to(secret)
    status = exits.guard(publish.main, ["publish.py", "--study", str(study), "--out", str(tmp_path / "out")])
    place = study / name
    sentence = f"{place} is a link; links in {place.parent} are not followed."
    assert (status, capsys.readouterr().err) == (exits.MISTAKE, f"error: {sentence}\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["study.json", "figure.png", "cells", "cells/depth4.gin"])
def test_nothing_is_published_through_links(study: Path, tmp_path: Path, name: str):
    out, victim = tmp_path / "out", tmp_path / "victim"
    (out / "cells").mkdir(parents=True)
    if name == "cells":
        victim.mkdir()
        (out / name).rmdir()
    else:
        victim.write_text("mine", encoding="utf-8")
    (out / name).symlink_to(victim)
    arguments = ["publish.py", "--study", str(study), "--out", str(out)]
    assert exits.guard(publish.main, arguments) == exits.MISTAKE
    assert (victim.is_dir() and not list(victim.iterdir())) or victim.read_text(encoding="utf-8") == "mine"


DAMAGE = [
    ("meta.json", b"{", "meta.json is no JSON"),
    ("meta.json", b"[]", "meta.json holds no JSON object of names and values."),
    ("meta.json", b'{"name": 3}', "meta.json is damaged: expected `str | null`, got `int` at name."),
    ("evaluation.json", b"{}", "evaluation.json is damaged: it lacks run.step."),
    ("evaluation.json", b'{"run": 3}', "evaluation.json is damaged: expected `object | null`, got `int` at run."),
    ("evaluation.json", b'{"run": {"step": "480"}}', "is damaged: expected `int | null`, got `str` at run.step."),
    ("evaluation.json", b'{"run": {"step": 480}}', "evaluation.json is damaged: it lacks eval/time_at_goal."),
    ("evaluation_uniform.json", b"{}", "evaluation_uniform.json is damaged: it lacks run.step."),
    ("evaluation_uniform.json", b'{"run": {"step": 0}, "eval/time_at_goal": 3}', "expected `object`, got `int`"),
    ("metrics.jsonl", b"\xff\n", "metrics.jsonl is not UTF-8 text (byte 0)."),
    ("metrics.jsonl", b"[1]\n", "metrics.jsonl is damaged: line 1 is no record of metrics."),
    ("metrics.jsonl", b"", "holds 0 evaluations; a curve takes 2 at least."),
    ("config.gin", None, "config.gin is a link"),
    ("curve.png", None, "curve.png is a link"),
    ("evaluation.json", None, "evaluation.json is a link"),
    ("meta.json", None, "meta.json is a link"),
    ("metrics.jsonl", None, "metrics.jsonl is a link"),
]


@pytest.mark.parametrize(
    ("name", "damage", "words"), DAMAGE, ids=[f"{name}-{i}" for i, (name, *_) in enumerate(DAMAGE)]
)
def test_a_damaged_run_is_not_published(tmp_path, tmp_path_factory, capsys, name, damage, words):
    run, secret = tmp_path / "run", tmp_path / "secret"
    whole = finished_run(tmp_path_factory.getbasetemp())
    shutil.copytree(whole, run, ignore=shutil.ignore_patterns("checkpoints", "tb", "film.mp4", "report.html"))
    if damage is None:
        (run / name).rename(secret)
        (run / name).symlink_to(secret)
    else:
        (run / name).write_bytes(damage)
    status = exits.guard(publish.main, ["publish.py", "--run_dir", str(run), "--out", str(tmp_path / "out")])
    error = capsys.readouterr().err
    assert status == exits.MISTAKE and error.startswith("error: ") and error.count("\n") == 1 and words in error
    assert str(run) in error and not (tmp_path / "out").exists()


def test_one_thing_is_published_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for given in (("--run_dir", "a", "--study", "b", "--out", "c"), ("--run_dir", "a"), ("--out", "c")):
        assert exits.guard(publish.main, ["publish.py", *given]) == exits.MISTAKE
        assert "--run_dir or --study, and --out must be given" in capsys.readouterr().err


def stored(file: Path) -> dict[str, str]:
    """What a record binds, in the names of today; it is only read."""
    record = reading.read_text(file.read_text(), file.name)
    assert not record.macros
    version = next(filter(None, map(made_by.version, file.parents)))
    return in_names_of_today(bindings(record)) if version.startswith(("0.1.", "0.2.")) else bindings(record)


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
    assert stored(folder / "config.gin") == bindings(today)


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
        assert stored(folder / "cells" / f"{cell.name}.gin") == bindings(cell.configuration)
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
