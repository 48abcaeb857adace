"""An environment of chosen sizes in which nothing moves, for tests that need no physics."""

import jax.numpy as jnp

import envs


class Still(envs.AbstractEngine):
    """Leaves every state as it is."""

    name: str = "still"
    control_step: float = 0.05

    def advance(self, physics, ctrl, fresh):
        """The same state, no fields, stable."""
        return physics, {}, jnp.zeros((), bool)


class BlankEnv(envs.AbstractPositionGoalEnv):
    """Observations are `obs` positions, goals their first `goal` numbers; it stays at the origin."""

    obs: int
    goal: int
    action_size: int
    engine: envs.AbstractEngine = Still()
    maze: envs.Maze | None = None
    episode_length: int = 10
    threshold: float = 0.5

    def start(self, key):
        """The origin, at rest; the goal is the origin too."""
        return jnp.zeros(self.obs), jnp.zeros(self.obs), jnp.zeros(self.goal)

    def observe(self, physics, fields):
        """The positions."""
        return physics.qpos

    def control(self, action):
        """The action itself."""
        return action

    def achieved_goal(self, physics, fields):
        """The first positions."""
        return physics.qpos[: self.goal]

    def is_terminal(self, physics, fields):
        """Never."""
        return jnp.zeros((), bool)

    @property
    def viewpoint(self):
        """Of pictures that nobody takes."""
        return envs.Viewpoint()
