"""Ball and block: what the ant's further tasks draw, and what counts."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import envs

ROWS = 3_000


def drawn(env: envs.AbstractEnv) -> tuple[np.ndarray, np.ndarray]:
    """Starts (qpos) and goals of many episodes."""
    qpos, _, goal = jax.jit(jax.vmap(env.start))(jr.split(jr.key(0), ROWS))
    return np.asarray(qpos), np.asarray(goal)


def test_the_ball_lies_between_the_ant_and_its_goal():
    env = envs.AntBall(engine="native")
    qpos, goal = drawn(env)
    ball = qpos[:, -2:]
    np.testing.assert_allclose(np.linalg.norm(goal, axis=1), 5.0, rtol=1e-5)
    distance = np.linalg.norm(ball, axis=1)
    assert distance.min() > 1.75 - 1e-5, "the ant's legs do not reach it"
    free = distance > 1.75 + 1e-5
    np.testing.assert_allclose(np.linalg.norm(ball - 0.2 * goal, axis=1)[free], 1.0, rtol=1e-5)
    assert 0.2 < free.mean() < 0.5
    assert np.abs(ball.mean(axis=0)).max() < 0.1, "on any side"
    assert ((ball * goal).sum(axis=1) > 0).mean() > 0.8, "mostly towards the goal"


@pytest.mark.parametrize("make", [envs.AntBall, envs.AntBallMaze])
def test_the_balls_place_is_what_counts(make):
    env = make(engine="native")
    achieved = jnp.array([4.0, 8.0])
    assert bool(env.is_success(achieved, jnp.array([4.3, 8.3])))
    assert not bool(env.is_success(achieved, jnp.zeros(2)))
    state = jax.jit(env.reset)(jr.key(0))
    np.testing.assert_array_equal(state.obs[29:], state.physics.qpos[-2:])
    np.testing.assert_array_equal(state.achieved, state.physics.qpos[-2:])


def test_the_ball_starts_on_a_marked_cell():
    env = envs.AntBallMaze("ball_big_maze", engine="native")
    qpos, goal = drawn(env)
    cells = env.maze.centres("B")
    assert len(cells) == 2
    nearest = np.abs(qpos[:, None, -2:] - cells).max(axis=2)
    assert nearest.min(axis=1).max() <= 0.1 + 1e-6
    assert len(np.unique(nearest.argmin(axis=1))) == 2
    assert len(np.unique(goal, axis=0)) == len(env.maze.goals)


def test_goals_lie_beyond_the_block():
    qpos, goal = drawn(envs.AntPush(engine="native"))
    np.testing.assert_array_equal(qpos[:, -2:], 16.0)
    right = (goal >= [24.0, 16.0]).all(axis=1) & (goal <= [26.0, 18.0]).all(axis=1)
    up = (goal >= [16.0, 24.0]).all(axis=1) & (goal <= [18.0, 26.0]).all(axis=1)
    assert (right ^ up).all() and 0.45 < right.mean() < 0.55
