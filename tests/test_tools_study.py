"""A study: its grid, its runs side by side, and that it ends the same however often it is stopped."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import exits
import numpy as np
import pytest
import study
import study_grid
import study_slots
from exits import UserError
from study_table import SCORE, Table
from tool_runs import TINY, as_a_user, settings, start

ROOT = Path(__file__).parent.parent
GRID = """
from __gin__ import dynamic_registration
import nets
import study
include 'configs/quickstart.gin'
study.grid.axes = {AXES}
study.grid.seeds = (0, 3)
"""
LONGER = ("study.grid.seeds = (0,)", "train.env_steps = 4_800", "train.eval_every = 2_400")
DEPTHS = "{'nets.ResidualMLP.depth': (4, 8)}"


def written(tmp_path: Path, axes: str = DEPTHS) -> str:
    file = tmp_path / "grid.gin"
    file.write_text(GRID.replace("{AXES}", axes))
    return str(file)


def test_every_cell_with_every_seed(tmp_path: Path):
    axes = (
        "{'actor/nets.ResidualMLP.depth': (4, 16), "
        "'body': {'short': {'nets.ResidualBlock.layers': 2}, 'wide': {'nets.ResidualMLP.width': 128}}}"
    )
    cells, seeds = study_grid.read([written(tmp_path, axes)], ["Trainer.batch_size = 8"])
    assert [cell.name for cell in cells] == [
        "actor_depth4_short",
        "actor_depth4_wide",
        "actor_depth16_short",
        "actor_depth16_wide",
    ]
    assert cells[1].values == {"actor_depth": "4", "body": "wide"}
    for cell in cells:
        text = cell.configuration.text()
        assert "study" not in text and "crl.Trainer.batch_size = 8" in text
        assert f"actor/nets.ResidualMLP.depth = {cell.values['actor_depth']}\n" in text
        assert ("nets.ResidualMLP.width = 128" in text) == (cell.values["body"] == "wide")
        assert ("nets.ResidualBlock.layers = 2" in text) == (cell.values["body"] == "short")
    runs = study_grid.runs(cells, seeds, Path("out"))
    assert [run.seed for run in runs] == [0] * 4 + [3] * 4
    assert str(runs[5].directory) == "out/actor_depth4_wide/seed3" and runs[5].name == "actor_depth4_wide/seed3"


@pytest.mark.parametrize(
    ("axes", "more", "words"),
    [
        ("{}", "", "must be a dict from names to what they vary over; got {}."),
        ("{'nets.ResidualMLP.depth': 4}", "", "an axis is a binding with a tuple of values"),
        ("{'depth': (4, 8)}", "", "an axis is a binding with a tuple of values"),
        ("{'nets.ResidualMLP.depth': (4, 4)}", "", "makes depth4 twice"),
        ("{'crl.train.seed': (0, 1)}", "", "must not hold crl.train.seed"),
        ("{'nets.ResidualMLP.dept': (4, 8)}", "", "`nets.ResidualMLP` has no parameter `dept`; did you mean depth?"),
        ("{'nets.ResidualMLP.depth': (4, 6)}", "", "must be a multiple of its block's 4 layers; got 6."),
        (DEPTHS, "study.grid.seeds = (1, 1)", "must be different integers >= 0"),
        (DEPTHS, "study.grid.seeds = 3", "must be different integers >= 0"),
        (DEPTHS, "study.grid.cells = 3", "`study.grid` has no parameter `cells`; it has axes and seeds."),
    ],
)
def test_a_grid_that_makes_no_sense(tmp_path: Path, monkeypatch, capsys, axes: str, more: str, words: str):
    monkeypatch.chdir(tmp_path)
    with as_a_user(monkeypatch):
        more = settings(more) if more else []
        assert run("--gin", written(tmp_path, axes), *more) == exits.MISTAKE
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["grid.gin"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--gin is missing: which study?"),
        (("--gin", "configs/quickstart.gin"), "configs/quickstart.gin is no study: it must bind study.grid.axes"),
        (("--gin", "x.gin", "--slots", "0"), "--slots must be an integer >= 1; got 0."),
        (("--gin", "x.gin", "--retries", "-1"), "--retries must be an integer >= 0; got -1."),
    ],
)
def test_wrong_arguments(arguments, words: str, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert run(*arguments) == exits.MISTAKE
    assert words in capsys.readouterr().err


def run(*arguments: str) -> int:
    return exits.guard(study.main, ["study.py", *arguments])


def job(tmp_path: Path, name: str, code: str) -> study_slots.Job:
    """A job of Python code that may use `log(word)`, which writes the time and the word, and `tries()`."""
    helpers = (
        "import os, sys, time\n"
        f"path = {str(tmp_path / 'events')!r}\n"
        f"def log(word): open(path, 'a').write(f'{name} {{word}}\\n')\n"
        f"def tries(): return open(path).read().count('{name} start')\n"
        "log('start')\n"
    )
    cell = study_grid.Cell(name, {}, None)
    run = study_grid.Run(cell, 0, tmp_path / name / "seed0")
    return study_slots.Job(run, [sys.executable, "-c", helpers + code], tmp_path / f"{name}.log")


def events(tmp_path: Path) -> list[str]:
    return (tmp_path / "events").read_text().splitlines()


def test_no_more_at_once_than_slots(tmp_path: Path):
    jobs = [job(tmp_path, f"job{i}", "time.sleep(0.3); log('end')") for i in range(5)]
    jobs[2].state = study_slots.FINISHED
    study_slots.work_off(jobs, slots=2, retries=0, show=lambda: None)
    assert {job.state for job in jobs} == {study_slots.FINISHED}
    assert [job.tries for job in jobs] == [1, 1, 0, 1, 1]
    under_way, most = 0, 0
    for event in events(tmp_path):
        under_way += 1 if event.endswith("start") else -1
        most = max(most, under_way)
    assert most == 2 and not any("job2" in event for event in events(tmp_path))


def test_what_died_is_tried_again_and_a_mistake_is_not(tmp_path: Path):
    jobs = [
        job(tmp_path, "dies_twice", "os.kill(os.getpid(), 9) if tries() < 3 else None"),
        job(tmp_path, "dies_always", "print('a word'); print(); sys.exit(1)"),
        job(tmp_path, "mistake", f"print('error: so it is'); sys.exit({exits.MISTAKE})"),
    ]
    study_slots.work_off(jobs, slots=2, retries=2, show=lambda: None)
    assert [job.state for job in jobs] == [study_slots.FINISHED, study_slots.FAILED, study_slots.FAILED]
    assert [job.tries for job in jobs] == [3, 3, 1]
    assert [job.last_words for job in jobs] == ["it said nothing", "a word", "error: so it is"]


def test_each_slot_has_cores_of_its_own(tmp_path: Path):
    for slots in (1, 2):
        shares = study_slots.shares(slots)
        cores = [core for share in shares for core in share]
        assert len(shares) == slots and len(set(cores)) == len(cores)
    shown = job(tmp_path, "cores", "log(sorted(os.sched_getaffinity(0)))")
    study_slots.work_off([shown], slots=1, retries=0, show=lambda: None)
    assert events(tmp_path)[-1] == f"cores {study_slots.shares(1)[0]}"


def test_a_run_of_another_process_is_left_to_end(tmp_path: Path):
    (tmp_path / "mine" / "seed0").mkdir(parents=True)
    code = f"import fcntl\nfile = open({str(tmp_path / 'mine/seed0/.lock')!r}, 'w')\nfcntl.flock(file, fcntl.LOCK_EX)\n"
    other = subprocess.Popen([sys.executable, "-c", code + "print('locked', flush=True)\ninput()"], stdin=-1, stdout=-1)
    assert other.stdout.readline()
    mine, shown = job(tmp_path, "mine", ""), []

    def show() -> None:
        shown.append(mine.tries)
        if len(shown) == 2:
            other.communicate(b"\n")

    study_slots.work_off([mine], slots=1, retries=0, show=show)
    assert shown[:2] == [0, 0] and mine.state == study_slots.FINISHED and mine.tries == 1


def test_an_interruption_stops_what_runs_in_order(tmp_path: Path):
    code = "import signal\nsignal.signal(signal.SIGTERM, lambda *_: (log('saved'), sys.exit(143)))\nlog('ready')\n"
    jobs = [job(tmp_path, "one", code + "time.sleep(60)"), job(tmp_path, "two", "")]

    def show() -> None:
        if "one ready" in (events(tmp_path) if (tmp_path / "events").exists() else []):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study_slots.work_off(jobs, slots=1, retries=0, show=show)
    assert events(tmp_path) == ["one start", "one ready", "one saved"]
    assert [job.state for job in jobs] == [study_slots.WAITING] * 2


def metrics(directory: Path) -> list[dict]:
    lines = [json.loads(text) for text in (directory / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in x.items() if not k.startswith(("seconds", "speed/", "memory/"))} for x in lines]


def test_stopped_and_killed_it_ends_with_the_same_results(tmp_path: Path, monkeypatch, capsys):
    file = written(tmp_path, "{'nets.ResidualMLP.depth': (8,)}")
    arguments = ("--gin", file, *settings(*TINY, *LONGER), "--slots", "2")
    directory = tmp_path / "broken" / "depth8" / "seed0"
    # After SIGKILL its runs go on alone; the next study leaves them to end.
    for number, file in ((signal.SIGTERM, "config.gin"), (signal.SIGKILL, "metrics.jsonl")):
        process = start("study.py", *arguments, "--out", str(tmp_path / "broken"))
        while process.poll() is None and not (directory / file).exists():
            time.sleep(0.01)
        process.send_signal(number)
        out, err = process.communicate()
        assert process.returncode == (128 + number if number == signal.SIGTERM else -number), out + err
    monkeypatch.delenv("XLA_FLAGS")  # for all runs as `start` has it
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
    with as_a_user(monkeypatch):
        for out in ("whole", "broken"):
            assert run(*arguments, "--out", str(tmp_path / out)) == exits.SUCCESS
            said, _ = capsys.readouterr()
            assert "finished  depth8/seed0" in said and "100%" in said
        one, other = (metrics(tmp_path / out / "depth8" / "seed0") for out in ("whole", "broken"))
        assert one == other and one[-1]["env_steps"] >= 4_800
        scores = [line[SCORE] for line in one if SCORE in line]
        cells = [json.loads((tmp_path / out / "study.json").read_text())["cells"] for out in ("whole", "broken")]
        for (cell,) in cells:
            assert len(scores) == 3 and cell["name"] == "depth8" and cell["runs"][0]["curve"][SCORE] == scores
            assert cell["final"] == {"mean": pytest.approx(np.mean(scores)), "ci_low": None, "ci_high": None}
        assert run(*arguments, "--out", str(tmp_path / "whole")) == exits.SUCCESS
        assert capsys.readouterr().out.count("finished") == 1  # and nothing is started


def test_the_table_shows_how_far_runs_are(tmp_path: Path, capsys):
    shown = job(tmp_path, "some", "")
    configuration = study_grid.read([written(tmp_path)], [])[0][0].configuration
    shown.run = study_grid.Run(study_grid.Cell("some", {}, configuration), 0, tmp_path)
    total = configuration.value("crl.train.env_steps")
    line = {"env_steps": total // 2, "speed/env_steps_per_second": 1234.5, "eval/time_at_goal_fraction": 0.25}
    (tmp_path / "metrics.jsonl").write_text(json.dumps(line) + '\n{"env_st')
    with Table([shown]) as table:
        table.show()
    assert "waiting" in (said := capsys.readouterr().out) and "50%" in said and "1,234" in said and "0.25" in said
    assert study_slots.Job(shown.run, [], tmp_path / "no.log").last_words == "it said nothing"


def test_a_user_error_of_reading_is_one(tmp_path: Path):
    with pytest.raises(UserError, match="there is no file"):
        study_grid.read([str(tmp_path / "none.gin")], [])
