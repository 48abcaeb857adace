"""The arm closes its fingers around a cube."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from envs._arguments import check_count, check_length
from envs._engine import engine as build_engine
from envs._physics import AbstractEngine, Fields, Physics
from envs.arm import CUBE, FIELDS, FRAME_SKIP, TABLE, AbstractArm, add_cube, arm_model, in_box

_HALF = 0.3  # m, half the side of the square in which the cube lies
_APART = 0.0375  # m, of each fingertip from the cube's centre


class ArmGrasp(AbstractArm):
    """An arm that has to put its fingertips on opposite sides of a cube.

    Observation (23): the cube's centre (3, m), joint angles (7, rad), position (3, m) and velocity (3, m/s) of the
    point between the fingertips, positions of the left and the right fingertip (6, m), their distance (1, m). Action
    (5): see `AbstractArm`. Goal (7): both fingertips, 3.75 cm from the cube's centre along x, and their distance,
    7.5 cm. It is reached when the middle of the fingertips is within `threshold` of where it should be and their
    distance within `opening_threshold`. The cube lies in a square of 0.6 m in front of the arm.

    The goal stays where the cube was at the start; the reference moves it with the cube, so that it is no goal that
    could be commanded, and compares the fingers' distance with an entry that its goal does not have.
    """

    engine: AbstractEngine
    maze: None = eqx.field(static=True)
    episode_length: int = eqx.field(static=True)
    threshold: float = eqx.field(static=True)
    opening_threshold: float = eqx.field(static=True)
    """Largest difference from the commanded distance of the fingertips, m."""
    action_size: int = eqx.field(static=True)

    def __init__(
        self,
        engine: str = "auto",
        episode_length: int = 1000,
        threshold: float = 0.05,
        opening_threshold: float = 0.02,
    ):
        """**Arguments**
        - `engine`: see `envs.engine`.
        - `episode_length`: control steps of 0.05 s.
        - `threshold`, `opening_threshold`: see the class, m.
        """
        self.engine = build_engine(arm_model(add_cube), FRAME_SKIP, FIELDS, engine)
        self.maze = None
        self.episode_length = check_count("episode_length", episode_length)
        self.threshold = check_length("threshold", threshold)
        self.opening_threshold = check_length("opening_threshold", opening_threshold)
        self.action_size = 5

    def start(self, key: PRNGKeyArray) -> tuple[Float[Array, " nq"], Float[Array, " nv"], Float[Array, "7"]]:
        cube = in_box(jr.uniform(key, (2,)), TABLE, _HALF)
        middle = jnp.append(cube, CUBE)
        side = jnp.array([_APART, 0.0, 0.0], cube.dtype)
        goal = jnp.concatenate([middle + side, middle - side, jnp.full(1, 2 * _APART, cube.dtype)])
        return self.stance(cube, cube.dtype), jnp.zeros(self.engine.model.nv, cube.dtype), goal

    def observe(self, physics: Physics, fields: Fields) -> Float[Array, "23"]:
        tips = self.achieved_goal(physics, fields)
        return jnp.concatenate([self.cube(physics), self.angles(physics), self.grip(fields), tips])

    def achieved_goal(self, physics: Physics, fields: Fields) -> Float[Array, "7"]:
        del physics
        left, right = self.site(fields, "left_tip"), self.site(fields, "right_tip")
        return jnp.concatenate([left, right, jnp.linalg.norm(left - right, keepdims=True)])

    def goal_position(self, goal: Float[Array, "7"]) -> Float[Array, "3"]:
        """The middle of the fingertips, m."""
        return (goal[:3] + goal[3:6]) / 2

    def goal_distance(self, achieved: Float[Array, "7"], goal: Float[Array, "7"]) -> Float[Array, ""]:
        """Distance of the middle of the fingertips from where it should be, m."""
        off = achieved - goal
        return jnp.linalg.norm((off[:3] + off[3:6]) / 2)

    def is_success(self, achieved: Float[Array, "7"], goal: Float[Array, "7"]) -> Bool[Array, ""]:
        """Whether the fingertips' middle and their distance are both as commanded."""
        opening = jnp.abs(achieved[6] - goal[6])
        return (self.goal_distance(achieved, goal) < self.threshold) & (opening < self.opening_threshold)
