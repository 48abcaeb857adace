"""Tasks whose goals are positions: how far they are, when they are reached, where they are drawn."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from envs._base import AbstractEnv


class AbstractPositionGoalEnv(AbstractEnv):
    """A task whose goals begin with x, y, z of a position, m, or the first of them.

    A goal is reached within `threshold` of it by Euclidean distance.
    """

    def goal_distance(self, achieved: Float[Array, " goal"], goal: Float[Array, " goal"]) -> Float[Array, ""]:
        """Euclidean distance between an achieved and a commanded goal, m."""
        return jnp.linalg.norm(achieved - goal)

    def is_success(self, achieved: Float[Array, " goal"], goal: Float[Array, " goal"]) -> Bool[Array, ""]:
        """Whether an achieved goal is near enough to a commanded one: `goal_distance < threshold`."""
        return self.goal_distance(achieved, goal) < self.threshold

    def goal_position(self, goal: Float[Array, " goal"]) -> Float[Array, "3"]:
        """Where a goal lies in the world, m: its first three numbers, followed by zeros where there are fewer."""
        return jnp.zeros(3, goal.dtype).at[: min(goal.size, 3)].set(goal[:3])
