"""A dataset of stored episodes, in OGBench's file format (Park et al. 2025, arXiv 2410.20092)."""

import io
import math
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
from .._memory import host_memory_available
from .._mesh import shard_envs
from .._replay import Replay
from .._sampling import sampler

_NEEDED, _STATES = ("observations", "actions", "terminals"), ("qpos", "qvel")
_READ = (*_NEEDED, *_STATES, "achieved_goals", "commanded_goals")
_MOST_ROWS, _LONGEST_HEADER = 2**31 - 1, 16_384
_ROWS_A_CALL = 8_192  # states whose achieved goals are computed at once
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


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
        """Raises `ValueError` for what is no path; the file is looked at when a run begins."""
        if not isinstance(file, str) or not file:
            raise ValueError(f"`file` of Offline must be the path of an npz file; got {file!r}.")
        self.file = file

    @property
    def steps_per_collect(self) -> int:
        return 0

    @property
    def collects_before_updates(self) -> int:
        return 1

    def check(self, batch_size: int, devices: int) -> None:
        if devices * batch_size >= 2**31:
            raise ValueError(
                f"`devices` x `batch_size` of Trainer must stay below 2^31 with Offline; got {devices} x {batch_size}."
            )

    def init(self, env: AbstractEnv, policy: AbstractPolicy, devices: int, key: Key[Array, ""]) -> OfflineState:
        """Raises `ValueError` where the file is no dataset of this task, or takes more memory than is free."""
        del policy, key
        shapes = self._shapes(env)
        rows = shapes["observations"][0] // devices
        if rows < 2:
            raise ValueError(f"{self.file} has {rows} rows for each of {devices} devices; 2 at least are needed.")
        number = jnp.result_type(float)  # what JAX computes in
        kept = {name: jax.ShapeDtypeStruct((rows, devices, *shapes[name][1:]), number) for name in shapes}
        kept["episode"] = kept["last"] = jax.ShapeDtypeStruct((rows, devices), jnp.int32)
        del kept["terminals"]
        # Read when the program runs: as a constant of it, the dataset would be held several times over.
        found = jax.pure_callback(lambda: _read(Path(self.file), kept), kept)
        achieved = found.get("achieved_goals")
        if achieved is None:
            achieved = _achieved(env, found["qpos"], found["qvel"])
        commanded = found.get("commanded_goals")
        if commanded is None:
            commanded = jnp.take_along_axis(achieved, found["last"][..., None], axis=0)
        return OfflineState(
            Replay(
                obs=found["observations"],
                action=jnp.clip(found["actions"], -1, 1),
                achieved=achieved,
                commanded=commanded,
                episode=found["episode"],
                terminated=jnp.zeros((rows, devices), bool),
                head=jnp.int32(0),
                fill=jnp.int32(rows),
            )
        )

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

    def _shapes(self, env: AbstractEnv) -> dict[str, tuple[int, ...]]:
        """The shapes of the arrays that are read, from their headers alone."""
        shapes, total = {}, 0
        try:
            if not Path(self.file).is_file():  # a pipe would wait for ever
                raise ValueError("there is no such file")
            with zipfile.ZipFile(self.file) as archive:
                members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
                for name in filter(members.__contains__, _READ):
                    with archive.open(members[name]) as stream:
                        head = io.BytesIO(stream.read(_LONGEST_HEADER))
                    shape, _, dtype = _HEADERS[np.lib.format.read_magic(head)](head)
                    size = head.tell() + math.prod(shape) * dtype.itemsize
                    if dtype.kind not in "fiub" or members[name].file_size != size:
                        raise ValueError(f"{name} are no plain numbers, or not as many as their header says")
                    shapes[name], total = shape, total + size
        except Exception as e:  # what zipfile, its decompressors and NumPy's parser raise for damage is open-ended
            reason = " ".join(str(getattr(e, "strerror", None) or e).split())[:200].rstrip(".") or type(e).__name__
            raise ValueError(f"`file` of Offline, {self.file}, is no npz file of a dataset: {reason}.") from e
        lacks = [name for name in _NEEDED if name not in shapes]
        if not lacks and not ("achieved_goals" in shapes or shapes.keys() >= set(_STATES)):
            lacks = ["achieved_goals, or qpos and qvel"]
        if lacks:
            raise ValueError(f"`file` of Offline, {self.file}, lacks {', '.join(lacks)}.")
        free = host_memory_available()
        if 2 * total > free:  # as it is read, and as it is held
            needed = f"{2 * total / 1e9:,.1f} GB of memory"
            raise ValueError(f"{self.file} takes {needed}, and {free / 1e9:,.1f} GB are free.")
        if "achieved_goals" in shapes:
            shapes = {name: shape for name, shape in shapes.items() if name not in _STATES}
        physics = jax.eval_shape(env.begin, jax.random.key(0))[0]
        sizes = {
            "observations": env.obs_size,
            "actions": env.action_size,
            "achieved_goals": env.goal_size,
            "commanded_goals": env.goal_size,
            "qpos": physics.qpos.size,
            "qvel": physics.qvel.size,
        }
        rows = shapes["observations"][:1]
        if not rows or not 2 <= rows[0] <= _MOST_ROWS:
            raise ValueError(f"{self.file} must have from 2 to 2^31 - 1 rows; its observations are {list(rows)}.")
        for name, shape in shapes.items():
            wanted = rows if name == "terminals" else (*rows, sizes[name])
            if shape != wanted:
                raise ValueError(
                    f"`{name}` of {self.file} must have the shape {list(wanted)} for {type(env).__name__}, not "
                    f"{list(shape)}."
                )
        return shapes


def _read(file: Path, kept: dict[str, jax.ShapeDtypeStruct]) -> dict[str, Any]:
    """The arrays of the file, [rows, column, ...], with the number of each row's episode and its last row."""
    rows, columns = kept["episode"].shape

    def ring(name: str, values: np.ndarray) -> np.ndarray:
        parts = values[: rows * columns].reshape(columns, rows, *values.shape[1:])
        return np.ascontiguousarray(np.swapaxes(parts, 0, 1)).astype(kept[name].dtype)

    with np.load(file, allow_pickle=False) as found:
        data = {name: ring(name, found[name]) for name in kept if name not in ("episode", "last")}
        ends = np.asarray(found["terminals"]).astype(bool)
    episode = ring("episode", np.concatenate([[0], np.cumsum(ends)[:-1]]))
    closes = np.concatenate([episode[1:] != episode[:-1], np.ones((1, columns), bool)])
    age = np.arange(rows)[:, None]
    last = np.minimum.accumulate(np.where(closes, age, rows)[::-1], axis=0)[::-1]
    return data | {"episode": episode, "last": last.astype(kept["last"].dtype)}


def _achieved(
    env: AbstractEnv, qpos: Float[Array, "rows column nq"], qvel: Float[Array, "rows column nv"]
) -> Float[Array, "rows column goal"]:
    """What stored states achieve, by the task."""
    goal = jnp.zeros(env.goal_size, qpos.dtype)

    def one(state: tuple[Array, Array]) -> Array:
        physics = Physics(*state, jnp.zeros_like(state[1]))
        return env.advance(physics, goal, jnp.zeros(env.action_size), jnp.ones((), bool)).achieved

    states = jax.tree.map(lambda x: x.reshape(-1, x.shape[-1]), (qpos, qvel))
    return jax.lax.map(one, states, batch_size=_ROWS_A_CALL).reshape(*qpos.shape[:2], -1)
