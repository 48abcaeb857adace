"""Random single damages to the files that pages are made of: each is told in one sentence, or does no harm."""

import copy
import json
import random
import re
import shutil
from pathlib import Path

import pages
import pytest
import study_results
from exits import UserError
from test_eval_report import ATTACK, Page
from test_tools_pages import a_whole_run
from test_tools_study_results import GOAL, ORIGIN, a_run

import crl

TASK = {"maze": "1111/1R01/10G1/1111", "cell_size": 1.0, "episode_length": 12, "threshold": 0.5}
SPREAD = {"mean": 0.5, "ci_low": 0.25, "ci_high": 0.75, "n": 4, "iqm": 0.5}
METRICS = {f"eval/{name}": SPREAD for name in ("time_at_goal_fraction", "success_any", "distance", "own")}
EVALUATION = {**METRICS, "goals": [GOAL, {"goal": [2.0, 1.0], "n": 0}], "task": TASK, "interval": "95 %"}
WRONG = [None, True, -1, 0, 10**30, 10**400, 1e300, -1e300, float("nan"), float("inf"), "", ATTACK, "x" * 10**6, [], {}]
WRONG += [[[]], {"a": {}}, [1] * 10**5, {"mean": 1}, ["a"], "1", 0.5, "../x", "\x1b[2J", "\ud800"]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run with everything that a page shows."""
    directory = a_whole_run(tmp_path_factory.mktemp("fuzz") / "run")
    meta = {"name": "line", "command": "c", "env": TASK, "parameters": {"all": 3}, "versions": {"jax": "1"}}
    (directory / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    (directory / "evaluation.json").write_text(json.dumps(EVALUATION | {"run": {"step": 1}}), encoding="utf-8")
    return directory


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A study with everything that a page shows."""
    folder = tmp_path_factory.mktemp("fuzz") / "study"
    runs = [
        a_run(folder, {"depth": depth}, seed, final + 0.01 * seed)
        for depth, final in (("4", 0.1), ("8", 0.2))
        for seed in (0, 1)
    ]
    theirs = {"source": "s", "curves": {"depth8": {"env_steps": [4_000, 8_000], "mean": [0.1, 0.5]}}}
    found = study_results.collect(runs, ORIGIN) | {"name": "s", "about": "a", "published": theirs}
    for cell in found["cells"]:  # short, so that damage hits all kinds of values as often
        cell["profile"] = {name: values[:2] for name, values in cell["profile"].items()}
    study_results.write(found, folder)
    agents, points = [[0, 14_000], [1, 14_000]], [{"path_length": 1.0, "eval/time_at_goal_fraction": SPREAD}]
    for name, more in (
        ("tested.json", {"episodes": 4, "task": TASK, "goals": [GOAL], "by_path_length": points, **METRICS}),
        ("inside.json", {"path": SPREAD, "last_branch": SPREAD}),
    ):
        cells = [{"name": name, "agents": agents, **more} for name in ("depth4", "depth8")]
        (folder / name).write_text(json.dumps({"cells": cells, "origin": {"command": "c"}}), encoding="utf-8")
    (folder / "depth4/seed0/evaluation.json").write_text(json.dumps(EVALUATION), encoding="utf-8")
    (folder / "depth4/seed0/film.mp4").write_bytes(b"film")
    return folder


def damaged_value(content: dict, rng: random.Random) -> dict:
    """The content with one value, anywhere in it, replaced, doubled or removed."""
    found = copy.deepcopy(content)
    at, key = found, rng.choice(list(found))
    while isinstance(at[key], dict | list) and at[key] and rng.random() < 0.85:
        at = at[key]
        key = rng.choice(list(at)) if isinstance(at, dict) else rng.randrange(len(at))
    if rng.random() < 0.2:
        del at[key]
    elif isinstance(at, list) and rng.random() < 0.2:
        at.append(at[key])
    else:
        at[key] = rng.choice(WRONG)
    return found


def damaged_bytes(content: bytes, rng: random.Random) -> bytes:
    """The content with a byte changed, or cut, or with something put in."""
    at = rng.randrange(len(content))
    return rng.choice(
        [
            content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :],
            content[:at],
            content[:at] + rng.choice([b"\x00", b"\xff\xfe", b"\n", b"[" * 10_000, b"1e400", b"NaN"]) + content[at:],
        ]
    )


def told(write) -> bool:
    """Whether damage was told, in one sentence; else there is a page that runs nothing."""
    try:
        text = write().read_text(encoding="utf-8")
    except (UserError, crl.FileError) as e:
        assert "\n" not in str(e) and len(str(e)) < 1_000
        return True
    assert "<script>alert" not in text and "<img src=x" not in text and not re.search(r"[:\s\"](nan|inf)[%\s\"]", text)
    Page(text)
    return False


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", ["meta.json", "evaluation.json", "metrics.jsonl", "config.gin"])
def test_a_run(run: Path, tmp_path: Path, name: str, seed: int):
    rng, copied = random.Random(seed), tmp_path / "run"
    shutil.copytree(run, copied)
    whole, outcomes = (run / name).read_bytes(), []
    for _ in range(25):
        new = damaged_bytes(whole, rng)
        if name.endswith(".json") and rng.random() < 0.7:
            new = json.dumps(damaged_value(json.loads(whole), rng)).encode()
        (copied / name).write_bytes(new)
        outcomes.append(told(lambda: pages.write_report(copied)))
    assert any(outcomes) or name == "config.gin"


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", ["study.json", "tested.json", "inside.json", "depth4/seed0/evaluation.json"])
def test_a_study(study: Path, tmp_path: Path, name: str, seed: int):
    rng, copied = random.Random(seed), tmp_path / "study"
    shutil.copytree(study, copied)
    whole, outcomes = (study / name).read_bytes(), []
    for _ in range(25):
        new = json.dumps(damaged_value(json.loads(whole), rng)).encode()
        (copied / name).write_bytes(damaged_bytes(whole, rng) if rng.random() < 0.2 else new)
        outcomes.append(told(lambda: pages.write_study_page(copied)))
    assert any(outcomes) and {path.name for path in tmp_path.iterdir()} == {"study"}
