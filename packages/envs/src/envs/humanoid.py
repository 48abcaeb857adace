"""Gymnasium's humanoid on an open plane."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import mujoco
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from envs._arguments import check_count, check_length
from envs._base import AbstractEnv
from envs._engine import engine as build_engine
from envs._mjcf import compile_model, gymnasium_spec
from envs._physics import AbstractEngine, Fields, Physics

_TIMESTEP, _FRAME_SKIP = 0.003, 10
_HEIGHT = 1.4  # m, of the torso at the start
_GOAL_HEIGHT = 1.25  # m
_HEALTHY = (1.0, 2.0)  # m, of the torso's height


class Humanoid(AbstractEnv):
    """A humanoid that has to bring its torso to a goal 1 to 5 m away in any direction.

    Observation (278): `qpos` (24), `qvel` (23), `cinert` (130), `cvel` (78) of the 13 bodies,
    `qfrc_actuator` (23). It is the paper's recipe without the target body, whose rows would show the
    commanded goal. Action (17): joint torques, [-1, 1] scaled to the model's control range. Goal (3): x, y,
    z of the torso, m; z is 1.25. An episode ends when the torso's height leaves [1, 2] m. Start: upright at
    the origin, at rest, without noise. The bodies, gears and control range are Gymnasium's, on MuJoCo; the
    paper's are other ones, on another engine, so its scores are no exact target. Control step 0.03 s.
    """

    engine: AbstractEngine
    maze: None = eqx.field(static=True)
    episode_length: int = eqx.field(static=True)
    threshold: float = eqx.field(static=True)
    action_size: int = eqx.field(static=True)
    distances: tuple[float, float] = eqx.field(static=True)
    """Range of the goals' horizontal distance from the origin, m."""
    _qpos: tuple[float, ...] = eqx.field(static=True)
    _ctrlrange: tuple[tuple[float, float], ...] = eqx.field(static=True)

    def __init__(
        self,
        engine: str = "auto",
        episode_length: int = 1000,
        threshold: float = 0.5,
        nearest: float = 1.0,
        farthest: float = 5.0,
    ):
        """**Arguments**
        - `engine`: see `envs.engine`.
        - `episode_length`: control steps of 0.03 s.
        - `threshold`: distance in three dimensions at which a goal is reached, m.
        - `nearest`, `farthest`: range of the goals' horizontal distance, m; drawn uniformly.
        """
        model = humanoid_model()
        self.engine = build_engine(model, _FRAME_SKIP, ("cinert", "cvel", "qfrc_actuator"), engine)
        self.maze = None
        self.episode_length = check_count("episode_length", episode_length)
        self.threshold = check_length("threshold", threshold)
        self.distances = check_length("nearest", nearest), check_length("farthest", farthest)
        if nearest > farthest:
            raise ValueError(f"`nearest` is {nearest!r} m, which is more than `farthest`, {farthest!r} m.")
        self.action_size = model.nu
        qpos = model.qpos0.copy()
        qpos[model.joint("root").qposadr[0] + 2] = _HEIGHT
        self._qpos = tuple(qpos.tolist())
        self._ctrlrange = tuple(map(tuple, model.actuator_ctrlrange.tolist()))

    def start(self, key: PRNGKeyArray) -> tuple[Float[Array, "24"], Float[Array, "23"], Float[Array, "3"]]:
        u, angle = jr.uniform(key, (2,))
        nearest, farthest = self.distances
        r, a = nearest + (farthest - nearest) * u, 2 * jnp.pi * angle
        goal = jnp.stack([r * jnp.cos(a), r * jnp.sin(a), jnp.full_like(r, _GOAL_HEIGHT)])
        qpos = jnp.asarray(np.asarray(self._qpos), u.dtype)
        return qpos, jnp.zeros(qpos.size - 1, qpos.dtype), goal

    def observe(self, physics: Physics, fields: Fields) -> Float[Array, "278"]:
        of_bodies = [fields[name][1:].ravel() for name in ("cinert", "cvel")]  # row 0 is the world
        return jnp.concatenate([physics.qpos, physics.qvel, *of_bodies, fields["qfrc_actuator"]])

    def control(self, action: Float[Array, "17"]) -> Float[Array, "17"]:
        low, high = jnp.asarray(np.asarray(self._ctrlrange), action.dtype).T
        return low + (action + 1) * 0.5 * (high - low)

    def achieved_goal(self, obs: Float[Array, "278"]) -> Float[Array, "3"]:
        return obs[:3]

    def fallen(self, obs: Float[Array, "278"]) -> Bool[Array, ""]:
        low, high = _HEALTHY
        return ~((obs[2] >= low) & (obs[2] <= high))


def humanoid_model() -> mujoco.MjModel:
    """Gymnasium's humanoid; 10 substeps of 0.003 s make a control step."""
    return compile_model(gymnasium_spec("humanoid"), _TIMESTEP)
