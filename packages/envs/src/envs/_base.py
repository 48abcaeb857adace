"""The protocol of an environment: a goal-reaching task on a physics engine, written for one environment."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from envs._maze import Maze
from envs._physics import AbstractEngine, Fields, Physics
from envs._viewpoint import Viewpoint


class EnvState(eqx.Module):
    """One environment between two control steps."""

    physics: Physics
    obs: Float[Array, " obs"]
    """What the agent sees; the commanded goal is not part of it."""
    achieved: Float[Array, " goal"]
    """The goal that the state fulfils; it need not be part of `obs`."""
    goal: Float[Array, " goal"]
    """What the agent is asked to reach, in the units of `achieved`."""
    terminated: Bool[Array, ""]
    """Whether the episode ended here, because the agent fell or the physics exploded."""
    unstable: Bool[Array, ""]
    """Whether it ended because the physics exploded; `physics` and `obs` are then those before the step."""


class AbstractEnv(eqx.Module):
    """A task: subclasses say how an episode starts, what is seen, and what counts as reached.

    A method is either abstract or final: it is implemented once in the line of a class, and what is implemented is not
    overridden. Tasks whose goals are positions extend `AbstractPositionGoalEnv`.

    All methods are pure and for one environment; `Episodes` and `rollout` own the batch axis. Nothing in an
    environment is a JAX array: it may be closed over by, or passed to, any transformation.
    """

    engine: eqx.AbstractVar[AbstractEngine]
    maze: eqx.AbstractVar[Maze | None]
    episode_length: eqx.AbstractVar[int]
    """Control steps after which `Episodes` ends an episode."""
    threshold: eqx.AbstractVar[float]
    """Distance to the goal below which it is reached, m."""
    action_size: eqx.AbstractVar[int]

    @abc.abstractmethod
    def start(self, key: PRNGKeyArray) -> tuple[Float[Array, " nq"], Float[Array, " nv"], Float[Array, " goal"]]:
        """Draws `qpos`, `qvel` and the goal of a new episode."""

    @abc.abstractmethod
    def observe(self, physics: Physics, fields: Fields) -> Float[Array, " obs"]:
        """The observation of a state, from it and the engine's fields."""

    @abc.abstractmethod
    def control(self, action: Float[Array, " action"]) -> Float[Array, " nu"]:
        """The model's controls for an action in [-1, 1]."""

    @abc.abstractmethod
    def achieved_goal(self, physics: Physics, fields: Fields) -> Float[Array, " goal"]:
        """The goal that a state fulfils."""

    @abc.abstractmethod
    def is_terminal(self, physics: Physics, fields: Fields) -> Bool[Array, ""]:
        """Whether the episode ends in this state before its time limit, because the agent fell, say."""

    @abc.abstractmethod
    def goal_distance(self, achieved: Float[Array, " goal"], goal: Float[Array, " goal"]) -> Float[Array, ""]:
        """How far an achieved goal is from a commanded one, m."""

    @abc.abstractmethod
    def is_success(self, achieved: Float[Array, " goal"], goal: Float[Array, " goal"]) -> Bool[Array, ""]:
        """Whether an achieved goal is near enough to a commanded one."""

    @abc.abstractmethod
    def goal_position(self, goal: Float[Array, " goal"]) -> Float[Array, "3"]:
        """Where a goal lies in the world, m: for pictures."""

    @property
    @abc.abstractmethod
    def viewpoint(self) -> Viewpoint:
        """From where pictures are taken."""

    def begin(self, key: PRNGKeyArray) -> tuple[Physics, Float[Array, " goal"]]:
        """The state and the goal in which a new episode begins, drawn with `key`."""
        qpos, qvel, goal = self.start(key)
        return Physics(qpos, qvel, jnp.zeros_like(qvel)), goal

    def reset(self, key: PRNGKeyArray) -> EnvState:
        """A new episode: a start and a goal drawn with `key`."""
        physics, goal = self.begin(key)
        return self.advance(physics, goal, jnp.zeros(self.action_size, physics.qpos.dtype), jnp.ones((), bool))

    def step(self, state: EnvState, action: Float[Array, " action"]) -> EnvState:
        """One control step of `control_step` seconds under `action`, clipped to [-1, 1]."""
        return self.advance(state.physics, state.goal, action, jnp.zeros((), bool))

    def advance(
        self,
        physics: Physics,
        goal: Float[Array, " goal"],
        action: Float[Array, " action"],
        fresh: Bool[Array, ""],
    ) -> EnvState:
        """A `step` from `physics`, or where `fresh` the first state of an episode that begins there.

        Both are one call of the engine, so that a batch may hold rows of both kinds.
        """
        ctrl = self.control(jnp.clip(action, -1, 1).astype(physics.qpos.dtype))
        physics, fields, unstable = self.engine.advance(physics, ctrl, fresh)
        return EnvState(
            physics=physics,
            obs=self.observe(physics, fields),
            achieved=self.achieved_goal(physics, fields),
            goal=goal,
            terminated=unstable | self.is_terminal(physics, fields),
            unstable=unstable,
        )

    @property
    def control_step(self) -> float:
        """Simulated seconds per step."""
        return self.engine.control_step

    @property
    def obs_size(self) -> int:
        """Numbers in an observation."""
        return jax.eval_shape(self.reset, jr.key(0)).obs.size

    @property
    def goal_size(self) -> int:
        """Numbers in a goal."""
        return jax.eval_shape(self.reset, jr.key(0)).goal.size
