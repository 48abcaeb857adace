"""The tools as a user starts them, and one tiny finished run that the tests of the tools share."""

import fcntl
import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import devices
import jax
import jaxtyping
import processes
import pytest
from environment import FEWER_PASSES, users_environment

import envs  # noqa: F401 - it must act before JAX starts

ROOT = Path(__file__).parent.parent
QUICKSTART = ("--gin", str(ROOT / "configs/quickstart.gin"))
# The quickstart with seconds of work in it.
TINY = (
    "train.env_steps = 480",
    "train.eval_every = 240",
    "Online.num_envs = 4",
    "Online.unroll = 20",
    "Trainer.updates_per_collect = 2",
    "Trainer.batch_size = 16",
    "Online.capacity_per_env = 100",
    "Online.prefill_per_env = 20",
    "Evaluator.episodes = 4",
    "envs.PointMaze.episode_length = 30",
    "nets.ResidualMLP.width = 16",
)


@contextmanager
def as_a_user(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs a tool in this process as a user has it: no annotation is checked."""
    jax.devices()  # JAX runs from here on, whatever a test does to the environment
    monkeypatch.setattr(devices, "prepare", lambda kind: None)
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", before)


def settings(*values: str) -> list[str]:
    """`--set` for every value."""
    return [word for value in values for word in ("--set", value)]


def start(tool: str, *arguments: str, **environment: str) -> processes.Process:
    """A tool in a process of its own, where every warning is an error; it is killed when the test is over."""
    command = [sys.executable, "-W", "error", ROOT / "tools" / tool, *arguments]
    # XLA's optimisations take longer than what they would save here.
    environment = {"XLA_FLAGS": FEWER_PASSES, **environment}
    return processes.start(command, cwd=ROOT, env=users_environment() | environment)


def content(folder: Path) -> dict[str, str]:
    """A digest of every file under a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def finished_run(base: Path) -> Path:
    """The directory of a run that is over, made by the real command once a session; do not change it.

    `base` is pytest's folder of this process.
    """
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    directory = shared / "runs" / "tiny"
    with (shared / "tiny.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of the workers, the first makes it
        if not (directory / "report.html").exists():
            run = start("launch.py", *QUICKSTART, *settings(*TINY), "--run_dir", str(directory))
            out, err = run.communicate()
            assert run.returncode == 0, out + err
    return directory
