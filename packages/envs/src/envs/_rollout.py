"""Acting: the one loop that training, evaluation and films share."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, Int, Key

from envs._episodes import Episodes, EpisodeState
from envs._policy import AbstractPolicy, Memory


class Trajectory(eqx.Module):
    """What happened, time-major: row t holds the state before action t, and that action.

    In a row where an episode ended (`terminated`, or the next row has another `episode`), the action had no
    effect.
    """

    obs: Float[Array, "time env obs"]
    action: Float[Array, "time env action"]
    achieved: Float[Array, "time env goal"]
    """The goal that the state fulfils."""
    goal: Float[Array, "time env goal"]
    """The commanded goal."""
    episode: Int[Array, "time env"]
    terminated: Bool[Array, "time env"]
    """Whether `obs` is a state in which the episode ended by falling or explosion."""
    unstable: Bool[Array, "time env"]


def fresh_memory(policy: AbstractPolicy[Memory], num_envs: int) -> Memory:
    """What `policy` remembers at the start of an episode, once for each environment: a leading axis `env`."""
    return jax.tree.map(lambda x: jnp.broadcast_to(x, (num_envs, *jnp.shape(x))), policy.start())


def rollout(
    episodes: Episodes,
    state: EpisodeState,
    policy: AbstractPolicy[Memory],
    memory: Memory,
    length: int,
    keys: Key[Array, " env"],
) -> tuple[EpisodeState, Memory, Trajectory]:
    """Acts for `length` steps in every row.

    Row i at step t uses `fold_in(keys[i], t)`, split into the key of its action and the key of its next
    start; so what happens in a row does not depend on how many rows there are.

    **Arguments**
    - `memory`: of `policy`, [env, ...]: `fresh_memory`, or what the last rollout returned. A row whose episode begins
      starts with `policy.start()` again.

    **Returns** the state and the memory after the last step (which is not in the trajectory) and the trajectory.
    """

    def at(t: Int[Array, ""]) -> Key[Array, "2 env"]:
        return jax.vmap(lambda key: jr.split(jr.fold_in(key, t)), out_axes=1)(keys)

    def one(carry: tuple[EpisodeState, Memory], step: Key[Array, "2 env"]):
        state, memory = carry
        act, start = step
        env = state.env
        action, memory = jax.vmap(policy.act)(memory, env.obs, env.goal, act)
        row = (env.obs, action, env.achieved, env.goal, state.episode, env.terminated, env.unstable)
        state = episodes.step(state, action, start)
        begins, first = state.t == 0, policy.start()
        memory = jax.tree.map(lambda old, new: jax.vmap(jnp.where, (0, None, 0))(begins, new, old), memory, first)
        return (state, memory), row

    # All keys are made at once, for between two steps of physics each small program waits for its threads to wake.
    (state, memory), rows = jax.lax.scan(one, (state, memory), jax.vmap(at)(jnp.arange(length)))
    return state, memory, Trajectory(*rows)
