"""Random mistakes in configurations, flags and mazes: each is built, or refused in one sentence with exit status 2.

A configuration or a maze may by chance still make sense, and is built then. What counts is that nothing ends in a
traceback, hangs, or takes memory without bound (`hostile_stage.bounded`).
"""

import collections
import random
from collections.abc import Callable
from pathlib import Path

import bench
import evaluate
import exits
import hostile_fuzz
import inside
import launch
import publish
import pytest
import show
import study
import tasks
import view
from hostile_stage import Outcome, bounded, complaints, drive
from tool_runs import ROOT, as_a_user

import envs

CONFIGS = ("quickstart.gin", "ant_u_maze.gin", "humanoid_16.gin", "study/depth_laptop.gin")
# Each tool with a command that ends at once: what is random in it is refused, or is not reached.
TOOLS = {
    launch: ["--gin", "none.gin", "--dry_run"],
    study: ["--gin", "none.gin", "--dry_run"],
    show: ["--gin", "none.gin"],
    view: ["--gin", "none.gin"],
    evaluate: ["--run_dir", "none"],
    inside: ["--run_dir", "none"],
    publish: ["--run_dir", "none", "--out", "out"],
    bench: ["nothing"],
    tasks: ["--root=/dev/null/x"],
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with as_a_user(monkeypatch):
        yield


def counted(seeds: range, one: Callable[[int], tuple[str, Outcome]], capfd: pytest.CaptureFixture[str]) -> None:
    """Does one thing for each seed; prints how the things ended, and fails for what ended as nothing should."""
    counts: collections.Counter[tuple[str, int]] = collections.Counter()
    wrong = []
    for seed in seeds:
        what, ended = one(seed)
        counts[what, ended.status] += 1
        wrong += [f"seed {seed}: {what}: {text}: {ended.err[-500:]}" for text in complaints(ended)]
    with capfd.disabled():
        print(f"\nseeds {seeds.start} to {seeds.stop - 1}: what | exit status | number")
        for (what, status), number in sorted(counts.items()):
            print(f"{what} | {status} | {number}")
    assert not wrong, "\n".join(wrong)


def flat(file: Path) -> str:
    """A configuration with the texts of what it includes in their places."""
    lines = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("include "):
            name = line.split("'")[1]
            lines.append(flat(next(folder / name for folder in (file.parent, ROOT) if (folder / name).exists())))
        elif line and not line.startswith("#"):
            lines.append(line)
    return "\n".join(lines)


def fuzz_configs(seeds: range, capfd: pytest.CaptureFixture[str]) -> None:
    def one(seed: int) -> tuple[str, Outcome]:
        rng = random.Random(seed)
        name = rng.choice(CONFIGS)
        text = hostile_fuzz.config(rng, flat(ROOT / "configs" / name))
        Path("fuzzed.gin").write_bytes(text.encode("utf-8", "surrogatepass"))
        tool = study if "study" in name else launch
        return name, drive(tool, ["--gin", "fuzzed.gin", "--dry_run"], capfd)

    counted(seeds, one, capfd)


def fuzz_flags(seeds: range, capfd: pytest.CaptureFixture[str]) -> None:
    def one(seed: int) -> tuple[str, Outcome]:
        rng = random.Random(seed)
        tool = rng.choice(list(TOOLS))
        # With another root the page of tasks is made anew there, which takes an hour.
        flags = {name: str(tool.FLAGS[name].value) for name in tool.FLAGS if name != "root"}
        return tool.__name__, drive(tool, hostile_fuzz.arguments(rng, flags, TOOLS[tool]), capfd)

    counted(seeds, one, capfd)


def fuzz_mazes(seeds: range, capfd: pytest.CaptureFixture[str]) -> None:
    def one(seed: int) -> tuple[str, Outcome]:
        rng = random.Random(seed)
        maze, size = hostile_fuzz.maze(rng)
        make = rng.choice([envs.PointMaze, envs.AntMaze])
        try:
            with bounded():
                make(maze=maze, cell_size=size)
        except ValueError as e:
            return make.__name__, Outcome(exits.MISTAKE, "", f"error: {exits.sentence(e)}\n")
        return make.__name__, Outcome(exits.SUCCESS, "", "")

    counted(seeds, one, capfd)


def test_mistakes_in_configurations(capfd):
    fuzz_configs(range(4), capfd)


def test_mistakes_in_flags(capfd):
    fuzz_flags(range(30), capfd)


def test_mistakes_in_mazes(capfd):
    fuzz_mazes(range(10), capfd)


@pytest.mark.proof
@pytest.mark.parametrize("fuzz", [fuzz_configs, fuzz_flags, fuzz_mazes])
def test_two_hundred_mistakes(fuzz: Callable[..., None], capfd):
    fuzz(range(1_000, 1_200), capfd)
