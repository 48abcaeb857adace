"""One environment that is acted in as it is watched: the live view without its page."""

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Key, Shaped

from envs import AbstractEnv, AbstractPolicy, EnvState, Policy, as_policy

Numbers = Sequence[float] | Shaped[np.ndarray, "..."] | Shaped[Array, "..."]


class Session:
    """An environment, who acts in it, and a goal that may be changed between any two steps.

    Every program is compiled once: a state's goal is one of its arrays. There is no time limit. The step after
    the agent has fallen starts a new episode; the goal is new too, unless somebody has set it.

    Attributes:
        env: the environment.
        policies: who may act, by name.
        state: the environment's state.
        steps: control steps since the episode's start.
        distance: from the achieved to the commanded goal, m.
        at_goal: whether that is reached.
        goal_position: where the goal is, x, y, z in m.
    """

    def __init__(self, env: AbstractEnv, policies: Mapping[str, Policy], key: Key[Array, ""]):
        """Draws the first episode.

        Args:
            env: what to act in.
            policies: by name; the first one acts. Each gets a key: wrap one in `envs.deterministic` to act without
                noise.
            key: draws starts, goals and actions.

        Raises:
            ValueError: there is no policy.
        """
        if not policies:
            raise ValueError("`policies` of Session is empty; it must name at least one policy.")
        self.env = env
        self.policies: dict[str, AbstractPolicy[Any]] = {name: as_policy(one) for name, one in policies.items()}
        self._acting = next(iter(policies))
        self._keys = jr.split(key)
        self._draws = 0
        self._commanded = False

        def advance(state: EnvState, action: Array, fresh: Array, key: Array, number: Array) -> EnvState:
            drawn = env.begin(jr.fold_in(key, number))
            before = state.physics, state.goal
            physics, goal = jax.tree.map(lambda new, old: jnp.where(fresh, new, old), drawn, before)
            return env.advance(physics, goal, action, fresh)

        def look(achieved: Array, goal: Array) -> tuple[Array, Array, Array]:
            return env.goal_distance(achieved, goal), env.is_success(achieved, goal), env.goal_position(goal)

        def act(policy: AbstractPolicy[Any], memory: Any, obs: Array, goal: Array, key: Array, number: Array):
            return policy.act(memory, obs, goal, jr.fold_in(key, number))

        # A start is a step of a state of zeros, all of which is drawn anew: one program serves both.
        self._advance, self._look, self._act = jax.jit(advance), jax.jit(look), eqx.filter_jit(act)
        blank = jax.eval_shape(env.reset, key)
        self._nothing = jnp.zeros(env.action_size, blank.obs.dtype)
        self.state: EnvState = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), blank)
        self.reset()
        # How the goal moves with its position, and how to move it so that its position goes somewhere: both are
        # constant, because the position is an affine function of the goal. Of all ways the least change is taken.
        self._slope = np.asarray(jax.jacfwd(env.goal_position)(self.state.goal))
        self._to_goal = np.linalg.pinv(self._slope)
        self._action()  # the first policy is compiled here, not when somebody waits for the first step

    @property
    def acting(self) -> str:
        """The name of the policy that acts; another one of `policies` may be assigned.

        Raises:
            ValueError: on assignment of a name that is not in `policies`.
        """
        return self._acting

    @acting.setter
    def acting(self, name: str) -> None:
        if name not in self.policies:
            raise ValueError(f"`acting` of Session must be one of {', '.join(self.policies)}; got {name!r}.")
        self._acting = name
        self._memory = self.policies[name].start()

    @property
    def goal(self) -> Shaped[np.ndarray, " goal"]:
        """The commanded goal, in the units of `AbstractEnv.achieved_goal`."""
        return np.asarray(self.state.goal)

    @property
    def achieved_position(self) -> Shaped[np.ndarray, "3"]:
        """Where the goal that the state fulfils is, x, y, z in m."""
        return np.asarray(self._look(self.state.achieved, self.state.achieved)[2])

    @property
    def movable(self) -> tuple[bool, bool, bool]:
        """Along which of x, y and z a goal of this task can be moved."""
        x, y, z = (bool(row.any()) for row in self._slope)
        return x, y, z

    def reset(self) -> None:
        """A new episode: a start and a goal are drawn."""
        self._commanded = False
        self._go(self._nothing, fresh=True)

    def step(self) -> None:
        """One control step of whoever acts; after a fall, a new episode instead."""
        goal = self.state.goal
        action, self._memory = self._action()
        self._go(action, fresh=bool(self.state.terminated))
        if self._commanded and self.steps == 0:
            self.set_goal(goal)

    def set_goal(self, goal: Numbers) -> None:
        """Commands a goal; a policy that plans in chunks knows of it at its next chunk.

        Args:
            goal: as many numbers as the task's goals have.

        Raises:
            ValueError: another number of them, or one that is not finite.
        """
        new = np.asarray(goal, self.goal.dtype)
        if new.shape != self.goal.shape or not np.isfinite(new).all():
            raise ValueError(f"`goal` must be {self.goal.size} finite numbers; got {np.asarray(goal).tolist()}.")
        self.state = eqx.tree_at(lambda state: state.goal, self.state, jnp.asarray(new))
        self._commanded = True
        self._see()

    def move_goal(self, position: Numbers) -> None:
        """`set_goal`, of the present goal moved as near to a place as it can be.

        What the goal says besides its position stays, such as how far two fingertips are apart.

        Args:
            position: x, y, z in m.

        Raises:
            ValueError: not three finite numbers.
        """
        place = np.asarray(position, np.float64)
        if place.shape != (3,) or not np.isfinite(place).all():
            raise ValueError(f"`position` must be three finite numbers; got {place.tolist()}.")
        self.set_goal(self.goal + self._to_goal @ (place - self.goal_position))

    def _action(self) -> tuple[Float[Array, " action"], Any]:
        policy, number = self.policies[self._acting], jnp.asarray(self._draws, jnp.uint32)
        return self._act(policy, self._memory, self.state.obs, self.state.goal, self._keys[0], number)

    def _go(self, action: Float[Array, " action"], fresh: bool) -> None:
        number = jnp.asarray(self._draws, jnp.uint32)
        self.state = self._advance(self.state, action, np.bool_(fresh), self._keys[1], number)
        self._draws += 1
        self.steps = 0 if fresh else self.steps + 1
        if fresh:
            self._memory = self.policies[self._acting].start()
        self._see()

    def _see(self) -> None:
        distance, at_goal, position = self._look(self.state.achieved, self.state.goal)
        self.distance, self.at_goal, self.goal_position = float(distance), bool(at_goal), np.asarray(position)
