"""What every environment promises, whatever its task."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import envs

ROWS, LIMIT = 60, 4
EVEN = np.arange(ROWS) % 2 == 0

FAMILIES: dict[str, tuple[Callable[..., envs.AbstractEnv], tuple[int, int, int], float]] = {
    "point_maze": (lambda **kw: envs.PointMaze(engine="native", **kw), (4, 2, 2), 0.05),
    "ant": (lambda **kw: envs.Ant(engine="native", **kw), (29, 2, 8), 0.05),
    "ant_maze": (lambda **kw: envs.AntMaze(maze="big_maze", engine="native", **kw), (29, 2, 8), 0.05),
    "humanoid": (lambda **kw: envs.Humanoid(engine="native", **kw), (278, 3, 17), 0.03),
}


@pytest.fixture(scope="module", params=list(FAMILIES))
def family(request):
    make, sizes, control_step = FAMILIES[request.param]
    return make(episode_length=LIMIT), sizes, control_step


@pytest.fixture(scope="module")
def env(family):
    return family[0]


class Run(NamedTuple):
    first: envs.EpisodeState
    last: envs.EpisodeState
    trajectory: envs.Trajectory
    steps: dict[str, envs.EpisodeState]


def random_policy(env):
    return lambda obs, goal, key: jr.uniform(key, (env.action_size,), minval=-1.0)


@pytest.fixture(scope="module")
def run(env):
    """One compiled program per family, because compiling is what these tests take time for.

    A rollout over three episodes, and single steps from its first state: under the full action and beyond it
    (`clipped`), with other goals commanded (`moved`), and with every other row's episode over, under two
    actions (`over`, `over_pushed`).
    """
    episodes = envs.Episodes(env)

    @jax.jit
    def go(key):
        start, act = jr.split(key)
        first = episodes.reset(jr.split(start, ROWS))
        last, trajectory = envs.rollout(episodes, first, random_policy(env), 3 * (LIMIT + 1), jr.split(act, ROWS))
        moved = eqx.tree_at(lambda s: s.env.goal, first, first.env.goal + 3)
        over = dataclasses.replace(first, truncated=jnp.asarray(EVEN))
        names, states, pushes = zip(
            ("step", first, 1.0),
            ("clipped", first, 7.0),
            ("moved", moved, 1.0),
            ("over", over, 1.0),
            ("over_pushed", over, -1.0),
            strict=True,
        )

        def one(case):
            state, push = case
            return episodes.step(state, jnp.full((ROWS, env.action_size), push), jr.split(start, ROWS))

        stepped = jax.lax.map(one, (jax.tree.map(lambda *x: jnp.stack(x), *states), jnp.array(pushes)))
        steps = {name: jax.tree.map(lambda x, i=i: x[i], stepped) for i, name in enumerate(names)}
        return Run(first, last, trajectory, steps)

    return go


def test_sizes_are_derived(family):
    env, (obs, goal, action), control_step = family
    assert (env.obs_size, env.goal_size, env.action_size) == (obs, goal, action)
    assert env.control_step == pytest.approx(control_step)
    state = jax.eval_shape(env.reset, jr.key(0))
    assert state.obs.shape == (obs,) and state.goal.shape == (goal,)
    assert state.obs.dtype == state.physics.qpos.dtype == jnp.float32
    assert jax.eval_shape(env.step, state, jnp.zeros(action)) == state, "a step keeps shapes and types"


def test_an_environment_holds_no_arrays(env):
    assert not jax.tree.leaves(env), "so that it can be closed over, or be static, anywhere"
    assert hash(env) == hash(env)


def test_runs_are_deterministic_to_the_bit(run):
    first, second = run(jr.key(3)), run(jr.key(3))
    assert jax.tree.all(jax.tree.map(lambda a, b: bool(jnp.array_equal(a, b)), first, second))
    other = run(jr.key(4))
    assert not jnp.array_equal(first.trajectory.obs, other.trajectory.obs)


def test_obs_does_not_hold_the_commanded_goal(run):
    steps = run(jr.key(3)).steps
    np.testing.assert_array_equal(steps["step"].env.obs, steps["moved"].env.obs)
    np.testing.assert_allclose(steps["step"].env.goal + 3, steps["moved"].env.goal, rtol=1e-6, atol=1e-6)


def test_a_reached_goal_is_a_success(env, run):
    state = run(jr.key(3)).first.env
    for i in range(3):
        obs = state.obs[i]
        reached = env.achieved_goal(obs)
        assert reached.shape == (env.goal_size,)
        assert float(env.distance(obs, reached)) == 0 and bool(env.success(obs, reached))
        aside = reached.at[0].add(env.threshold * 0.99), reached.at[0].add(env.threshold * 1.01)
        assert [bool(env.success(obs, goal)) for goal in aside] == [True, False]


def test_episodes_end_at_the_limit_and_the_next_step_starts_anew(run):
    first, last, trajectory, _ = run(jr.key(3))
    upright = ~np.asarray(trajectory.terminated).any(axis=0)  # a fall ends an episode earlier
    assert upright.sum() >= 2
    # 0 .. LIMIT are LIMIT + 1 states and LIMIT steps, then the next episode.
    expected = np.repeat(np.arange(3), LIMIT + 1)[:, None]
    assert (np.asarray(trajectory.episode)[:, upright] == expected).all()
    np.testing.assert_array_equal(last.episode[upright], 3)
    np.testing.assert_array_equal(last.t[upright], 0)
    np.testing.assert_array_equal(trajectory.obs[0], first.env.obs)
    goals = np.asarray(trajectory.goal)[:, upright].reshape(3, LIMIT + 1, upright.sum(), -1)
    np.testing.assert_array_equal(goals, np.repeat(goals[:, :1], LIMIT + 1, axis=1))


def test_a_fall_ends_an_episode_one_step_later(run):
    trajectory = run(jr.key(3)).trajectory
    ended, episode = np.asarray(trajectory.terminated), np.asarray(trajectory.episode)
    np.testing.assert_array_equal((episode[1:] - episode[:-1])[ended[:-1]], 1)


def test_every_reset_draws_a_new_start_and_goal(env, run):
    trajectory = run(jr.key(3)).trajectory
    goals, starts = (np.asarray(x)[[0, LIMIT + 1]] for x in (trajectory.goal, trajectory.obs))
    distinct = len(np.unique(goals.reshape(2 * ROWS, -1), axis=0))
    assert distinct == 2 * ROWS if env.maze is None else distinct > 0.8 * len(env.maze.goals)
    assert (goals[0] != goals[1]).any(axis=1).mean() > 0.6, "a row asks for another goal in its next episode"
    noiseless = isinstance(env, envs.Humanoid)
    assert len(np.unique(starts[0], axis=0)) == (1 if noiseless else ROWS)


def test_a_row_that_starts_anew_ignores_its_action(run):
    first, _, _, steps = run(jr.key(3))
    over, pushed = steps["over"], steps["over_pushed"]
    same = (np.asarray(over.env.obs) == np.asarray(pushed.env.obs)).all(axis=1)
    np.testing.assert_array_equal(same, EVEN)
    np.testing.assert_allclose(over.env.obs[::2], first.env.obs[::2], rtol=1e-6, atol=1e-6)  # of the same keys
    np.testing.assert_array_equal(over.env.physics.qacc_warmstart[::2], 0)
    np.testing.assert_array_equal(over.t, np.where(EVEN, 0, 1))
    np.testing.assert_array_equal(over.episode, EVEN)
    np.testing.assert_array_equal(over.truncated, False)
    np.testing.assert_array_equal(over.env.obs[1::2], steps["step"].env.obs[1::2])


def test_actions_beyond_the_limits_are_clipped(run):
    steps = run(jr.key(3)).steps
    np.testing.assert_array_equal(steps["step"].env.obs, steps["clipped"].env.obs)
