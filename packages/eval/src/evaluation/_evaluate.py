"""How well a policy reaches its goals, in numbers: the evaluation of paper section 4.1."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import psutil
from jaxtyping import Array, Bool, Float, Int, Key

from envs import AbstractEnv, AbstractPolicy, Policy, ZeroPolicy, as_policy, deterministic
from evaluation._first_episode import Moment, begin, proceed

_STEPS_A_CALL = 100
_MOST_EPISODES, _MOST_STEPS = 10**6, 10**9  # steps of all episodes together: a day of the fastest task on a CPU
_FEW = 10_000  # episodes that fit into any memory
_COPIES = 4  # of the environments' states: before and after a step, and what the step holds meanwhile


class EpisodeRecord(eqx.Module):
    """What happened in the first episode of each environment.

    The states counted are those reached by an action: the start does not count, the last state does, be it
    the one at the time limit or the one the agent fell in.

    Attributes:
        goal: the commanded goal.
        time_at_goal: how many reached states are within the threshold of the goal.
        success_any: whether there is at least one such state.
        success_end: whether the last state is one.
        distance: from the last state to the goal, in metres.
        length: how many steps the episode had.
    """

    goal: Float[Array, "episode goal"]
    time_at_goal: Int[Array, " episode"]
    success_any: Bool[Array, " episode"]
    success_end: Bool[Array, " episode"]
    distance: Float[Array, " episode"]
    length: Int[Array, " episode"]


class Evaluator:
    """Runs a policy for one episode in each of several fresh environments.

    It is compiled once for all policies of one structure, whose arrays are arguments of the compiled program. It
    always runs on one device, so that its numbers do not depend on the mesh that trained the agent.

    Args:
        env: what to act in.
        episodes: how many environments; each has its own start and goal.

    Raises:
        ValueError: `env` is no environment, `episodes` is not an integer from 1 to a million, or so many episodes of
            that task have more than a billion steps or do not fit into memory.
    """

    def __init__(self, env: AbstractEnv, episodes: int = 128):
        if not isinstance(env, AbstractEnv):
            raise ValueError(f"`env` of Evaluator must be an environment (in gin: @envs.PointMaze()); got {env!r}.")
        if isinstance(episodes, bool) or not isinstance(episodes, int) or not 1 <= episodes <= _MOST_EPISODES:
            raise ValueError(
                f"evaluation.Evaluator.episodes is {episodes!r}; it must be an integer from 1 to {_MOST_EPISODES:,}."
            )
        _check_size(env, episodes)
        self.env = env
        self.size = episodes
        # The environment is closed over, not passed: its maze and model are constants of the program.
        self._begin = eqx.filter_jit(lambda policy, key: _begin(env, episodes, policy, key))
        self._proceed = eqx.filter_jit(lambda policy, keys, progress: _proceed(env, policy, keys, progress))

    def __call__(self, policy: Policy, key: Key[Array, ""]) -> dict[str, float]:
        """Means over episodes of the policy without noise, named `eval/...`."""
        values = by_name(self.episodes(policy, key), self.env)
        return {name: float(np.mean(value)) for name, value in values.items()}

    def episodes(self, policy: Policy, key: Key[Array, ""], stochastic: bool = False) -> EpisodeRecord:
        """The record of every episode.

        Args:
            policy: what acts; the same starts and goals for every policy.
            key: draws starts and goals, and the actions of a stochastic policy.
            stochastic: whether the policy gets a key for each action; else it acts without noise.
        """
        policy = as_policy(policy) if stochastic else deterministic(policy)
        device = jax.local_devices()[0]
        arrays, rest = eqx.partition((policy, key), eqx.is_array)
        policy, key = eqx.combine(jax.device_put(arrays, device), rest)
        progress, keys = self._begin(policy, key)
        goal = progress.moment.state.env.goal
        # In calls of some steps, so that a signal's handler need not wait for whole episodes.
        while np.any(progress.moment.running):
            progress = self._proceed(policy, keys, progress)
        return EpisodeRecord(
            goal=goal,
            time_at_goal=progress.time_at_goal,
            success_any=progress.time_at_goal > 0,
            success_end=progress.moment.at_goal,
            distance=progress.moment.distance,
            length=progress.length,
        )


def _check_size(env: AbstractEnv, episodes: int) -> None:
    """Refuses an evaluation that would not end, or not fit into memory, before anything of it is made."""
    task, steps = type(env).__name__, episodes * env.episode_length
    if steps > _MOST_STEPS:
        raise ValueError(
            f"evaluation.Evaluator.episodes is {episodes:,} and an episode of {task} has up to {env.episode_length:,} "
            f"steps, {steps:,} in all; at most {_MOST_STEPS:,} are accepted."
        )
    if episodes <= _FEW:
        return
    shapes = eqx.filter_eval_shape(_begin, env, episodes, ZeroPolicy(env.action_size), jr.key(0))
    arrays = [x for x in jax.tree.leaves(shapes) if isinstance(x, jax.ShapeDtypeStruct)]
    needed = _COPIES * sum(math.prod(x.shape) * x.dtype.itemsize for x in arrays)
    free = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit") or psutil.virtual_memory().available
    if needed > free:
        raise ValueError(
            f"evaluation.Evaluator.episodes is {episodes:,}, which takes {needed / 1e9:,.1f} GB for {task}; "
            f"{free / 1e9:,.1f} GB of memory are free."
        )


class _Progress(eqx.Module):
    """Where the episodes are after `t` steps, and what was counted in them so far."""

    t: Int[Array, ""]
    moment: Moment
    time_at_goal: Int[Array, " episode"]
    length: Int[Array, " episode"]


def _begin(
    env: AbstractEnv, episodes: int, policy: AbstractPolicy[Any], key: Key[Array, ""]
) -> tuple[_Progress, Key[Array, " episode"]]:
    start_key, reset_key = jr.split(key)
    zero = jnp.zeros(episodes, jnp.int32)
    moment = begin(env, policy, jr.split(start_key, episodes))
    return _Progress(jnp.int32(0), moment, zero, zero), jr.split(reset_key, episodes)


def _proceed(
    env: AbstractEnv, policy: AbstractPolicy[Any], keys: Key[Array, " episode"], progress: _Progress
) -> _Progress:
    end = progress.t + _STEPS_A_CALL

    # A while loop, because bad humanoids fall within a second: nothing is computed after the last has fallen.
    def some_run(now: _Progress) -> Bool[Array, ""]:
        return jnp.any(now.moment.running) & (now.t < end)

    def one_step(now: _Progress) -> _Progress:
        after = proceed(env, policy, now.moment, keys, now.t)
        at_goal = (now.moment.running & after.at_goal).astype(jnp.int32)
        length = now.length + now.moment.running.astype(jnp.int32)
        return _Progress(now.t + 1, after, now.time_at_goal + at_goal, length)

    return jax.lax.while_loop(some_run, one_step, progress)


def by_name(record: EpisodeRecord, env: AbstractEnv) -> dict[str, np.ndarray]:
    """One value an episode of every metric; a share of episodes is Boolean."""
    time_at_goal = np.asarray(record.time_at_goal, np.float64)
    return {
        "eval/time_at_goal": time_at_goal,
        "eval/time_at_goal_fraction": time_at_goal / env.episode_length,
        "eval/success_any": np.asarray(record.success_any),
        "eval/success_end": np.asarray(record.success_end),
        "eval/distance": np.asarray(record.distance, np.float64),
        "eval/episode_length": np.asarray(record.length, np.float64),
    }
