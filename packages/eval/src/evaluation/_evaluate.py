"""How well a policy reaches its goals, in numbers: the evaluation of paper section 4.1."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from envs import AbstractEnv, Policy, deterministic
from evaluation._first_episode import Moment, begin, proceed


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

    It is compiled once for all policies of one structure: pass `equinox.Partial(algorithm.policy, agent)`,
    whose arrays are arguments of the compiled program. It always runs on one device, so that its numbers do
    not depend on the mesh that trained the agent.

    Args:
        env: what to act in.
        episodes: how many environments; each has its own start and goal.

    Raises:
        ValueError: `env` is no environment, or `episodes` is not a positive integer.
    """

    def __init__(self, env: AbstractEnv, episodes: int = 128):
        if not isinstance(env, AbstractEnv):
            raise ValueError(f"`env` of Evaluator must be an environment (in gin: @envs.PointMaze()); got {env!r}.")
        if isinstance(episodes, bool) or not isinstance(episodes, int) or episodes < 1:
            raise ValueError(f"evaluation.Evaluator.episodes is {episodes!r}; it must be a positive integer.")
        self.env = env
        self.size = episodes
        # The environment is closed over, not passed: its maze and model are constants of the program.
        self._first_episodes = eqx.filter_jit(lambda policy, key: _first_episodes(env, episodes, policy, key))

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
        policy = policy if stochastic else deterministic(policy)
        device = jax.local_devices()[0]
        arrays, rest = eqx.partition((policy, key), eqx.is_array)
        policy, key = eqx.combine(jax.device_put(arrays, device), rest)
        return self._first_episodes(policy, key)


def _first_episodes(env: AbstractEnv, episodes: int, policy: Policy, key: Key[Array, ""]) -> EpisodeRecord:
    start_key, reset_key = jr.split(key)
    moment = begin(env, jr.split(start_key, episodes))
    keys = jr.split(reset_key, episodes)
    zero = jnp.zeros(episodes, jnp.int32)

    # A while loop, because bad humanoids fall within a second: nothing is computed after the last has fallen.
    def some_run(carry: tuple[Array, Moment, Array, Array]) -> Bool[Array, ""]:
        return jnp.any(carry[1].running)

    def one_step(carry: tuple[Array, Moment, Array, Array]) -> tuple[Array, Moment, Array, Array]:
        t, before, time_at_goal, length = carry
        after = proceed(env, policy, before, keys, t)
        at_goal = (before.running & after.at_goal).astype(jnp.int32)
        return t + 1, after, time_at_goal + at_goal, length + before.running.astype(jnp.int32)

    _, last, time_at_goal, length = jax.lax.while_loop(some_run, one_step, (jnp.int32(0), moment, zero, zero))
    return EpisodeRecord(
        goal=moment.state.env.goal,
        time_at_goal=time_at_goal,
        success_any=time_at_goal > 0,
        success_end=last.at_goal,
        distance=last.distance,
        length=length,
    )


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
