"""What every environment promises, whatever its task."""

import dataclasses
import inspect
import re
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from test_envs_pickles import tasks

import envs

ROWS, LIMIT = 60, 4
EVEN = np.arange(ROWS) % 2 == 0


BIG = {"AntMaze": {"maze": "big_maze"}}  # where there is a choice, the layout of many goals
FOUND = {task.__name__: task for task in tasks()}


class Task(NamedTuple):
    """What is promised to users: sizes of obs, goal and action; seconds; what resets draw; how episodes end."""

    sizes: tuple[int, int, int]
    control_step: float
    draws: str
    ends_early: bool


def promised(cls: type[envs.AbstractEnv]) -> Task:
    """What the docstrings of a task and of the classes it stands on say, the task's own first."""
    documented = [c for c in cls.__mro__ if c not in (*envs.AbstractEnv.__mro__,)]
    text = " ".join(" ".join((inspect.getdoc(x) or "") for x in (*documented, cls.__init__)).split())

    def first(pattern: str) -> str:
        said = re.search(pattern, text)
        assert said, f"a docstring of {cls.__name__} must match {pattern!r}"
        return said[1]

    obs, goal, action = (int(first(rf"\b{what} \((\d+)")) for what in ("Observation", "Goal", "Action"))
    start = first(r"\bStart: (.*?)(?:\. [A-Z]|\.?$)")
    drawn = {"starts": "without noise" not in start, "goals": "always" not in first(r"\bGoal \(\d+\): (.*?)\. [A-Z]")}
    end = first(r"(Episodes never end early|An episode ends when)")
    return Task(
        sizes=(obs, goal, action),
        control_step=float(first(r"[Cc]ontrol steps? (?:of )?([\d.]+) s\b")),
        draws=" and ".join(what for what, is_drawn in drawn.items() if is_drawn),
        ends_early=end == "An episode ends when",
    )


def test_a_task_is_reached_by_its_name():
    for name, cls in FOUND.items():
        assert getattr(envs, name) is cls, "it is reached as envs.X"


@pytest.fixture(scope="module", params=list(FOUND))
def family(request):
    make = FOUND[request.param]
    return make(episode_length=LIMIT, engine="native", **BIG.get(request.param, {})), promised(make)


@pytest.fixture(scope="module")
def env(family):
    return family[0]


@pytest.fixture(scope="module")
def task(family):
    return family[1]


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
    (`clipped`), with other goals commanded (`moved`), with every other row's episode over, under two actions
    (`over`, `over_pushed`), and with one row at a speed that no simulation bears (`exploded`).
    """
    episodes = envs.Episodes(env)

    @jax.jit
    def go(key):
        start, act = jr.split(key)
        first = episodes.reset(jr.split(start, ROWS))
        last, _, trajectory = envs.rollout(
            episodes, first, envs.Stateless(random_policy(env)), (), 3 * (LIMIT + 1), jr.split(act, ROWS)
        )
        moved = eqx.tree_at(lambda s: s.env.goal, first, first.env.goal + 3)
        over = dataclasses.replace(first, truncated=jnp.asarray(EVEN))
        blown = eqx.tree_at(lambda s: s.env.physics.qvel, first, first.env.physics.qvel.at[3].set(1e12))
        names, states, pushes = zip(
            ("step", first, 1.0),
            ("clipped", first, 7.0),
            ("moved", moved, 1.0),
            ("over", over, 1.0),
            ("over_pushed", over, -1.0),
            ("exploded", blown, 1.0),
            strict=True,
        )

        def one(case):
            state, push = case
            return episodes.step(state, jnp.full((ROWS, env.action_size), push), jr.split(start, ROWS))

        stepped = jax.lax.map(one, (jax.tree.map(lambda *x: jnp.stack(x), *states), jnp.array(pushes)))
        steps = {name: jax.tree.map(lambda x, i=i: x[i], stepped) for i, name in enumerate(names)}
        return Run(first, last, trajectory, steps)

    return go


def test_the_numbers_of_a_task_are_those_promised(env, task):
    obs, goal, action = task.sizes
    assert (env.obs_size, env.goal_size, env.action_size) == (obs, goal, action)
    assert env.control_step == pytest.approx(task.control_step)
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
        reached = state.achieved[i]
        assert reached.shape == (env.goal_size,)
        assert float(env.goal_distance(reached, reached)) == 0 and bool(env.is_success(reached, reached))
        along = np.isin(np.arange(env.goal_size), (0, 3) if isinstance(env, envs.ArmGrasp) else (0,))
        aside = reached + env.threshold * 0.99 * along, reached + env.threshold * 1.01 * along
        assert [bool(env.is_success(reached, goal)) for goal in aside] == [True, False]


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


def test_every_reset_draws_a_new_start_and_goal(env, task, run):
    trajectory = run(jr.key(3)).trajectory
    goals, starts = (np.asarray(x)[[0, LIMIT + 1]] for x in (trajectory.goal, trajectory.obs))
    distinct = len(np.unique(goals.reshape(2 * ROWS, -1), axis=0))
    if "goals" in task.draws:
        assert distinct == 2 * ROWS if env.maze is None else distinct > 0.8 * len(env.maze.goals)
        assert (goals[0] != goals[1]).any(axis=1).mean() > 0.6, "a row asks for another goal in its next episode"
    else:
        assert distinct == 1
    assert len(np.unique(starts[0], axis=0)) == (ROWS if "starts" in task.draws else 1)


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


def test_an_exploded_row_is_reported_and_touches_no_other(run):
    steps = run(jr.key(3)).steps
    exploded, whole = steps["exploded"], steps["step"]
    hit = np.arange(ROWS) == 3
    np.testing.assert_array_equal(exploded.env.unstable, hit)
    assert bool(exploded.env.terminated[3]) and np.isfinite(exploded.env.obs[~hit]).all()
    for a, b in zip(jax.tree.leaves(exploded.env), jax.tree.leaves(whole.env), strict=True):
        np.testing.assert_array_equal(np.asarray(a)[~hit], np.asarray(b)[~hit])


def test_a_saved_state_goes_on_with_the_same_bits(env, run):
    first, _, _, steps = run(jr.key(3))
    restored = jax.tree.map(jnp.asarray, jax.tree.map(np.asarray, first))
    start, _ = jr.split(jr.key(3))
    action = jnp.ones((ROWS, env.action_size))
    stepped = jax.jit(envs.Episodes(env).step)(restored, action, jr.split(start, ROWS))
    assert jax.tree.all(jax.tree.map(lambda a, b: bool(jnp.array_equal(a, b)), stepped, steps["step"]))


def test_nothing_but_a_fall_ends_an_episode_early(env, task, run):
    physics = jax.tree.map(lambda x: jnp.full(x.shape, jnp.nan), jax.eval_shape(env.begin, jr.key(0))[0])
    assert bool(env.is_terminal(physics, {})) == task.ends_early
    assert task.ends_early or not np.asarray(run(jr.key(3)).trajectory.terminated).any()
