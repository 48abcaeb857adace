"""Gymnasium's reacher: an arm of two links on a table."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import mujoco
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from envs._arguments import check_count, check_length
from envs._engine import engine as build_engine
from envs._mjcf import add_checks, compile_model, gymnasium_spec
from envs._physics import AbstractEngine, Fields, Physics
from envs._position_goal import AbstractPositionGoalEnv
from envs._viewpoint import Viewpoint

_TIMESTEP, _FRAME_SKIP = 0.01, 4
_NOISE = 0.1
_TABLE = 0.01  # m, height of the links
_LINKS = (0.1, 0.11)  # m, from joint to joint and from joint to fingertip


class Reacher(AbstractPositionGoalEnv):
    """An arm of two links that has to bring its fingertip to a point of a disc around its base.

    Observation (10): cosine (2) and sine (2) of the joint angles, position (3, m) and velocity (3, m/s) of the
    fingertip. Action (2): torques as a share of the full torque. Goal (3): position of the fingertip, m.
    Start: stretched along x, angles + U(-0.1, 0.1) rad, angular velocities 0.1 N(0, 1) rad/s. Goal: uniform
    over the disc of radius `radius`, at the height of the links. Episodes never end early. Control step 0.04 s.
    """

    engine: AbstractEngine
    maze: None = eqx.field(static=True)
    episode_length: int = eqx.field(static=True)
    threshold: float = eqx.field(static=True)
    action_size: int = eqx.field(static=True)
    radius: float = eqx.field(static=True)
    """Of the disc of goals, m."""

    def __init__(self, engine: str = "auto", episode_length: int = 1000, threshold: float = 0.05, radius: float = 0.2):
        """**Arguments**
        - `engine`: see `envs.engine`.
        - `episode_length`: control steps of 0.04 s.
        - `threshold`: distance at which a goal is reached, m.
        - `radius`: of the disc of goals, m; the arm reaches 0.21 m.
        """
        model = reacher_model()
        self.engine = build_engine(model, _FRAME_SKIP, (), engine)
        self.maze = None
        self.episode_length = check_count("episode_length", episode_length)
        self.threshold = check_length("threshold", threshold)
        self.radius = check_length("radius", radius)
        if self.radius > sum(_LINKS):
            raise ValueError(f"`radius` is {self.radius} m, but the arm reaches no farther than {sum(_LINKS)} m.")
        self.action_size = model.nu

    def start(self, key: PRNGKeyArray) -> tuple[Float[Array, "2"], Float[Array, "2"], Float[Array, "3"]]:
        at, speed = jr.split(key)
        u, angle, *joints = jr.uniform(at, (4,))
        r, a = self.radius * jnp.sqrt(u), 2 * jnp.pi * angle
        goal = jnp.stack([r * jnp.cos(a), r * jnp.sin(a), jnp.full_like(r, _TABLE)])
        return _NOISE * (2 * jnp.stack(joints) - 1), _NOISE * jr.normal(speed, (2,)), goal

    def observe(self, physics: Physics, fields: Fields) -> Float[Array, "10"]:
        del fields
        tip, velocity = _fingertip(physics.qpos, physics.qvel)
        return jnp.concatenate([jnp.cos(physics.qpos), jnp.sin(physics.qpos), tip, velocity])

    def control(self, action: Float[Array, "2"]) -> Float[Array, "2"]:
        return action

    def achieved_goal(self, physics: Physics, fields: Fields) -> Float[Array, "3"]:
        del fields
        return _fingertip(physics.qpos, physics.qvel)[0]

    @property
    def viewpoint(self) -> Viewpoint:
        """From above, a little tilted."""
        return Viewpoint(90.0, -60.0, ((-0.24, -0.24, 0.0), (0.24, 0.24, 0.03)))

    def is_terminal(self, physics: Physics, fields: Fields) -> Bool[Array, ""]:
        del physics, fields
        return jnp.zeros((), bool)


def _fingertip(qpos: Float[Array, "2"], qvel: Float[Array, "2"]) -> tuple[Float[Array, "3"], Float[Array, "3"]]:
    """Position and velocity of the fingertip, from the angles of the links."""
    angle, turning = jnp.cumsum(qpos), jnp.cumsum(qvel)
    lengths = jnp.asarray(_LINKS, qpos.dtype)
    along, across = lengths * jnp.cos(angle), lengths * jnp.sin(angle)
    tip = jnp.stack([along.sum(), across.sum(), jnp.asarray(_TABLE, qpos.dtype)])
    return tip, jnp.stack([-(across * turning).sum(), (along * turning).sum(), jnp.zeros((), qpos.dtype)])


def reacher_model() -> mujoco.MjModel:
    """Gymnasium's reacher without its target, whose joints would be part of the state; 4 substeps of 0.01 s."""
    spec = gymnasium_spec("reacher")
    spec.delete(spec.body("target"))
    add_checks(spec, "ground", 0.05)
    return compile_model(spec, _TIMESTEP)
