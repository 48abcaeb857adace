"""An environment whose evaluation can be worked out by hand: a point on a line, moved by its action."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

from envs import AbstractEngine, AbstractPositionGoalEnv, Physics, Viewpoint


class LineEngine(AbstractEngine):
    """The position is the sum of the controls."""

    name: str = "line"
    control_step: float = 0.1

    def advance(self, physics, ctrl, fresh):
        step = jnp.where(fresh, 0.0, ctrl)
        return Physics(physics.qpos + step, step, physics.qacc_warmstart), {}, jnp.zeros((), bool)


class Line(AbstractPositionGoalEnv):
    """Starts at 0 with a goal at `nearest` to `farthest` m, reached within 0.5 m; it falls at `cliff` m."""

    engine: AbstractEngine = LineEngine()
    maze: None = eqx.field(static=True, default=None)
    episode_length: int = eqx.field(static=True, default=12)
    threshold: float = eqx.field(static=True, default=0.5)
    action_size: int = eqx.field(static=True, default=2)
    nearest: int = eqx.field(static=True, default=1)
    farthest: int = eqx.field(static=True, default=6)
    cliff: float = eqx.field(static=True, default=100.0)

    def start(self, key):
        # The bits of a key are as good as any draw from it, and compile in no time.
        choices = jnp.uint32(self.farthest - self.nearest + 1)
        goal = self.nearest + (jr.key_data(key)[1] % choices).astype(float)
        return jnp.zeros(2), jnp.zeros(2), jnp.stack([goal, jnp.zeros_like(goal)])

    def observe(self, physics, fields):
        del fields
        return physics.qpos

    def control(self, action):
        return action

    def achieved_goal(self, physics, fields):
        del fields
        return physics.qpos

    def is_terminal(self, physics, fields):
        del fields
        return physics.qpos[0] >= self.cliff

    @property
    def viewpoint(self):
        return Viewpoint()


def go_and_stay(obs, goal, key):
    """Reaches a goal at g metres with step g and stays there."""
    assert key is None, "evaluation has to ask for the deterministic action"
    return jnp.clip(goal - obs, -1, 1)


def go_on(obs, goal, key):
    """Passes the goal at g metres with step g and never stops."""
    del obs, key
    return jnp.array([1.0, 0.0]) * jnp.ones_like(goal)
