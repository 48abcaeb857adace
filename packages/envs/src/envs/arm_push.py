"""The arm pushes a cube over the table."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from envs._arguments import check_choice, check_count, check_length
from envs._engine import engine as build_engine
from envs._physics import AbstractEngine, Fields, Physics
from envs._position_goal import AbstractPositionGoalEnv
from envs.arm import CUBE, FIELDS, FRAME_SKIP, AbstractArm, add_cube, arm_model, in_box

# Middle of the cube's starts, middle of the goals, half the side of both squares, m.
_SQUARES = {"easy": ((-0.1, 0.6), (0.1, 0.6), 0.1), "hard": ((-0.25, 0.65), (0.25, 0.65), 0.25)}


class AbstractCubeTask(AbstractArm, AbstractPositionGoalEnv):
    """What the tasks with a cube share.

    Observation (17): the cube's centre (3, m), joint angles (7, rad), position (3, m) and velocity (3, m/s) of the
    point between the fingertips, distance between the fingers (1, m). Action (5): see `AbstractArm`. Goal (3): the
    cube's centre, m.
    """

    def observe(self, physics: Physics, fields: Fields) -> Float[Array, "17"]:
        return jnp.concatenate([self.cube(physics), self.angles(physics), self.grip(fields), self.opening(physics)])

    def achieved_goal(self, physics: Physics, fields: Fields) -> Float[Array, "3"]:
        del fields
        return self.cube(physics)


class ArmPush(AbstractCubeTask):
    """An arm that has to push a cube to a place on the table.

    The cube starts in a square of the table and its goals lie in another: sides of 0.2 m that touch ("easy"), where
    doing nothing already scores, or of 0.5 m ("hard").
    """

    engine: AbstractEngine
    maze: None = eqx.field(static=True)
    episode_length: int = eqx.field(static=True)
    threshold: float = eqx.field(static=True)
    action_size: int = eqx.field(static=True)
    level: str = eqx.field(static=True)

    def __init__(self, level: str = "easy", engine: str = "auto", episode_length: int = 1000, threshold: float = 0.1):
        """**Arguments**
        - `level`: "easy" or "hard".
        - `engine`: see `envs.engine`.
        - `episode_length`: control steps of 0.05 s.
        - `threshold`: distance of the cube from its goal at which that is reached, m.
        """
        self.level = check_choice("`level` of ArmPush", level, _SQUARES)
        self.engine = build_engine(arm_model(add_cube), FRAME_SKIP, FIELDS, engine)
        self.maze = None
        self.episode_length = check_count("episode_length", episode_length)
        self.threshold = check_length("threshold", threshold)
        self.action_size = 5

    def start(self, key: PRNGKeyArray) -> tuple[Float[Array, " nq"], Float[Array, " nv"], Float[Array, "3"]]:
        u = jr.uniform(key, (4,))
        starts, goals, half = _SQUARES[self.level]
        qpos = self.stance(in_box(u[:2], starts, half), u.dtype)
        return qpos, jnp.zeros(self.engine.model.nv, u.dtype), jnp.append(in_box(u[2:], goals, half), CUBE)
