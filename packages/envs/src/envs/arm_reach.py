"""The arm reaches for a point."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from envs._arguments import check_count, check_length
from envs._engine import engine as build_engine
from envs._physics import AbstractEngine, Fields, Physics
from envs._position_goal import AbstractPositionGoalEnv
from envs.arm import FIELDS, FRAME_SKIP, AbstractArm, arm_model

_MIDDLE, _HALF = (0.0, 0.5, 0.3), 0.2  # m, of the box of goals


class ArmReach(AbstractArm, AbstractPositionGoalEnv):
    """An arm that has to bring the point between its fingertips to a point of a box of 0.4 m above the table.

    Observation (13): joint angles (7, rad), position (3, m) and velocity (3, m/s) of that point. Action (4): see
    `AbstractArm`. Goal (3): its position, uniform in (0, 0.5, 0.3) +- 0.2 m. Start: the arm in one pose, without
    noise.
    """

    engine: AbstractEngine
    maze: None = eqx.field(static=True)
    episode_length: int = eqx.field(static=True)
    threshold: float = eqx.field(static=True)
    action_size: int = eqx.field(static=True)

    def __init__(self, engine: str = "auto", episode_length: int = 1000, threshold: float = 0.1):
        """**Arguments**
        - `engine`: see `envs.engine`.
        - `episode_length`: control steps of 0.05 s.
        - `threshold`: distance at which a goal is reached, m.
        """
        self.engine = build_engine(arm_model(), FRAME_SKIP, FIELDS, engine)
        self.maze = None
        self.episode_length = check_count("episode_length", episode_length)
        self.threshold = check_length("threshold", threshold)
        self.action_size = 4

    def start(self, key: PRNGKeyArray) -> tuple[Float[Array, " nq"], Float[Array, " nv"], Float[Array, "3"]]:
        u = jr.uniform(key, (3,))
        qpos = self.stance(None, u.dtype)
        goal = jnp.asarray(_MIDDLE, u.dtype) + _HALF * (2 * u - 1)
        return qpos, jnp.zeros(self.engine.model.nv, u.dtype), goal

    def observe(self, physics: Physics, fields: Fields) -> Float[Array, "13"]:
        return jnp.concatenate([self.angles(physics), self.grip(fields)])

    def achieved_goal(self, physics: Physics, fields: Fields) -> Float[Array, "3"]:
        del physics
        return self.site(fields, "grip")
