"""A dataset of stored episodes, in OGBench's file format (Park et al. 2025, arXiv 2410.20092)."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree

from envs import AbstractEnv, AbstractPolicy, Physics

from .._batch import Batch, BatchSpec
from .._data import AbstractData
from .._memory import memory_available
from .._mesh import shard_envs
from .._replay import Replay
from .._sampling import sampler

_NEEDED = ("observations", "actions", "terminals")
_MOST_ROWS = 2**31 - 1
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_ROWS_A_CALL = 8_192  # states whose achieved goals are computed at once


class OfflineState(eqx.Module):
    """The dataset as a full ring: one column for each device, whose steps are those of a contiguous part of the file.

    Attributes:
        replay: the steps.
    """

    replay: Replay


class Offline(AbstractData[OfflineState]):
    """Batches from a file; nothing is collected, and a run is counted in updates.

    The file is an npz with `observations` [rows, obs], `actions` [rows, action] in [-1, 1] and `terminals` [rows], 1 in
    the last row of every episode, whose action leads nowhere. What a state achieves is `achieved_goals` [rows, goal]
    where the file has them, else it is computed from the states `qpos` and `qvel` by the task. The goals that were
    commanded are `commanded_goals`, or the last achieved one of each episode. Episodes end as by a time limit.

    Attributes:
        file: the path.
    """

    file: str

    def __init__(self, file: str):
        """Raises `ValueError` where that is no such file, or is larger than the memory that is free."""
        if not isinstance(file, str) or not file:
            raise ValueError(f"`file` of Offline must be the path of an npz file; got {file!r}.")
        self.file = str(Path(file).expanduser().absolute())
        self._shapes()

    @property
    def steps_per_collect(self) -> int:
        return 0

    @property
    def collects_before_updates(self) -> int:
        return 1

    def check(self, batch_size: int, devices: int) -> None:
        rows = self._shapes()["observations"][0] // devices
        if rows < 2 or devices * batch_size >= 2**31:
            raise ValueError(
                f"{self.file} has {rows} rows for each of {devices} devices, and `batch_size` of Trainer is "
                f"{batch_size}: at least 2 rows, and devices x batch_size below 2^31, are needed."
            )

    def init(self, env: AbstractEnv, policy: AbstractPolicy, devices: int, key: Key[Array, ""]) -> OfflineState:
        del policy, key
        sizes = {"observations": env.obs_size, "actions": env.action_size}
        shapes = self._shapes()
        for name, size in sizes.items():
            if shapes[name][1:] != (size,):
                raise ValueError(
                    f"`{name}` of {self.file} must have shape [rows, {size}] for {type(env).__name__}; they have "
                    f"{list(shapes[name])}."
                )
        like = jax.eval_shape(lambda: self._empty(env, devices))
        # Read when the program runs: as a constant of it, the dataset would be held several times over.
        return OfflineState(jax.pure_callback(lambda: self._read(env, devices), like))

    def specs(self, state: OfflineState, lead: int = 0) -> PyTree:
        """The columns are shared out over `data`."""
        return jax.tree.unflatten(jax.tree.structure(state), jax.tree.leaves(shard_envs(state.replay, lead + 1)))

    def collect(
        self, env: AbstractEnv, state: OfflineState, policy: AbstractPolicy, devices: int, key: Key[Array, ""]
    ) -> OfflineState:
        """The state as it is."""
        del env, policy, devices, key
        return state

    def sampler(self, env: AbstractEnv, state: OfflineState, spec: BatchSpec) -> Callable[[Key[Array, ""]], Batch]:
        return sampler(env, state.replay, spec)

    def metrics(self, state: OfflineState) -> dict[str, float]:
        del state
        return {}

    def _empty(self, env: AbstractEnv, columns: int) -> Replay:
        rows = self._shapes()["observations"][0] // columns
        return Replay.empty(rows, columns, env.obs_size, env.action_size, env.goal_size)

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the arrays in the file, from their headers alone."""
        shapes = {}
        try:
            with zipfile.ZipFile(self.file) as archive:
                for member in archive.infolist():
                    with archive.open(member) as stream:
                        shape, _, dtype = _HEADERS[np.lib.format.read_magic(stream)](stream)
                    if dtype.hasobject or member.file_size > memory_available() or dtype.kind not in "fiub":
                        raise ValueError(f"{member.filename} holds no plain numbers, or more than fit into memory")
                    shapes[member.filename.removesuffix(".npy")] = shape
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as e:
            reason = " ".join(str(getattr(e, "strerror", None) or e).split())[:200].rstrip(".")
            raise ValueError(f"`file` of Offline, {self.file}, is no npz file of a dataset: {reason}.") from e
        missing = [name for name in _NEEDED if name not in shapes]
        if missing or not ("achieved_goals" in shapes or {"qpos", "qvel"} <= shapes.keys()):
            lacks = missing or ["achieved_goals, or qpos and qvel"]
            raise ValueError(f"`file` of Offline, {self.file}, lacks {', '.join(lacks)}.")
        rows = {shape[:1] for name, shape in shapes.items() if name in (*_NEEDED, "achieved_goals", "commanded_goals")}
        if len(rows) != 1 or not 2 <= next(iter(rows))[0] <= _MOST_ROWS:
            raise ValueError(f"The arrays of {self.file} must have the same number of rows, from 2 to 2^31 - 1.")
        return shapes

    def _read(self, env: AbstractEnv, columns: int) -> Replay:
        """The ring as NumPy arrays, [rows, column, ...]."""
        with np.load(self.file, allow_pickle=False) as found:
            data = {name: found[name] for name in found.files}
        ends = np.asarray(data["terminals"]).astype(bool).reshape(-1)
        episode = np.concatenate([[0], np.cumsum(ends)[:-1]]).astype(np.int32)
        achieved = data["achieved_goals"] if "achieved_goals" in data else _achieved(env, data["qpos"], data["qvel"])
        commanded = data.get("commanded_goals")
        if commanded is None:
            last = np.flatnonzero(np.append(episode[1:] != episode[:-1], True))
            commanded = achieved[last[episode]]
        parts = {
            "obs": data["observations"],
            "action": np.clip(data["actions"], -1, 1),
            "achieved": achieved,
            "commanded": commanded,
            "episode": episode,
            "terminated": np.zeros(len(episode), bool),
        }
        rows = len(episode) // columns
        like = jax.eval_shape(lambda: self._empty(env, columns))
        ring = {
            name: np.ascontiguousarray(
                np.swapaxes(value[: rows * columns].reshape(columns, rows, *value.shape[1:]), 0, 1)
            ).astype(getattr(like, name).dtype)
            for name, value in parts.items()
        }
        return _replay(like, ring, rows)


def _replay(like: Replay, ring: dict[str, Any], rows: int) -> Replay:
    """Built from its leaves: the types of a `Replay` are JAX's, and these arrays are the host's."""
    counts = {"head": np.int32(0), "fill": np.int32(rows)}
    leaves = [(ring | counts)[path[0].name] for path, _ in jax.tree_util.tree_leaves_with_path(like)]
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def _achieved(
    env: AbstractEnv, qpos: Float[np.ndarray, "rows nq"], qvel: Float[np.ndarray, "rows nv"]
) -> Float[np.ndarray, "rows goal"]:
    """What stored states achieve, by the task."""
    goal, size = np.zeros(env.goal_size, np.float32), env.action_size

    @jax.jit
    def compute(qpos: Array, qvel: Array) -> Array:
        def one(qpos: Array, qvel: Array) -> Array:
            physics = Physics(qpos, qvel, jnp.zeros_like(qvel))
            return env.advance(physics, jnp.asarray(goal), jnp.zeros(size), jnp.ones((), bool)).achieved

        return jax.vmap(one)(qpos, qvel)

    parts = [
        np.asarray(compute(*(x[first : first + _ROWS_A_CALL].astype(np.float32) for x in (qpos, qvel))))
        for first in range(0, len(qpos), _ROWS_A_CALL)
    ]
    return np.concatenate(parts)
