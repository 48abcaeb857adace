"""The run directory: what a run writes, and how a continued run picks it up."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PyTree
from tensorboardX import SummaryWriter

from ._checkpoint import CheckpointError, Checkpoints, DamagedError, resume_directory, snapshots_directory


class Run:
    """Metrics, TensorBoard files, agent snapshots and resume states under one directory.

    Attributes:
        directory: where everything lies; made where it is missing.
        logged: the environment steps of the last line of `metrics.jsonl`, or -1.
    """

    def __init__(self, directory: Path | str):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.metrics_file = self.directory / "metrics.jsonl"
        self.logged: int = -1
        self._resume = Checkpoints(resume_directory(self.directory), keep=2)
        self._snapshots = Checkpoints(snapshots_directory(self.directory))
        for checkpoints in (self._resume, self._snapshots):
            checkpoints.remove_leftovers()
        self._board: SummaryWriter | None = None
        self._started = time.monotonic()

    @property
    def busy(self) -> bool:
        """Whether a state is still being written."""
        return self._resume.busy

    def save(self, state: PyTree) -> None:
        """Writes a state to go on from, in the background, where it is not there already."""
        moment = int(state.env_steps) + int(state.updates)
        if moment not in self.moments():
            self._resume.save(moment, state)

    def wait(self) -> None:
        """Returns when no state is being written any more; raises what went wrong while writing."""
        self._resume.wait()

    def snapshot(self, env_steps: int, agent: PyTree) -> None:
        """Writes the agent as it is at an evaluation, where it is not there already."""
        if env_steps not in self._snapshots.steps():
            self._snapshots.save(env_steps, agent)

    def log(self, env_steps: int, updates: int, metrics: dict[str, int | float]) -> dict[str, int | float]:
        """Appends one line to `metrics.jsonl` and to TensorBoard's file, and returns it."""
        line = {"env_steps": env_steps, "updates": updates, "seconds": round(self.seconds, 3), **metrics}
        with self.metrics_file.open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
        if self._board is None:
            self._board = SummaryWriter(str(self.directory / "tb"), purge_step=env_steps)
        for name, value in metrics.items():
            self._board.add_scalar(name, value, env_steps)
        self._board.flush()
        self.logged = env_steps
        return line

    @property
    def seconds(self) -> float:
        """Seconds spent on the run, those before a resume included."""
        return time.monotonic() - self._started

    def close(self) -> None:
        """Finishes every file."""
        if self._board is not None:
            self._board.close()
        self._resume.close()
        self._snapshots.close()

    def moments(self) -> list[int]:
        """The moments of the states held: steps and updates together, which grow with every collect and update."""
        return self._resume.steps()

    def read(self, moment: int, like: PyTree) -> PyTree:
        """The state of a moment; `DamagedError` where it does not verify."""
        return self._resume.restore(like, moment)[1]

    def rewind(self, moment: int, state: PyTree | None) -> None:
        """Goes back to the state of a moment: what was written behind it is removed, or set aside."""
        self._resume.set_aside(after=moment)
        env_steps, updates = (-1, -1) if state is None else (int(state.env_steps), int(state.updates))
        lines = read_metrics(self.metrics_file)
        kept = [line for line in lines if line["env_steps"] <= env_steps and line["updates"] <= updates]
        if self.metrics_file.exists():
            new = self.metrics_file.with_suffix(".jsonl.new")
            new.write_text("".join(json.dumps(line) + "\n" for line in kept))
            os.replace(new, self.metrics_file)
        if kept:
            self.logged = int(kept[-1]["env_steps"])
            self._started -= kept[-1]["seconds"]
        self._snapshots.remove(after=self.logged)


def restore(runs: Sequence[Run], like: PyTree) -> tuple[list[PyTree] | None, list[str]]:
    """The newest states of one moment that verify in all runs, and a sentence for each newer one that does not.

    `None` where all runs are new. Lines of `metrics.jsonl` behind those states are cut off, in one atomic rename, and
    written again by the run; so are snapshots. Newer states, which do not verify or which not all runs hold, are moved
    to `checkpoints/resume_damaged`.

    Raises:
        CheckpointError: there are states, and none of one moment that verify.
    """
    held = [set(run.moments()) for run in runs]
    moments, damaged = set.intersection(*held), []
    if not any(held):
        for run in runs:
            run.rewind(-1, None)
        return None, []
    for moment in sorted(moments, reverse=True):
        try:
            states = [run.read(moment, like) for run in runs]
        except DamagedError as e:
            damaged.append(str(e))
            continue
        for run, state in zip(runs, states, strict=True):
            run.rewind(moment, state)
        return states, damaged
    where = ", ".join(str(run.directory) for run in runs)
    raise CheckpointError(" ".join(damaged) or f"The runs in {where} hold no states of the same moment to go on from.")


def read_metrics(path: Path | str) -> list[dict[str, int | float]]:
    """The lines of a `metrics.jsonl`; a last line that was cut by a kill is left out.

    Raises:
        ValueError: another line is damaged.
    """
    path, lines = Path(path), []
    if not path.exists():
        return lines
    for number, text in enumerate(path.read_text().splitlines(keepends=True), start=1):
        if text.endswith("\n"):
            try:
                lines.append(json.loads(text))
            except ValueError as e:
                raise ValueError(f"{path} is damaged: line {number} is no line of metrics.") from e
    return lines


def to_devices(state: PyTree, shardings: PyTree) -> PyTree:
    """Puts every array of a state where it belongs."""
    arrays, static = eqx.partition(state, lambda x: eqx.is_array(x) or isinstance(x, np.ndarray))
    # A leaf that is no array, such as a network's activation, has a place in `shardings` that it does not need.
    where = jax.tree.map(lambda x, s: None if x is None else s, arrays, shardings, is_leaf=lambda x: x is None)
    return eqx.combine(jax.device_put(arrays, where), static)
