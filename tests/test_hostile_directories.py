"""Tools that are given a stranger's directory run nothing of it, write and read nothing outside it, and say one thing.

Each row of the table (the modules named hostile_*) is a directory made of a good one. Every tool that takes such a
directory is driven in this process, and then:

- all files around it (the user's, their home and state, another run beside) have the digests, times and links they had;
- no file in the directory, or where the tool was told to write, holds what only the user's files held;
- the exit status is 0 where the hostile part does not matter to the tool, and 2 otherwise; then stderr is one line
  `error: ...` without control characters;
- the tool used a bounded amount of memory, and ended.

The proof prints the table. The suite runs, of every sixteenth row, the first tool that refuses it before it trains.
"""

import contextlib
import copy
import fcntl
import functools
import shutil
from collections.abc import Callable
from pathlib import Path

import evaluate
import exits
import experiment
import hostile_checkpoints
import hostile_configs
import hostile_links
import hostile_studies
import hostile_texts
import inside
import jax
import launch
import publish
import pytest
import reading
import show
import study
import view
from configuration import Configuration
from experiment import Experiment
from hostile_rows import ROWS, Row, outcomes
from hostile_stage import Outcome, Stage, complaints, drive
from study_runs import written
from tool_runs import QUICKSTART, ROOT, TINY, as_a_user, finished_run, settings

import evaluation

SOURCES = (hostile_links, hostile_texts, hostile_configs, hostile_checkpoints, hostile_studies)
KNOWN = outcomes()
GRID = "{'nets.ResidualMLP.width': (16,)}"


class Page:
    """Stands in for the page of a live view, which a browser drives elsewhere (tests/test_tools_view.py)."""

    address = "http://localhost:0"

    def __init__(self, session: evaluation.Session, port: int):
        self.session = session

    def run(self) -> None:
        """Would wait for Ctrl-C."""


def command(name: str, stage: Stage) -> tuple[object, list[object]]:
    """The tool and its arguments."""
    theirs, out = stage.theirs, stage.out
    grid = str(stage.root / "grid.gin")
    return {
        "launch": (launch, [*QUICKSTART, *settings(*TINY), "--run_dir", theirs]),
        "launch-on": (launch, [*QUICKSTART, *settings(*TINY, "train.env_steps = 720"), "--run_dir", theirs]),
        "launch--gin": (launch, ["--gin", theirs / "config.gin", "--dry_run", "--run_dir", out / "new"]),
        "show": (show, ["--gin", theirs / "config.gin", "--agents", 1, "--out", out / "show"]),
        "view": (view, ["--run_dir", theirs]),
        "study--gin": (study, ["--gin", theirs / "config.gin", "--out", out / "study", "--dry_run"]),
        "evaluate": (evaluate, ["--run_dir", theirs]),
        "film": (evaluate, ["--run_dir", theirs, "--episodes", 4, "--film", "--out", out / "film"]),
        "inside": (inside, ["--run_dir", theirs, "--out", out / "inside"]),
        "publish": (publish, ["--run_dir", theirs, "--out", out / "published"]),
        "study": (study, ["--gin", grid, *settings(*TINY), "--out", theirs]),
        "evaluate--study": (evaluate, ["--study", theirs, "--episodes", 4]),
        "inside--study": (inside, ["--study", theirs]),
        "publish--study": (publish, ["--study", theirs, "--out", out / "published"]),
    }[name]


@functools.cache
def sized(text: str) -> Experiment:
    """What the configuration of `launch` here describes, which is always the same one; built once."""
    return Experiment(reading.read_text(text, "quickstart"), "auto")


def again(configuration: Configuration, device: str) -> Experiment:
    """`sized`, for a run that may change its arguments."""
    made = copy.copy(sized(configuration.text()))
    made.arguments = dict(made.arguments)
    return made


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A place with the user's files, and nothing of the stranger's yet."""
    made = Stage(tmp_path / "stage")
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(made.root / "work")
    monkeypatch.setattr(evaluation, "Viewer", Page, raising=False)
    monkeypatch.setattr(show, "STEPS", 2)
    with as_a_user(monkeypatch):
        yield made
    made.clear()


@pytest.fixture
def good_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; do not change it."""
    return finished_run(tmp_path_factory.getbasetemp())


@pytest.fixture
def good_study(good_run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished study of that run alone; do not change it."""
    place = good_run.parent / "one_study"
    with (good_run.parent / "study.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "report.html").exists():
            shutil.copytree(good_run, place / "width16" / "seed0", dirs_exist_ok=True)
            with as_a_user(monkeypatch), contextlib.chdir(ROOT):
                grid = written(place.parent, GRID, seeds=(0,))
                arguments = ["study.py", "--gin", grid, *settings(*TINY), "--out", str(place)]
                assert exits.guard(study.main, arguments) == exits.SUCCESS
    return place


def prepare(stage: Stage, good: Path, tool: str) -> None:
    """A fresh copy of a good directory, and nothing written yet."""
    stage.clear()
    shutil.copytree(good, stage.theirs, symlinks=True)
    stage.out.mkdir()
    if tool == "launch":
        (stage.theirs / "report.html").unlink()  # or the run counts as finished, and no checkpoint is read
    if tool == "study--gin":
        stage.append("config.gin", f"import study\nstudy.grid.axes = {GRID}\nstudy.grid.seeds = (0,)\n")
    if (good.parent / "grid.gin").exists():
        shutil.copy(good.parent / "grid.gin", stage.root)


def run_tool(
    tool: str, stage: Stage, capfd: pytest.CaptureFixture[str], report: Callable[..., object] = lambda *_: None
) -> Outcome:
    """Drives a tool by the name of its command; `report` stands in for that of `launch`, which `launch-on` makes."""
    module, arguments = command(tool, stage)
    with pytest.MonkeyPatch.context() as patch:
        if tool == "launch":
            patch.setattr(experiment, "Experiment", again)
            patch.setattr(launch, "_report", report)
        return drive(module, arguments, capfd)


def outcome(row: Row, tool: str, stage: Stage, good: Path, capfd: pytest.CaptureFixture[str]) -> tuple[Outcome, str]:
    """How a tool ends that is given the directory of a row, and what is wrong with that."""
    prepare(stage, good, tool)
    row.make(stage)
    before = stage.outside()
    ended = run_tool(tool, stage, capfd)
    wrong = [*complaints(ended)]
    after = stage.outside()
    wrong += [f"changed {path}" for path in sorted(before.keys() | after.keys()) if before.get(path) != after.get(path)]
    wrong += [f"holds what it must not: {path}" for path in stage.leaks()]
    expected = KNOWN.get((row.id, tool), ended.status)
    if ended.status != expected:
        wrong.append(f"status {ended.status}, not {expected}")
    return ended, "; ".join(wrong)


def show_row(row: Row, tool: str, ended: Outcome, wrong: str, capfd: pytest.CaptureFixture[str]) -> None:
    said = ended.err.strip()[:300] or "the hostile part does not matter"
    with capfd.disabled():
        print(f"\n{row.id} | {tool} | {ended.status} | {said}{f' | WRONG: {wrong}' if wrong else ''}", end="")


SHORT = [
    next((row, tool) for tool in row.tools if KNOWN.get((row.id, tool)) == exits.MISTAKE)
    for row in ROWS[::16]
    if any(KNOWN.get((row.id, tool)) == exits.MISTAKE for tool in row.tools if tool != "launch-on")
]


@pytest.mark.parametrize(("row", "tool"), SHORT, ids=lambda value: getattr(value, "id", value)[:60])
def test_a_hostile_directory_is_refused(row: Row, tool: str, stage: Stage, request: pytest.FixtureRequest, capfd):
    good = request.getfixturevalue("good_study" if row.study else "good_run")
    assert outcome(row, tool, stage, good, capfd)[1] == ""


@pytest.mark.proof
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id[:60])
def test_every_tool_on_a_hostile_directory(row: Row, stage: Stage, request: pytest.FixtureRequest, capfd):
    good = request.getfixturevalue("good_study" if row.study else "good_run")
    found = []
    jax.clear_caches()  # the whole table in one process compiles more programs than the system lets it map
    for tool in row.tools:
        ended, wrong = outcome(row, tool, stage, good, capfd)
        show_row(row, tool, ended, wrong, capfd)
        found += [f"{tool}: {wrong} ({ended.err[-300:]})"] if wrong else []
    assert not found
