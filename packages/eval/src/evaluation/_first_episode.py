"""A batch of environments on its way through its first episode: what numbers and film both look at."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, Shaped

from envs import (
    AbstractEnv,
    AbstractPolicy,
    Episodes,
    EpisodeState,
    Policy,
    as_policy,
    deterministic,
    fresh_memory,
    rollout,
)


class Moment(eqx.Module):
    """One time step of several environments.

    Attributes:
        state: the environments; a row whose first episode is over lives on in later ones.
        memory: of the policy, see `envs.AbstractPolicy`.
        running: whether the first episode goes on after this moment.
        at_goal: whether the state, or the last one of the first episode, is within the threshold of the goal.
        distance: how far that state is from the goal, in metres.
    """

    state: EpisodeState
    memory: Any
    running: Bool[Array, " episode"]
    at_goal: Bool[Array, " episode"]
    distance: Float[Array, " episode"]


class Take(eqx.Module):
    """First episodes as a film shows them: NumPy arrays, time first, each row still once its episode is over.

    Attributes:
        qpos: the generalised positions.
        position: x and y of the achieved goal, in metres.
        goal: the commanded goal.
        at_goal, running, distance: as in `Moment`.
        fallen: whether the episode ended before its time limit, now or earlier.
    """

    qpos: Shaped[np.ndarray, "time agent nq"]
    position: Shaped[np.ndarray, "time agent 2"]
    goal: Shaped[np.ndarray, "time agent goal"]
    at_goal: Bool[np.ndarray, "time agent"]
    running: Bool[np.ndarray, "time agent"]
    distance: Shaped[np.ndarray, "time agent"]
    fallen: Bool[np.ndarray, "time agent"]


def begin(env: AbstractEnv, policy: AbstractPolicy[Any], keys: Key[Array, " episode"]) -> Moment:
    """Fresh starts and goals, one a key."""
    state = Episodes(env).reset(keys)
    return Moment(
        state=state,
        memory=fresh_memory(policy, len(keys)),
        running=~(state.env.terminated | state.truncated),
        at_goal=jax.vmap(env.is_success)(state.env.achieved, state.env.goal),
        distance=jax.vmap(env.goal_distance)(state.env.achieved, state.env.goal),
    )


def proceed(
    env: AbstractEnv, policy: AbstractPolicy[Any], moment: Moment, keys: Key[Array, " episode"], t: Int[Array, ""]
) -> Moment:
    """The moment after step `t`. Rows past their first episode keep its end."""
    keys = jax.vmap(jr.fold_in, in_axes=(0, None))(keys, t)
    state, memory, _ = rollout(Episodes(env), moment.state, policy, moment.memory, 1, keys)
    achieved, goal = state.env.achieved, state.env.goal
    return Moment(
        state=state,
        memory=memory,
        running=moment.running & ~(state.env.terminated | state.truncated),
        at_goal=jnp.where(moment.running, jax.vmap(env.is_success)(achieved, goal), moment.at_goal),
        distance=jnp.where(moment.running, jax.vmap(env.goal_distance)(achieved, goal), moment.distance),
    )


class Walk(NamedTuple):
    """What agents saw and did in one episode each: NumPy arrays, episode first; what is past `length` does not count.

    Attributes:
        obs, action: of every state and what was done in it. The state an episode ends in is left out: nothing is done
            in it.
        goal: the commanded goal.
        length: how many steps the episode had.
    """

    obs: Float[np.ndarray, "episode time obs"]
    action: Float[np.ndarray, "episode time action"]
    goal: Float[np.ndarray, "episode goal"]
    length: Int[np.ndarray, " episode"]


def walk(env: AbstractEnv, policy: Policy, key: Key[Array, ""], episodes: int, longest: int) -> Walk:
    """Acts in the first episode of some environments until it ends, at most for `longest` steps.

    Args:
        env: what to act in.
        policy: gets a key for each action; see `envs.deterministic`.
        key: draws starts, goals and actions.
        episodes: how many.
        longest: control steps.
    """
    world, steps = Episodes(env), min(longest, env.episode_length)

    @eqx.filter_jit
    def act(policy: Policy, key: Key[Array, ""]) -> tuple[Array, ...]:
        begin, act = jr.split(key)
        first, keys, acting = world.reset(jr.split(begin, episodes)), jr.split(act, episodes), as_policy(policy)
        seen = rollout(world, first, acting, fresh_memory(acting, episodes), steps, keys)[2]
        length = jnp.sum((seen.episode == 0) & ~seen.terminated, axis=0)
        return seen.obs, seen.action, seen.goal[0], length

    obs, action, goal, length = (np.asarray(x) for x in act(policy, key))
    return Walk(obs.swapaxes(0, 1), action.swapaxes(0, 1), goal, length)


def shoot(
    env: AbstractEnv,
    policy: Policy,
    keys: Key[Array, " agent"],
    stochastic: bool = False,
    longest: int | None = None,
) -> Take:
    """Records the first episode of one environment a key until the last has ended, or for `longest` steps.

    The policy acts without noise unless `stochastic`.
    """
    steps = env.episode_length if longest is None else min(longest, env.episode_length)

    def look(moment: Moment) -> tuple[Array, ...]:
        state = moment.state.env
        position = jax.vmap(env.goal_position)(state.achieved)[:, :2]
        status = moment.at_goal, moment.running, moment.distance, state.terminated
        return state.physics.qpos, position, state.goal, *status

    @eqx.filter_jit
    def act(policy: Policy, keys: Key[Array, " agent"]) -> tuple[Array, ...]:
        acting = as_policy(policy) if stochastic else deterministic(policy)

        def one(moment: Moment, t: Int[Array, ""]) -> tuple[Moment, tuple[Array, ...]]:
            return proceed(env, acting, moment, keys, t), look(moment)

        last, seen = jax.lax.scan(one, begin(env, acting, keys), jnp.arange(steps, dtype=jnp.int32))
        return jax.tree.map(lambda past, end: jnp.concatenate([past, end[None]]), seen, look(last))

    seen = [np.asarray(x) for x in act(policy, keys)]
    # A row lives on in a second episode; shown is the last moment of its first instead, number `end`.
    end = np.minimum(seen[4].sum(axis=0), steps)
    moment = np.minimum(np.arange(end.max() + 1)[:, None], end)
    return Take(*(np.take_along_axis(x, moment.reshape(*moment.shape, *[1] * (x.ndim - 2)), 0) for x in seen))
