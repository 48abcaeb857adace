"""Checkpoints that are verified when they are read. Orbax writes them; digests say whether they came back whole."""

import hashlib
import json
import shutil
from pathlib import Path

import equinox as eqx
import jax
import jax.random as jr
import numpy as np
import orbax.checkpoint as ocp
from jaxtyping import PyTree

from ._algorithm import Agent


class CheckpointError(ValueError):
    """A checkpoint that is missing, damaged, or of another run."""


class DamagedError(CheckpointError):
    """A checkpoint whose bytes are not those that were saved."""


class Checkpoints:
    """The checkpoints of one kind in one directory, numbered by step.

    Every array is stored under its path in the pytree with a SHA-256 of its bytes, its shape and its type.
    """

    def __init__(self, directory: Path, keep: int | None = None):
        """`keep`: how many of the newest steps stay; `None` keeps all."""
        self.directory = directory.resolve()
        self.directory.mkdir(parents=True, exist_ok=True)
        options = ocp.CheckpointManagerOptions(max_to_keep=keep, enable_async_checkpointing=True)
        self._manager = ocp.CheckpointManager(self.directory, options=options, item_names=("arrays", "leaves"))

    def remove_leftovers(self) -> None:
        """Removes the half-written steps of a killed run. Only who writes here may: a save under way looks the same."""
        for leftover in self.directory.glob("*.orbax-checkpoint-tmp*"):
            shutil.rmtree(leftover)

    @property
    def busy(self) -> bool:
        """Whether a save is still being written."""
        return self._manager.is_saving_in_progress()

    def steps(self) -> list[int]:
        """The steps held, oldest first."""
        return sorted(self._manager.all_steps())

    def save(self, step: int, tree: PyTree, wait: bool = False) -> None:
        """Writes the arrays of `tree` in the background (or before it returns, with `wait`).

        The arrays are copied first: the next update may overwrite a donated buffer while Orbax still reads it.
        """
        self._manager.wait_until_finished()
        arrays = {name: _to_host(leaf) for name, leaf in _named(tree).items()}
        leaves = {name: _describe(array) | {"sha256": _digest(array)} for name, array in arrays.items()}
        leaves = {"arrays": leaves, "sha256": _digest_json(leaves)}
        stored = {name: array for name, array in arrays.items() if array.size}
        written = self._manager.save(
            step,
            args=ocp.args.Composite(arrays=ocp.args.StandardSave(stored), leaves=ocp.args.JsonSave(leaves)),
            force=True,  # else Orbax skips, without a word, a step behind the newest
        )
        if not written:
            raise CheckpointError(f"Step {step} could not be saved in {self.directory}.")
        if wait:
            self.wait()

    def wait(self) -> None:
        """Returns when nothing is being written any more; raises what went wrong while writing."""
        self._manager.wait_until_finished()
        self._manager.check_for_errors()

    def set_aside(self, after: int) -> None:
        """Moves the steps behind `after` into `<directory>_damaged`, out of the way of new ones."""
        for step in [step for step in self.steps() if step > after]:
            aside = self.directory.parent / f"{self.directory.name}_damaged"
            aside.mkdir(exist_ok=True)
            shutil.rmtree(aside / str(step), ignore_errors=True)
            (self.directory / str(step)).rename(aside / str(step))
        self._manager.reload()

    def remove(self, after: int) -> None:
        """Removes the steps behind `after`."""
        for step in [step for step in self.steps() if step > after]:
            self._manager.delete(step)

    def restore(self, like: PyTree, step: int | None = None) -> tuple[int, PyTree, list[str]]:
        """Reads a step, or the newest one that verifies.

        Args:
            like: a pytree of `jax.ShapeDtypeStruct` (from `eqx.filter_eval_shape`) to read into.
            step: which one; `None` tries the newest first and falls back to older ones.

        Returns:
            The step, the pytree with NumPy arrays, and one sentence for every newer step that did not verify.

        Raises:
            CheckpointError: no such step, nothing that verifies, or a checkpoint of other shapes than `like`.
        """
        held = self.steps()
        if step is not None and step not in held:
            raise CheckpointError(f"There is no checkpoint of step {step} in {self.directory}; there are {held}.")
        damaged: list[str] = []
        for candidate in [step] if step is not None else reversed(held):
            try:
                return candidate, self._read(candidate, like), damaged
            except _Damaged as e:
                damaged.append(f"Step {candidate} in {self.directory} does not verify: {e}.")
        if damaged:
            raise DamagedError(" ".join(damaged))
        raise CheckpointError(f"There is no checkpoint in {self.directory}.")

    def _read(self, step: int, like: PyTree) -> PyTree:
        wanted = _named(like)
        try:
            record = self._manager.restore(step, args=ocp.args.Composite(leaves=ocp.args.JsonRestore()))["leaves"]
            leaves, sound = record["arrays"], record["sha256"] == _digest_json(record["arrays"])
        except Exception as e:  # Orbax and TensorStore raise many types for a file that is cut or garbled.
            raise _Damaged(f"its list of arrays cannot be read ({type(e).__name__})") from e
        if not sound:
            raise _Damaged("its list of arrays is not the one that was saved")
        stored = {name: {"shape": leaf["shape"], "dtype": leaf["dtype"]} for name, leaf in leaves.items()}
        expected = {name: _describe(_template(leaf)) for name, leaf in wanted.items()}
        for name in sorted(expected.keys() | stored.keys()):
            if expected.get(name) != stored.get(name):
                raise CheckpointError(
                    f"Step {step} in {self.directory} is of another run: {name} is "
                    f"{_say(stored.get(name))} there and {_say(expected.get(name))} here."
                )
        template = {name: _template(leaf) for name, leaf in wanted.items() if _template(leaf).size}
        try:
            arrays = self._manager.restore(step, args=ocp.args.Composite(arrays=ocp.args.StandardRestore(template)))[
                "arrays"
            ]
        except Exception as e:
            raise _Damaged(f"its arrays cannot be read ({type(e).__name__})") from e
        for name, array in arrays.items():
            if _digest(array) != leaves[name]["sha256"]:
                raise _Damaged(f"the bytes of {name} are not those that were saved")
        return _rebuild(like, {name: arrays.get(name, _template(leaf)) for name, leaf in wanted.items()})

    def close(self) -> None:
        """Finishes what is being written and lets go of the directory."""
        self.wait()
        self._manager.close()


class _Damaged(Exception):
    """A step whose bytes are not those that were saved; the sentence's middle."""


def load_agent(run_dir: Path | str, like: Agent, step: int | None = None) -> tuple[int, Agent]:
    """The agent of a run at an evaluation, for acting and judging: its optimiser is `None`.

    Args:
        run_dir: a run directory.
        like: the agent's shapes, `eqx.filter_eval_shape(algorithm.init, env, key)`.
        step: environment steps of the snapshot; `None` for the newest that verifies.

    Raises:
        CheckpointError: see `Checkpoints.restore`.
    """
    directory = snapshots_directory(Path(run_dir))
    if not directory.is_dir():
        raise CheckpointError(f"There are no agent snapshots in {run_dir}: {directory} does not exist.")
    checkpoints = Checkpoints(directory)
    try:
        step, agent, _ = checkpoints.restore(Agent(like.networks, None), step)
    finally:
        checkpoints.close()
    return step, jax.tree.map(lambda x: jax.numpy.asarray(x) if isinstance(x, np.ndarray) else x, agent)


def load_state(run_dir: Path | str, like: PyTree) -> PyTree:
    """The newest state of a run that verifies, replay and optimiser included, with NumPy arrays.

    Args:
        run_dir: a run directory.
        like: the state's shapes, `eqx.filter_eval_shape(trainer.init, key)`.

    Raises:
        CheckpointError: see `Checkpoints.restore`.
    """
    directory = resume_directory(Path(run_dir))
    if not directory.is_dir():
        raise CheckpointError(f"There is no state to go on from in {run_dir}: {directory} does not exist.")
    checkpoints = Checkpoints(directory)
    try:
        return checkpoints.restore(like)[1]
    finally:
        checkpoints.close()


def snapshots_directory(run_dir: Path) -> Path:
    """Where a run keeps its agent snapshots."""
    return run_dir / "checkpoints" / "agents"


def resume_directory(run_dir: Path) -> Path:
    """Where a run keeps the whole states it can go on from."""
    return run_dir / "checkpoints" / "resume"


def _is_leaf_array(x) -> bool:
    return eqx.is_array(x) or isinstance(x, jax.ShapeDtypeStruct | np.ndarray)


def _named(tree: PyTree) -> dict:
    """Every array of a pytree by its path, such as `agent.networks.actor.head.weight`."""
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(tree, _is_leaf_array))
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def _rebuild(like: PyTree, arrays: dict) -> PyTree:
    def read(path, leaf):
        if not _is_leaf_array(leaf):
            return leaf
        array = arrays[jax.tree_util.keystr(path, simple=True, separator=".")]
        return jr.wrap_key_data(array) if _is_key(leaf) else array

    return jax.tree_util.tree_map_with_path(read, like)


def _is_key(leaf) -> bool:
    return jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _to_host(leaf) -> np.ndarray:
    return np.array(jr.key_data(leaf) if _is_key(leaf) else leaf)


def _template(leaf) -> np.ndarray:
    """An array of the right shape and type that takes no memory."""
    if _is_key(leaf):
        leaf = jax.eval_shape(jr.key_data, leaf)
    return np.broadcast_to(np.zeros((), leaf.dtype), leaf.shape)


def _describe(array: np.ndarray) -> dict:
    return {"shape": list(array.shape), "dtype": str(array.dtype)}


def _say(leaf: dict | None) -> str:
    return "missing" if leaf is None else f"{leaf['dtype']}{leaf['shape']}"


def _digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def _digest_json(value: dict) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
