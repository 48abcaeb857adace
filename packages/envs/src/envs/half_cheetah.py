"""Gymnasium's half-cheetah, which runs along a line."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import mujoco
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from envs._arguments import check_count, check_length
from envs._base import AbstractEnv
from envs._engine import engine as build_engine
from envs._mjcf import compile_model, gymnasium_spec
from envs._physics import AbstractEngine, Fields, Physics
from envs._viewpoint import Viewpoint

_TIMESTEP, _FRAME_SKIP = 0.01, 5
_NOISE = 0.1
_MASS = 14.0  # kg, in all
_HEIGHT = 0.7  # m, of the torso of a standing cheetah


class HalfCheetah(AbstractEnv):
    """A cheetah of two legs in a plane that has to stop with its torso at a place 5 m ahead.

    Observation (18): `qpos` (x, z in m, angles in rad) and `qvel` (9). Action (6): torques as a share of the
    full torque. Goal (1): x of the torso, m; always `goal_x`. Start: at x = 0, all positions + U(-0.1, 0.1),
    velocities 0.1 N(0, 1). Episodes never end early. Control step 0.05 s.
    """

    engine: AbstractEngine
    maze: None = eqx.field(static=True)
    episode_length: int = eqx.field(static=True)
    threshold: float = eqx.field(static=True)
    action_size: int = eqx.field(static=True)
    goal_x: float = eqx.field(static=True)
    """Where the goal is, m."""

    def __init__(self, engine: str = "auto", episode_length: int = 1000, threshold: float = 0.5, goal_x: float = 5.0):
        """**Arguments**
        - `engine`: see `envs.engine`.
        - `episode_length`: control steps of 0.05 s.
        - `threshold`: distance at which the goal is reached, m.
        - `goal_x`: where the goal is, m ahead of the start.
        """
        model = half_cheetah_model()
        self.engine = build_engine(model, _FRAME_SKIP, (), engine)
        self.maze = None
        self.episode_length = check_count("episode_length", episode_length)
        self.threshold = check_length("threshold", threshold)
        self.goal_x = check_length("goal_x", goal_x)
        self.action_size = model.nu

    def start(self, key: PRNGKeyArray) -> tuple[Float[Array, "9"], Float[Array, "9"], Float[Array, "1"]]:
        at, speed = jr.split(key)
        model = self.engine.model
        qpos = model.qpos0 + _NOISE * jr.uniform(at, (model.nq,), minval=-1)
        return qpos, _NOISE * jr.normal(speed, (model.nv,)), jnp.full((1,), self.goal_x, qpos.dtype)

    def observe(self, physics: Physics, fields: Fields) -> Float[Array, "18"]:
        del fields
        return jnp.concatenate([physics.qpos, physics.qvel])

    def control(self, action: Float[Array, "6"]) -> Float[Array, "6"]:
        return action

    def achieved_goal(self, physics: Physics, fields: Fields) -> Float[Array, "1"]:
        del fields
        return physics.qpos[:1]

    def goal_distance(self, achieved: Float[Array, "1"], goal: Float[Array, "1"]) -> Float[Array, ""]:
        """Distance along x, m."""
        return jnp.linalg.norm(achieved - goal)

    def is_success(self, achieved: Float[Array, "1"], goal: Float[Array, "1"]) -> Bool[Array, ""]:
        """Whether the torso is nearer than `threshold`."""
        return self.goal_distance(achieved, goal) < self.threshold

    def goal_position(self, goal: Float[Array, "1"]) -> Float[Array, "3"]:
        """x, at the height of a standing torso, m."""
        return jnp.array([0.0, 0.0, _HEIGHT], goal.dtype).at[0].set(goal[0])

    @property
    def viewpoint(self) -> Viewpoint:
        """From the side, following the cheetah and its goal."""
        return Viewpoint(azimuth=90.0, elevation=-14.0)

    def is_terminal(self, physics: Physics, fields: Fields) -> Bool[Array, ""]:
        del physics, fields
        return jnp.zeros((), bool)


def half_cheetah_model() -> mujoco.MjModel:
    """Gymnasium's half-cheetah; 5 substeps of 0.01 s make a control step."""
    spec = gymnasium_spec("half_cheetah")
    spec.compiler.settotalmass = -1  # deprecated there; the same is done below
    model = compile_model(spec, _TIMESTEP)
    mujoco.mj_setTotalmass(model, _MASS)
    mujoco.mj_setConst(model, mujoco.MjData(model))
    return model
