"""Policies with a memory: action chunks, restarted with every episode, in training and evaluation alike."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from eval_line import Line

import envs
import evaluation

LENGTH, LIMIT = 3, 7


class Counter(envs.AbstractPolicy[jax.Array]):
    """Acts by the number of its step in the episode, and a hundredth of its gain."""

    gain: jax.Array

    def start(self):
        return jnp.int32(0)

    def act(self, memory, obs, goal, key):
        return jnp.stack([memory.astype(float) / 100, self.gain / 100]), memory + 1


def numbered(obs, goal, key):
    """A chunk of small actions 0, 1, 2 beside the position at which it was asked for."""
    return jnp.stack([jnp.arange(LENGTH) / 100, jnp.full(LENGTH, obs[0])], axis=1)


CHUNKED = envs.Chunked(numbered, LENGTH, 2)


def acted(policy, length: int, rows: int = 4) -> envs.Trajectory:
    episodes = envs.Episodes(Line(episode_length=LIMIT))
    keys = jr.split(jr.key(0), rows)

    @jax.jit
    def go(keys):
        return envs.rollout(episodes, episodes.reset(keys), policy, envs.fresh_memory(policy, rows), length, keys)[2]

    return go(keys)


def test_a_chunk_is_executed_open_loop_and_every_episode_begins_with_a_new_one():
    seen = acted(CHUNKED, 2 * (LIMIT + 1))
    step = np.tile(np.arange(LIMIT + 1), 2)  # the state that an episode ends in has an action too, without effect
    np.testing.assert_allclose(seen.action[:, 0, 0], (step % LENGTH) / 100, atol=1e-6)
    at = np.asarray(seen.obs)[:, 0, 0]
    np.testing.assert_array_equal(seen.action[:, 0, 1], at[np.arange(len(at)) - step % LENGTH])


def test_the_memory_is_carried_from_one_rollout_to_the_next():
    episodes, policy, keys = envs.Episodes(Line(episode_length=LIMIT)), Counter(jnp.zeros(())), jr.split(jr.key(0), 4)
    state, memory = episodes.reset(keys), envs.fresh_memory(policy, 4)
    actions = []
    for _ in range(5):
        state, memory, seen = envs.rollout(episodes, state, policy, memory, 2, keys)
        actions += np.asarray(100 * seen.action[:, 0, 0]).tolist()
    np.testing.assert_allclose(actions, [*range(LIMIT + 1), 0, 1], atol=1e-5)


def test_rows_restart_their_memory_one_by_one():
    episodes, policy, keys = envs.Episodes(Line(episode_length=LIMIT)), Counter(jnp.zeros(())), jr.split(jr.key(0), 2)
    state = episodes.reset(keys)
    state = eqx.tree_at(lambda s: s.t, state, jnp.array([0, 4]))
    _, _, seen = envs.rollout(episodes, state, policy, jnp.array([0, 4]), 6, keys)
    np.testing.assert_allclose(100 * seen.action[:, :, 0].T, [range(6), [4, 5, 6, 7, 0, 1]], atol=1e-5)


def test_an_evaluation_threads_the_memory():
    """One episode of a counter ends where the sum of its actions says."""
    env = Line(nearest=6, farthest=6)
    record = evaluation.Evaluator(env, 4).episodes(Counter(jnp.zeros(())), jr.key(0))
    np.testing.assert_allclose(record.distance, 6 - sum(range(env.episode_length)) / 100, rtol=1e-5)


def test_a_session_restarts_the_memory_with_an_episode_and_with_another_policy():
    one, two = Counter(jnp.zeros(())), Counter(jnp.ones(()))
    session = evaluation.Session(Line(nearest=6, farthest=6), {"one": one, "two": two}, jr.key(0))

    def moved() -> list[float]:
        before = session.state.obs
        session.step()
        return np.round(100 * np.asarray(session.state.obs - before), 3).tolist()

    assert [moved() for _ in range(3)] == [[0, 0], [1, 0], [2, 0]]
    session.acting = "two"
    assert [moved() for _ in range(2)] == [[0, 1], [1, 1]]
    session.reset()
    assert moved() == [0, 1]


def test_a_plain_function_is_a_policy_without_a_memory():
    policy = envs.as_policy(lambda obs, goal, key: obs + goal)
    assert policy.start() == () and envs.as_policy(policy) is policy
    action, memory = policy.act((), jnp.ones(2), jnp.ones(2), None)
    np.testing.assert_array_equal(action, 2 * np.ones(2))
    assert memory == ()


def test_a_deterministic_policy_keeps_its_memory():
    policy = envs.deterministic(CHUNKED)
    np.testing.assert_array_equal(acted(policy, LIMIT).action, acted(CHUNKED, LIMIT).action)


@pytest.mark.parametrize("value", [0, -1])
def test_a_chunk_without_a_length_is_refused(value):
    with pytest.raises(ValueError, match="`length` must be"):
        envs.Chunked(numbered, value, 2)
