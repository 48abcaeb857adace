"""MuJoCo in JAX as an engine; imported only when chosen, because importing `mujoco.mjx` takes seconds."""

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from envs._fields import AFTER_FORCES, check_fields
from envs._physics import AbstractEngine, Fields, Physics
from envs._threads import FOR_MJX, widen_pool

with contextlib.redirect_stdout(io.StringIO()):  # it prints that warp is missing, an engine that is not used here
    from mujoco import mjx


@contextlib.contextmanager
def _lenient() -> Iterator[None]:
    """Lets MJX promote ranks and types where the caller's JAX forbids it; it relies on both."""
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield


class _Compiled:
    """The model as MJX holds it, with a blank `Data`; their arrays become constants of the program."""

    def __init__(self, model: mujoco.MjModel):
        """Warns where the solver may hang."""
        if not widen_pool(FOR_MJX) and jax.default_backend() == "cpu":
            warnings.warn(
                f"MJX in a batch can hang on this CPU, whose pool has less than {FOR_MJX} threads: build the"
                f" environment before JAX's first computation, or set PJRT_NPROC={FOR_MJX}.",
                stacklevel=2,
            )
        self.model = model
        with _lenient(), jax.ensure_compile_time_eval():  # an engine may be built while something is traced
            self.mjx_model = mjx.put_model(model, impl="jax")
            self.blank = mjx.make_data(model, impl="jax")
        _check_contacts(model, self.blank)

    def __reduce__(self) -> tuple[type["_Compiled"], tuple[mujoco.MjModel]]:
        """A copy or a pickle is built anew from the model."""
        return _Compiled, (self.model,)


class MJXEngine(AbstractEngine):
    """MuJoCo as a JAX program, for GPUs and TPUs, in the precision of the carried state."""

    _compiled: _Compiled = eqx.field(static=True)
    frame_skip: int = eqx.field(static=True)
    fields: tuple[str, ...] = eqx.field(static=True)
    name: str = eqx.field(static=True)
    control_step: float = eqx.field(static=True)

    def __init__(self, model: mujoco.MjModel, frame_skip: int, fields: tuple[str, ...]):
        """**Arguments**: as of `envs.engine`."""
        check_fields(fields)
        self._compiled = _Compiled(model)
        self.frame_skip = frame_skip
        self.fields = fields
        self.name = "mjx"
        self.control_step = model.opt.timestep * frame_skip

    @property
    def model(self) -> mujoco.MjModel:
        """The compiled model, as for rendering; it must not be changed."""
        return self._compiled.model

    def advance(
        self, physics: Physics, ctrl: Float[Array, " nu"], fresh: Bool[Array, ""]
    ) -> tuple[Physics, Fields, Bool[Array, ""]]:
        before = Physics(physics.qpos, physics.qvel, jnp.where(fresh, 0, physics.qacc_warmstart))
        # A `reset` alone is compiled without the step. Where only some rows are fresh, `vmap` makes this a
        # selection.
        after, forces = jax.lax.cond(fresh, self._rest, self._step, before, ctrl)
        unstable = ~fresh & ~(_good(before) & _good(after))
        reached = jax.tree.map(lambda old, new: jnp.where(unstable, old, new), before, after)
        forces = jax.tree.map(lambda force: jnp.where(unstable, 0, force), forces)
        return reached, self._of_state(reached) | forces, unstable

    def _step(self, physics: Physics, ctrl: Float[Array, " nu"]) -> tuple[Physics, Fields]:
        """The state after a control step and the fields of its last substep's forces."""

        def substep(_: Int[Array, ""], carry: tuple[Physics, Fields]) -> tuple[Physics, Fields]:
            # Only what the next substep needs is carried; MJX does not keep the types of all of its `Data`.
            with _lenient():
                data = mjx.step(self._compiled.mjx_model, self._data(carry[0]).replace(ctrl=ctrl))
            return Physics(data.qpos, data.qvel, data.qacc_warmstart), self._forces(data)

        return jax.lax.fori_loop(0, self.frame_skip, substep, self._rest(physics, ctrl))

    def _rest(self, physics: Physics, ctrl: Float[Array, " nu"]) -> tuple[Physics, Fields]:
        """The same state, in which no force has acted."""
        del ctrl
        return physics, jax.tree.map(jnp.zeros_like, self._forces(self._data(physics)))

    def _forces(self, data: mjx.Data) -> Fields:
        return {name: _field(data, name) for name in self.fields if name in AFTER_FORCES}

    def _of_state(self, physics: Physics) -> Fields:
        """The other fields, computed anew: a step leaves those of the state before its last substep."""
        names = [name for name in self.fields if name not in AFTER_FORCES]
        if not names:
            return {}
        model = self._compiled.mjx_model
        with _lenient():
            data = mjx.com_vel(model, mjx.com_pos(model, mjx.kinematics(model, self._data(physics))))
        return {name: _field(data, name) for name in names}

    def _data(self, physics: Physics) -> mjx.Data:
        return self._compiled.blank.replace(qpos=physics.qpos, qvel=physics.qvel, qacc_warmstart=physics.qacc_warmstart)


def _field(data: mjx.Data, name: str) -> Any:
    """A field that MJX keeps either in `Data` or in its part for one implementation."""
    # Asking `Data` for the other part's fields is deprecated, so it is not simply asked.
    return getattr(data if name in mjx.Data.__annotations__ else data._impl, name)


def _good(physics: Physics) -> Bool[Array, ""]:
    """Whether all values are finite and within MuJoCo's bound; the comparison is False for NaN."""
    bound = mujoco.mjMAXVAL
    return jnp.all(jnp.stack([jnp.all(jnp.abs(x) <= bound) for x in jax.tree.leaves(physics)]))


def _check_contacts(model: mujoco.MjModel, blank: mjx.Data) -> None:
    """Raises where bodies can touch but MJX has room for no contact, as when it misreads a contact cap."""
    moving = model.body_weldid[model.geom_bodyid] != 0
    can_touch = (model.geom_contype[moving, None] & model.geom_conaffinity) | (
        model.geom_conaffinity[moving, None] & model.geom_contype
    )
    contacts = _field(blank, "contact").dist.shape[-1]
    if np.any(can_touch) and contacts == 0:
        raise ValueError(
            "MJX allots no contacts to a model whose bodies can touch; check its numerics for contact caps."
        )
