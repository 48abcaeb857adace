"""MuJoCo's own C engine inside JAX: a `mujoco.batch.Batch` behind one host callback per control step."""

import contextlib
import threading
from collections import OrderedDict
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import mujoco
import mujoco.batch
import numpy as np
from jax.experimental.buffer_callback import buffer_callback
from jaxtyping import Array, Bool, Float, PyTree

from envs._fields import AFTER_FORCES, check_fields
from envs._physics import AbstractEngine, Fields, Physics
from envs._threads import POOL_IS_WIDE, cpus

_Outputs = TypeVar("_Outputs")
_VEL = mujoco.mjtStage.mjSTAGE_VEL.value
_KEPT_BATCHES = 8  # training, evaluation, a film and single environments each have their own batch size


class _Simulations:
    """The host side: one `Batch` per batch size, one lock, no JAX."""

    def __init__(self, model: mujoco.MjModel, frame_skip: int, fields: tuple[str, ...]):
        self.model = model
        self.frame_skip = frame_skip
        self.fields = fields
        self._batches: OrderedDict[int, mujoco.batch.Batch] = OrderedDict()
        self._lock = threading.Lock()
        # The fields of the state reached cost a third pass over positions and velocities: only who asks for them pays.
        self._up_to = {"stage": _VEL} if fields else {}
        data = mujoco.MjData(model)
        self.shapes = {name: np.shape(getattr(data, name)) for name in fields}

    def _batch(self, size: int) -> mujoco.batch.Batch:
        if size not in self._batches:
            while len(self._batches) >= _KEPT_BATCHES:
                self._batches.popitem(last=False)
            batch = mujoco.batch.Batch(self.model, size, min(cpus(), size))
            for name in self.fields:  # a derived field is filled only by the calls that follow its binding
                batch.bind(name)
            self._batches[size] = batch
        self._batches.move_to_end(size)
        return self._batches[size]

    def __call__(self, context, out, qpos, qvel, warmstart, ctrl, fresh) -> None:
        """Advances all rows. Leading axes are rows; the results have the same, and the type of `qpos`.

        All are buffers of JAX, lent for this call: read and written as NumPy arrays, without a copy. A JAX computation
        here could wait for ever.
        """
        del context
        rows = [x.reshape(-1, x.shape[-1]) for x in map(np.asarray, (qpos, qvel, warmstart, ctrl))]
        fresh = np.asarray(fresh)
        with self._lock:
            state, fields, unstable = self._advance(self._batch(fresh.size), rows, fresh.ravel())
            results = (*out[0], *(out[1][name] for name in self.fields), out[2])
            for buffer, values in zip(results, (*state, *fields, unstable), strict=True):
                result = np.asarray(buffer)
                result[...] = values.reshape(result.shape)

    def _advance(self, batch: mujoco.batch.Batch, rows: list[np.ndarray], fresh: np.ndarray):
        """Steps the live rows, evaluates the others; returns views of state and fields, and `unstable`."""
        *before, ctrl = rows
        now = tuple(batch.bind(name) for name in ("qpos", "qvel", "qacc_warmstart"))
        for array, values in zip(now, before, strict=True):
            array[:] = values
        now[2][fresh] = 0.0
        batch.bind("ctrl")[:] = ctrl
        # A row that is bad already is not stepped: MuJoCo could only say so once more, on the console.
        live = ~fresh & ~_bad(*now)
        _run(batch.step, live, nstep=self.frame_skip, **self._up_to)
        unstable = ~fresh & (~live | _bad(*now) | (batch.status != 0))
        still = fresh | unstable
        if still.any():
            for array, values in zip(now, before, strict=True):
                array[still] = values[still]
            now[2][fresh] = 0.0
            if self.fields:
                _run(batch.forward, still, **self._up_to)
        fields = []
        for name in self.fields:
            values = batch.bind(name)
            if name in AFTER_FORCES and still.any():  # no force has acted in a state that no step led to
                values = values.copy()
                values[still] = 0.0
            fields.append(values)
        return now, fields, unstable


def _bad(*state: np.ndarray) -> np.ndarray:
    """Which rows hold a value beyond MuJoCo's bound or not finite; the comparison is False for NaN."""
    if all(np.abs(x).max(initial=0.0) <= mujoco.mjMAXVAL for x in state):  # nearly always, and fast
        return np.zeros(len(state[0]), bool)
    return ~np.all([np.all(np.abs(x) <= mujoco.mjMAXVAL, axis=1) for x in state], axis=0)


def _run(call, rows: np.ndarray, **options) -> None:
    """Runs a method of the batch on some rows; where MuJoCo gives up on one, its `status` says so."""
    if rows.any():
        with contextlib.suppress(mujoco.batch.SimulationError):
            call(**options) if rows.all() else call(ids=np.flatnonzero(rows), **options)


class NativeEngine(AbstractEngine):
    """MuJoCo on the CPU's threads: compiles nothing, and computes in double precision inside.

    `advance` is one `buffer_callback`; under `vmap` (also nested), `scan` and `jax.shard_map` the whole
    batch is one call, which steps the live rows and only evaluates the fresh ones.
    """

    _simulations: _Simulations = eqx.field(static=True)
    name: str = eqx.field(static=True)
    control_step: float = eqx.field(static=True)

    def __init__(self, model: mujoco.MjModel, frame_skip: int, fields: tuple[str, ...]):
        """**Arguments**: as of `envs.engine`.

        Raises RuntimeError where XLA's CPU pool has a single thread, in which callbacks can hang.
        """
        if not POOL_IS_WIDE:
            raise RuntimeError(
                "JAX started with a pool of one CPU thread, in which the native engine can hang:"
                " import envs before JAX's first computation, or set PJRT_NPROC=2."
            )
        check_fields(fields)
        self._simulations = _Simulations(model, frame_skip, fields)
        self.name = "native"
        self.control_step = model.opt.timestep * frame_skip

    @property
    def model(self) -> mujoco.MjModel:
        """The compiled model, as for rendering; it must not be changed."""
        return self._simulations.model

    def advance(
        self, physics: Physics, ctrl: Float[Array, " nu"], fresh: Bool[Array, ""]
    ) -> tuple[Physics, Fields, Bool[Array, ""]]:
        model, dtype = self.model, physics.qpos.dtype
        result = (
            tuple(jax.ShapeDtypeStruct((n,), dtype) for n in (model.nq, model.nv, model.nv)),
            {name: jax.ShapeDtypeStruct(shape, dtype) for name, shape in self._simulations.shapes.items()},
            jax.ShapeDtypeStruct((), bool),
        )
        # `buffer_callback` lends its buffers to NumPy; `pure_callback` copies them and costs 20 times as much.
        call = buffer_callback(self._simulations, result, vmap_method="broadcast_all")
        state, fields, unstable = call(physics.qpos, physics.qvel, physics.qacc_warmstart, ctrl, fresh)
        return _varying_as((physics, ctrl, fresh), (Physics(*state), fields, unstable))


def _varying_as(inputs: PyTree[Array], outputs: _Outputs) -> _Outputs:
    """`outputs`, unchanged, typed by `jax.shard_map` as differing between devices wherever an input does.

    A callback's results have lost that type. The selection gives it back and is removed by the compiler.
    """
    mark = jnp.stack([x.ravel()[0] > 0 if x.dtype != bool else x for x in jax.tree.leaves(inputs)]).any()
    return jax.tree.map(lambda x: jnp.where(mark, x, x), outputs)
