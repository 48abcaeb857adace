"""`Episodes` and `rollout` on an environment whose physics is one line, so that every number is known."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import envs

LIMIT = 3


class Line(envs.AbstractEngine):
    """A point on a line that moves by its control."""

    name: str = "line"
    control_step: float = 1.0

    def advance(self, physics, ctrl, fresh):
        qpos = jnp.where(fresh, physics.qpos, physics.qpos + ctrl)
        unstable = ~fresh & (jnp.abs(qpos[0]) > 50)
        qpos = jnp.where(unstable, physics.qpos, qpos)
        return envs.Physics(qpos, physics.qvel, physics.qacc_warmstart), {}, unstable


class Probe(envs.AbstractPositionGoalEnv):
    """Starts at U(0, 1), asks for U(5, 6); falls beyond 2.5."""

    engine: envs.AbstractEngine = Line()
    maze: None = None
    episode_length: int = LIMIT
    threshold: float = 0.5
    action_size: int = 1

    def start(self, key):
        start, goal = jr.uniform(key, (2, 1))
        return start, jnp.zeros(1), 5 + goal

    def observe(self, physics, fields):
        return jnp.concatenate([physics.qpos, physics.qpos**2])

    def control(self, action):
        return 10 * action

    def achieved_goal(self, physics, fields):
        return physics.qpos

    def is_terminal(self, physics, fields):
        return physics.qpos[0] > 2.5

    @property
    def viewpoint(self):
        return envs.Viewpoint()


def creep(obs, goal, key):
    """Moves by 0.5 in each step, or by a random 0 to 0.1 where a key is given."""
    return jnp.full(1, 0.05) if key is None else 0.01 * jr.uniform(key, (1,))


DETERMINISTIC = envs.deterministic(creep)


@functools.cache
def run(rows=4, length=2 * LIMIT + 2, limit=LIMIT, policy=creep):
    """Keys, first state, last state and trajectory of a rollout."""
    episodes = envs.Episodes(Probe(episode_length=limit))
    keys = jax.vmap(lambda i: jr.fold_in(jr.key(0), i))(jnp.arange(rows))

    @jax.jit
    def go(keys):
        state = episodes.reset(keys)
        acting = envs.as_policy(policy)
        last, _, trajectory = envs.rollout(episodes, state, acting, envs.fresh_memory(acting, rows), length, keys)
        return state, last, trajectory

    return keys, *go(keys)


def test_row_t_is_the_state_before_action_t():
    _, first, _, trajectory = run()
    np.testing.assert_array_equal(trajectory.obs[0], first.env.obs)
    x, action = np.asarray(trajectory.obs)[..., 0], np.asarray(trajectory.action)[..., 0]
    live = slice(0, LIMIT)
    np.testing.assert_allclose(x[1 : LIMIT + 1], x[live] + 10 * action[live], rtol=1e-6)
    assert trajectory.obs.shape == (2 * LIMIT + 2, 4, 2) and trajectory.action.shape == (2 * LIMIT + 2, 4, 1)
    assert trajectory.episode.dtype == jnp.int32


def test_the_last_state_of_an_episode_is_in_the_trajectory():
    _, _, last, trajectory = run()
    np.testing.assert_array_equal(trajectory.episode, np.repeat([0, 1], LIMIT + 1)[:, None] * np.ones(4, int))
    x = np.asarray(trajectory.obs)[..., 0]
    assert (x[LIMIT] > x[0]).all() and (x[LIMIT + 1] < 1).all()
    goal = np.asarray(trajectory.goal)
    np.testing.assert_array_equal(goal[: LIMIT + 1], np.tile(goal[0], (LIMIT + 1, 1, 1)))
    assert (goal[LIMIT + 1] != goal[0]).all()
    assert not last.truncated.any() and (np.asarray(last.t) == 0).all()


def test_an_episode_may_be_one_step_long():
    *_, trajectory = run(limit=1)
    np.testing.assert_array_equal(trajectory.episode[:, 0], [0, 0, 1, 1, 2, 2, 3, 3])


def test_a_fall_ends_an_episode_where_it_happens():
    *_, trajectory = run(length=30, limit=100, policy=DETERMINISTIC)
    x, ended = np.asarray(trajectory.obs)[..., 0], np.asarray(trajectory.terminated)
    np.testing.assert_array_equal(ended, x > 2.5)
    np.testing.assert_array_equal(np.diff(np.asarray(trajectory.episode), axis=0), ended[:-1])
    assert ended.any() and not trajectory.unstable.any()


def test_an_explosion_ends_an_episode_and_is_marked():
    keys, state, _, _ = run()
    far = jnp.array([[0.5], [-55.0], [0.5], [0.5]])
    state = eqx.tree_at(lambda s: s.env.physics.qpos, state, far)
    state = jax.jit(envs.Episodes(Probe()).step)(state, jnp.zeros((4, 1)), keys)
    np.testing.assert_array_equal(state.env.unstable, [False, True, False, False])
    np.testing.assert_array_equal(state.env.terminated, state.env.unstable)


def test_what_happens_in_a_row_does_not_depend_on_how_many_there_are():
    *_, many = run(rows=16)
    *_, few = run()
    for a, b in zip(jax.tree.leaves(few), jax.tree.leaves(many), strict=True):
        np.testing.assert_array_equal(a, b[:, :4])


def test_keys_are_folded_in_by_step():
    """So that a run can be rebuilt from a step number: key i, step t -> (action, next start)."""
    keys, _, _, trajectory = run()
    for i in range(4):
        for t in (0, LIMIT):
            act, start = jr.split(jr.fold_in(keys[i], t))
            np.testing.assert_allclose(trajectory.action[t, i], creep(None, None, act), rtol=1e-6)
        np.testing.assert_allclose(trajectory.goal[LIMIT + 1, i], Probe().start(start)[2], rtol=1e-6)


def test_a_deterministic_policy_gets_no_key():
    *_, trajectory = run(length=30, limit=100, policy=DETERMINISTIC)
    np.testing.assert_allclose(trajectory.action, 0.05)


def test_a_deterministic_policy_is_a_pytree_if_the_policy_is():
    """So that one compiled program evaluates every agent."""

    class Agent(eqx.Module):
        gain: jax.Array

        def __call__(self, obs, goal, key):
            return self.gain * goal

    policies = [envs.deterministic(Agent(jnp.array([g]))) for g in (0.1, 0.2)]
    assert jax.tree.structure(policies[0]) == jax.tree.structure(policies[1])
    assert [float(jax.tree.leaves(p)[0][0]) for p in policies] == pytest.approx([0.1, 0.2])


def test_sizes_are_derived_for_any_engine():
    env = Probe()
    assert (env.obs_size, env.goal_size, env.action_size, env.control_step) == (2, 1, 1, 1.0)
