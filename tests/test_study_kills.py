"""A study ends with the same results however often it, or one of its runs, is stopped or killed."""

import contextlib
import json
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import exits
import numpy as np
import psutil
import pytest
from study_runs import run, written
from study_table import SCORE
from tool_runs import TINY, as_a_user, settings, start

LONGER = ("train.env_steps = 4_800", "train.eval_every = 2_400")


def metrics(directory: Path) -> list[dict]:
    lines = [json.loads(text) for text in (directory / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in x.items() if not k.startswith(("seconds", "speed/", "memory/"))} for x in lines]


def test_stopped_and_killed_it_ends_with_the_same_results(tmp_path: Path, monkeypatch, capsys):
    file = written(tmp_path, "{'nets.ResidualMLP.depth': (8,)}", (0,))
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
    with as_a_user(monkeypatch):
        monkeypatch.delenv("XLA_FLAGS")  # for all runs as `start` has it
        monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
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


KILLS = ("stop the study", "kill the study", "kill a run") * 3


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_killed_at_random_moments_it_ends_the_same(tmp_path: Path):
    # Seconds of work for each run, saved every few.
    longer = ("train.env_steps = 96_000", "train.eval_every = 9_600", "train.checkpoint_minutes = 0.05")
    arguments = ("--gin", written(tmp_path), *settings(*TINY, *longer), "--retries", "9")
    whole, broken = (tmp_path / name / "study" for name in ("whole", "broken"))
    ended(start("study.py", *arguments, "--out", str(whole)), 0)
    draw, made = random.Random(0), []
    process = start("study.py", *arguments, "--out", str(broken))
    for kill in KILLS:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(1, 40))
            break
        if kill == "kill a run":
            if mine := runs_in(broken):
                draw.choice(mine).kill()
                made.append(kill)
            continue
        process.send_signal(signal.SIGTERM if kill == "stop the study" else signal.SIGKILL)
        ended(process, 128 + signal.SIGTERM, -signal.SIGTERM, -signal.SIGKILL)
        made.append(kill)
        process = start("study.py", *arguments, "--out", str(broken))
    ended(process, 0)
    print("\n" + ", ".join(made))
    assert set(made) == set(KILLS) and not runs_in(broken)
    one, other = (json.loads((out / "study.json").read_text()) for out in (whole, broken))
    assert timeless(one) == timeless(other) and len(one["cells"]) == 2
    for name in ("depth4/seed0", "depth4/seed3", "depth8/seed0", "depth8/seed3"):
        assert metrics(whole / name) == metrics(broken / name)


def ended(process: subprocess.Popen, *codes: int) -> None:
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
