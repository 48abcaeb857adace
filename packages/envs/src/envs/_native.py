"""MuJoCo's own C engine inside JAX: a `mujoco.batch.Batch` behind one host callback per control step."""

from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import mujoco
from jax.experimental.buffer_callback import buffer_callback
from jaxtyping import Array, Bool, Float, PyTree

from envs._fields import check_fields
from envs._physics import AbstractEngine, Fields, Physics
from envs._simulations import Simulations

_Outputs = TypeVar("_Outputs")


class NativeEngine(AbstractEngine):
    """MuJoCo on the CPU's threads: compiles nothing, and computes in double precision inside.

    `advance` is one `buffer_callback`; under `vmap` (also nested), `scan` and `jax.shard_map` the whole
    batch is one call, which steps the live rows and only evaluates the fresh ones.
    """

    _simulations: Simulations = eqx.field(static=True)
    name: str = eqx.field(static=True)
    control_step: float = eqx.field(static=True)

    def __init__(self, model: mujoco.MjModel, frame_skip: int, fields: tuple[str, ...]):
        """**Arguments**: as of `envs.engine`.

        Raises RuntimeError where XLA's CPU pool has a single thread, in which callbacks can hang.
        """
        check_fields(fields)
        self._simulations = Simulations(model, frame_skip, fields)
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
