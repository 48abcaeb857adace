"""Many environments side by side: time limit, and a new start and goal after every episode."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from envs._base import AbstractEnv, EnvState
from envs._physics import Physics

_Start = tuple[Physics, Float[Array, "..."]]


class EpisodeState(eqx.Module):
    """A batch of environments; every array has the leading axis `env`."""

    env: EnvState
    t: Int[Array, " env"]
    """Control steps since the episode's start: 0 in its first state."""
    episode: Int[Array, " env"]
    """Number of episodes that this row has finished."""
    truncated: Bool[Array, " env"]
    """Whether the episode ended here because `t` reached the limit."""


class Episodes(eqx.Module):
    """Runs episodes of `env` in a batch, one after the other.

    The state an episode ends in stays visible: it is returned like any other, with `terminated` or
    `truncated` set. The *next* step ignores its action, draws a new start and goal, and counts a new
    episode. So no state is lost, and a row never holds a state of one episode and a goal of another.
    """

    env: AbstractEnv

    def reset(self, keys: Key[Array, " env"]) -> EpisodeState:
        """One new episode per key, numbered 0."""
        zeros = jnp.zeros(keys.shape, jnp.int32)
        return EpisodeState(jax.vmap(self.env.reset)(keys), zeros, zeros, jnp.zeros(keys.shape, bool))

    def step(self, state: EpisodeState, action: Float[Array, "env action"], keys: Key[Array, " env"]) -> EpisodeState:
        """One step of all rows; rows whose episode is over start a new one with their key instead.

        One call of the engine serves both kinds of row: it steps the live ones and only evaluates the new
        ones.
        """
        fresh = state.env.terminated | state.truncated
        # Drawing costs as much as a cheap task's physics, and most steps begin no episode.
        old = (state.env.physics, state.env.goal)
        physics, goal = jax.lax.cond(fresh.any(), self._begin, lambda _, __, old: old, fresh, keys, old)
        env = jax.vmap(self.env.advance)(physics, goal, action, fresh)
        t = jnp.where(fresh, 0, state.t + 1)
        episode = state.episode + fresh.astype(jnp.int32)
        return EpisodeState(env, t, episode, t >= self.env.episode_length)

    def _begin(self, fresh: Bool[Array, " env"], keys: Key[Array, " env"], old: _Start) -> _Start:
        """New starts and goals where `fresh`."""

        def one(fresh: Bool[Array, ""], key: Key[Array, ""], old: _Start) -> _Start:
            return jax.tree.map(lambda new, old: jnp.where(fresh, new, old), self.env.begin(key), old)

        return jax.vmap(one)(fresh, keys, old)
