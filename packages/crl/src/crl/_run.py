"""The run directory: what a run writes, and how a resumed run picks it up."""

import secrets
import time
from collections.abc import Sequence
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PyTree

from ._board import Board
from ._checkpoint import CheckpointError, Checkpoints, DamagedError
from ._folder import Folder
from ._json import to_json
from ._saved import IDENTITY, METRICS, RESUME, SNAPSHOTS, identity, metrics_lines

_NOTHING = -1, -1
_LOGGED = "logged_env_steps", "logged_updates"


class Run:
    """Metrics, TensorBoard files, agent snapshots and resume states under one directory; closed by `with`.

    Attributes:
        directory: where everything lies, absolute; made where it is missing.
        identity: 32 hexadecimal digits, drawn for a new run; its checkpoints carry them.
        metrics_file: the records, one JSON object a line.
        clock: where the run was by its clock when the restored state was saved; `None` for a new run.
        logged: environment steps and updates of the last record in `metrics.jsonl`, or -1 and -1.
    """

    def __init__(self, directory: Path | str):
        """
        Raises:
            ValueError: a checkpoint in such a path could not be read.
            FileError, CheckpointError: what is there is no run directory that can be resumed.
        """
        self._folder = Folder(directory)
        self.directory, self.metrics_file = self._folder.path, self._folder.path / METRICS
        check_path(self.directory)
        self._folder.make()
        found = identity(self._folder)
        self.identity = secrets.token_hex(16) if found is None else found
        self._resume = Checkpoints(self._folder.folder(RESUME, make=True), self.identity, keep=2)
        self._snapshots = Checkpoints(self._folder.folder(SNAPSHOTS, make=True), self.identity)
        if found is None:
            self._folder.write_json(IDENTITY, {"identity": self.identity})
        for checkpoints in (self._resume, self._snapshots):
            checkpoints.remove_leftovers()
        self.clock: int | None = None
        self.logged: tuple[int, int] = _NOTHING
        self._board = Board(self.directory / "tb")
        self._started = time.monotonic()

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def busy(self) -> bool:
        """Whether a state is still being written; raises what went wrong where that failed."""
        return self._resume.busy

    def save(self, step: int, env_steps: int, updates: int, state: PyTree) -> None:
        """Writes a state to resume from, in the background, where it is not there already."""
        moment = env_steps + updates
        if moment not in self.moments():
            logged = dict(zip(_LOGGED, self.logged, strict=True))
            self._resume.save(moment, state, clock=step, env_steps=env_steps, updates=updates, **logged)

    def wait(self) -> None:
        """Returns when no state is being written any more; raises what went wrong while writing."""
        self._resume.wait()

    def snapshot(self, step: int, env_steps: int, updates: int, networks: PyTree) -> None:
        """Writes the networks as they are at an evaluation, where they are not there already.

        `step` names the snapshot: `env_steps`, or `updates` where those are the run's clock.
        """
        if step not in self._snapshots.steps():
            self._snapshots.save(step, networks, env_steps=env_steps, updates=updates)

    def log(self, step: int, env_steps: int, updates: int, metrics: dict[str, int | float]) -> dict[str, int | float]:
        """Appends one record to `metrics.jsonl` and to TensorBoard's file, there at `step`, and returns it."""
        line = {"env_steps": env_steps, "updates": updates, "seconds": round(self.seconds, 3), **metrics}
        self._folder.append(METRICS, to_json(line) + "\n")
        self._board.write(step, metrics)
        self.logged = env_steps, updates
        return line

    @property
    def seconds(self) -> float:
        """Seconds spent on the run, those before a resume included."""
        return time.monotonic() - self._started

    def close(self) -> None:
        """Finishes every file."""
        self._board.close()
        try:
            self._resume.close()
        finally:
            self._snapshots.close()

    def moments(self) -> list[int]:
        """The moments of the states held: steps and updates together, which grow with every collect and update."""
        return self._resume.steps()

    def read(self, moment: int, like: PyTree) -> PyTree:
        """The state of a moment; `DamagedError` where it does not verify."""
        return self._resume.restore(like, moment)[1]

    def rewind(self, moment: int | None) -> list[str]:
        """Returns to the state of a moment, or to none: what was written behind it is removed, or set aside.

        Returns:
            A sentence for what is missing of the run before that moment.
        """
        self._resume.set_aside(after=-1 if moment is None else moment)
        about = {} if moment is None else self._resume.record(moment)["about"]
        step, env_steps, updates = (about.get(name, -1) for name in ("clock", "env_steps", "updates"))
        self.clock = None if moment is None else step
        lines = metrics_lines(self.metrics_file)
        kept = [(line, one) for line, one in lines if one["env_steps"] <= env_steps and one["updates"] <= updates]
        if self._folder.has(METRICS):
            self._folder.write(METRICS, "".join(f"{line}\n" for line, _ in kept))
        if kept:
            last = kept[-1][1]
            self.logged = int(last["env_steps"]), int(last["updates"])
            self._started -= last["seconds"]
        self._snapshots.remove([other for other in self._snapshots.steps() if self._is_later(other, step, updates)])
        if moment is None:
            anew = f"{self.directory} holds no saved state: the run starts anew and replaces {len(lines)} records."
            return [anew] if lines else []
        logged = tuple(about.get(name, -1) for name in _LOGGED)
        if self.logged >= logged:
            return []
        return [
            f"{self.metrics_file} ends at {_reached(*self.logged)}, and this state was saved when it reached "
            f"{_reached(*logged)}: the records between are lost; snapshots are kept."
        ]

    def _is_later(self, other: int, step: int, updates: int) -> bool:
        """Whether the snapshot of step `other` is of the run's future after `updates`: many may follow at one step."""
        if other != step:
            return other > step
        try:
            return self._snapshots.record(other)["about"].get("updates", -1) > updates
        except CheckpointError:
            return True  # it would be made anew


def _reached(env_steps: int, updates: int) -> str:
    return "its beginning" if env_steps < 0 else f"env step {env_steps} and update {updates}"


def check_path(directory: Path) -> None:
    """Raises `ValueError` where a path has a character with which Orbax's files are not found again."""
    if "\\" in str(directory) or str(directory).encode("utf-8", "replace").decode("utf-8") != str(directory):
        raise ValueError(
            f"The run directory {str(directory)!r} has a backslash or bytes that are no UTF-8 in its path, and a "
            "checkpoint there could not be read back; choose another one."
        )


def restore(runs: Sequence[Run], like: PyTree) -> tuple[list[PyTree] | None, list[str]]:
    """The newest states of one moment that verify in all runs, and sentences on what is lost or did not verify.

    `None` where all runs are new. Records of `metrics.jsonl` behind those states are cut off, in one atomic rename, and
    written again by the run; so are snapshots. Newer states, which do not verify or which not all runs hold, are moved
    to `checkpoints/resume_damaged`.

    Raises:
        CheckpointError: there are states, and none of one moment that verify.
    """
    held = [set(run.moments()) for run in runs]
    moments, damaged = set.intersection(*held), []
    if not any(held):
        return None, [sentence for run in runs for sentence in run.rewind(None)]
    for moment in sorted(moments, reverse=True):
        try:
            states = [run.read(moment, like) for run in runs]
        except DamagedError as e:
            damaged.append(f"{e} An older one is used.")
            continue
        lost = [sentence for run in runs for sentence in run.rewind(moment)]
        return states, damaged + lost
    where = ", ".join(str(run.directory) for run in runs)
    reasons = " ".join(sentence.removesuffix(" An older one is used.") for sentence in damaged)
    raise CheckpointError(reasons or f"The runs in {where} hold no states of the same moment to resume from.")


def to_devices(state: PyTree, shardings: PyTree) -> PyTree:
    """Puts every array of a state where it belongs."""
    arrays, static = eqx.partition(state, lambda x: eqx.is_array(x) or isinstance(x, np.ndarray))
    # A leaf that is no array, such as a network's activation, has a place in `shardings` that it does not need.
    where = jax.tree.map(lambda x, s: None if x is None else s, arrays, shardings, is_leaf=lambda x: x is None)
    return eqx.combine(jax.device_put(arrays, where), static)
