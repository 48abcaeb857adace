"""A study ends with the same results however often it, or one of its runs, is stopped or killed."""

import contextlib
import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import exits
import numpy as np
import psutil
import pytest
from environment import FEWER_PASSES
from processes import Process, until
from study_runs import run, written
from study_table import SCORE, Table
from tool_runs import TINY, as_a_user, settings, start

EVERY = 2_400
ENDLESS = "train.env_steps = 1_000_000_000"  # no run is over before it is stopped or killed, however long that takes


def metrics(directory: Path) -> list[dict]:
    lines = [json.loads(text) for text in (directory / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in x.items() if not k.startswith(("seconds", "speed/", "memory/"))} for x in lines]


def lines(directory: Path) -> int:
    file = directory / "metrics.jsonl"
    return file.read_text().count("\n") if file.exists() else 0


def stopping(show: Callable[[Table], None], file: Path) -> Callable[[Table], None]:
    """`show`, at whose first call with the file there SIGTERM comes to this process."""
    asked = []

    def shown(table: Table) -> None:
        show(table)
        if file.exists() and not asked:
            asked.append(True)
            os.kill(os.getpid(), signal.SIGTERM)

    return shown


def test_stopped_and_killed_it_ends_with_the_same_results(tmp_path: Path, monkeypatch, capsys):
    grid = written(tmp_path, "{'nets.ResidualMLP.depth': (8,)}", (0,))
    arguments = ("--gin", grid, *settings(*TINY, f"train.eval_every = {EVERY}"), "--slots", "2")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    directory = broken / "depth8" / "seed0"
    with as_a_user(monkeypatch):
        monkeypatch.setenv("XLA_FLAGS", FEWER_PASSES)  # for all runs as `start` has it
        with monkeypatch.context() as patch:
            patch.setattr(Table, "show", stopping(Table.show, directory / "config.gin"))
            assert run(*arguments, *settings(ENDLESS), "--out", str(broken)) == 128 + signal.SIGTERM
            assert "Stopped; every run is saved" in capsys.readouterr().err
        before = lines(directory)
        process = start("study.py", *arguments, *settings(ENDLESS), "--out", str(broken))
        until(lambda: lines(directory) > before, process)
        process.kill()
        ended(process, -signal.SIGKILL)
        (left,) = runs_in(broken)
        left.suspend()  # what it does while a study that is asked sees it go on alone, is to be done again below
        assert run(*arguments, *settings(ENDLESS), "--out", str(broken), "--dry_run") == exits.SUCCESS
        assert capsys.readouterr().out.endswith("running elsewhere depth8/seed0\n")
        left.terminate()
        left.resume()
        left.wait()
        steps = (metrics(directory)[-1]["env_steps"] // EVERY + 1) * EVERY
        arguments = (*arguments, *settings(f"train.env_steps = {steps}"))
        for out in (whole, broken):
            assert run(*arguments, "--out", str(out)) == exits.SUCCESS
            said, _ = capsys.readouterr()
            assert "finished  depth8/seed0" in said and "100%" in said
        one, other = (metrics(out / "depth8" / "seed0") for out in (whole, broken))
        assert one == other and one[-1]["env_steps"] >= steps
        scores = [line[SCORE] for line in one if SCORE in line]
        cells = [json.loads((out / "study.json").read_text())["cells"] for out in (whole, broken)]
        for (cell,) in cells:
            assert len(scores) == steps // EVERY + 1 and cell["runs"][0]["curve"][SCORE] == scores
            assert cell["name"] == "depth8"
            assert cell["final"] == {"mean": pytest.approx(np.mean(scores)), "ci_low": None, "ci_high": None}
        assert run(*arguments, "--out", str(whole)) == exits.SUCCESS
        assert capsys.readouterr().out.count("finished") == 1  # and nothing is started


KILLS = ("stop the study", "kill the study", "kill a run") * 3


@pytest.mark.proof
def test_killed_at_random_moments_it_ends_the_same(tmp_path: Path):
    # Saved every few seconds; all runs at once, so that each of them meets all kills.
    every = 9_600
    often = settings(*TINY, f"train.eval_every = {every}", "train.checkpoint_minutes = 0.05")
    arguments = ("--gin", written(tmp_path), *often, "--retries", "9", "--slots", "4")
    whole, broken = (tmp_path / name / "study" for name in ("whole", "broken"))
    draw = random.Random(0)
    process = start("study.py", *arguments, *settings(ENDLESS), "--out", str(broken))
    for kill in KILLS:
        moment = time.monotonic() + draw.uniform(1, 40)
        until(lambda moment=moment: time.monotonic() > moment and bool(runs_in(broken)), process)
        if kill == "kill a run":
            draw.choice(runs_in(broken)).kill()
            continue
        process.send_signal(signal.SIGTERM if kill == "stop the study" else signal.SIGKILL)
        ended(process, 128 + signal.SIGTERM, -signal.SIGTERM, -signal.SIGKILL)
        process = start("study.py", *arguments, *settings(ENDLESS), "--out", str(broken))
    names = ("depth4/seed0", "depth4/seed3", "depth8/seed0", "depth8/seed3")
    before = [lines(broken / name) for name in names]
    until(lambda: all(lines(broken / name) > count for name, count in zip(names, before, strict=True)), process)
    process.terminate()
    ended(process, 128 + signal.SIGTERM)
    for left in runs_in(broken):  # of studies that were killed
        left.terminate()
        left.wait()
    most = max(metrics(broken / name)[-1]["env_steps"] for name in names)
    end = settings(f"train.env_steps = {(most // every + 1) * every}")
    for out in (whole, broken):
        ended(start("study.py", *arguments, *end, "--out", str(out)), 0)
    assert not runs_in(broken)
    one, other = (json.loads((out / "study.json").read_text()) for out in (whole, broken))
    assert timeless(one) == timeless(other) and len(one["cells"]) == 2
    for name in names:
        assert metrics(whole / name) == metrics(broken / name)


def ended(process: Process, *codes: int) -> None:
    """Waits for the end of a process, which must be one of these."""
    out, err = process.communicate()
    assert process.returncode in codes, out + err


def runs_in(out: Path) -> list[psutil.Process]:
    """The runs of a study that are under way, whoever started them."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if any(word.endswith("launch.py") for word in words) and any(word.startswith(f"{out}/") for word in words):
                found.append(process)
    return found


def timeless(found: Any) -> Any:
    """Without what two studies that do the same differ in: how long it took, when, and by which words."""
    if isinstance(found, dict):
        return {k: timeless(v) for k, v in found.items() if k not in ("seconds", "time", "command")}
    return [timeless(item) for item in found] if isinstance(found, list) else found
