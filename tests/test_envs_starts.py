"""Where episodes start and what they ask for, as distributions."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy import stats

import envs
from envs._maze import pick

DRAWS = 20_000


def draw(env):
    """`qpos`, `qvel` and goals of many starts; no physics is run."""
    return [np.asarray(x, np.float64) for x in jax.jit(jax.vmap(env.start))(jr.split(jr.key(0), DRAWS))]


def is_uniform(x, low, high):
    """Kolmogorov-Smirnov at a level that a fixed key passes or fails for good."""
    assert low <= x.min() and x.max() <= high
    return stats.kstest(x, stats.uniform(low, high - low).cdf).pvalue > 1e-3


def is_normal(x, scale):
    return stats.kstest(x, stats.norm(0, scale).cdf).pvalue > 1e-3


@pytest.fixture(scope="module")
def ant():
    return draw(envs.Ant(engine="native"))


def test_ant_goals_lie_on_a_circle_of_ten_metres(ant):
    goal = ant[2]
    np.testing.assert_allclose(np.linalg.norm(goal, axis=1), 10, rtol=1e-5)
    assert is_uniform(np.arctan2(goal[:, 1], goal[:, 0]), -np.pi - 1e-6, np.pi + 1e-6)


def test_the_ant_starts_in_its_pose_with_noise(ant):
    qpos, qvel, _ = ant
    pose = np.array([0, 0, 0.55, 1, 0, 0, 0, 0, 1, 0, -1, 0, -1, 0, 1])
    joints = [0, 1, 2, *range(7, 15)]
    for i in joints:
        assert is_uniform(qpos[:, i] - pose[i], -0.1001, 0.1001), i
    np.testing.assert_allclose(np.linalg.norm(qpos[:, 3:7], axis=1), 1, rtol=1e-5)
    # Dividing by its own length, about 1 + U(-0.1, 0.1), blurs the quaternion's noise only a little.
    assert np.abs(qpos[:, 4:7]).max() < 0.1 / 0.9 and (qpos[:, 3] > 0.97).all()
    for i in range(14):
        assert is_normal(qvel[:, i], 0.1), i
    correlation = np.corrcoef(np.concatenate([qpos[:, joints], qvel], 1).T) - np.eye(25)
    assert np.abs(correlation).max() < 5 / np.sqrt(DRAWS)


def test_humanoid_goals_are_one_to_five_metres_away_in_any_direction():
    qpos, qvel, goal = draw(envs.Humanoid(engine="native"))
    distance = np.linalg.norm(goal[:, :2], axis=1)
    angle = np.arctan2(goal[:, 1], goal[:, 0])
    assert is_uniform(distance, 1 - 1e-5, 5 + 1e-5)
    assert is_uniform(angle, -np.pi - 1e-6, np.pi + 1e-6)
    assert abs(np.corrcoef(distance, angle)[0, 1]) < 5 / np.sqrt(DRAWS)
    np.testing.assert_array_equal(goal[:, 2], 1.25)
    np.testing.assert_allclose(qpos, np.tile([0, 0, 1.4, 1] + 20 * [0], (DRAWS, 1)), atol=1e-6)
    assert not qvel.any()


def test_maze_goals_and_starts_are_uniform_over_their_cells():
    env = envs.AntMaze("11111/1RGG1/1R1G1/1GGG1/11111", engine="native")
    assert env.maze is not None
    qpos, _, goal = draw(env)
    for cells, xy in ((env.maze.goals, goal), (env.maze.starts, np.round(qpos[:, :2] / 4) * 4)):
        cell, counts = np.unique(xy, axis=0, return_counts=True)
        np.testing.assert_array_equal(cell, cells[np.lexsort(cells.T[::-1])])
        assert stats.chisquare(counts).pvalue > 1e-3
    noise = qpos[:, :2] - np.round(qpos[:, :2] / 4) * 4
    assert is_uniform(noise[:, 0], -0.1001, 0.1001) and is_uniform(noise[:, 1], -0.1001, 0.1001)
    start = (np.round(qpos[:, :2] / 4) * 4) @ [1, 100]
    index = np.unique(start, return_inverse=True)[1], np.unique(goal @ [1, 100], return_inverse=True)[1]
    assert stats.chi2_contingency(np.histogram2d(*index, bins=(2, 6))[0]).pvalue > 1e-3, "independent of each other"


def test_the_balls_start_and_goal_lie_around_the_centres_of_their_cells():
    env = envs.PointMaze("big_maze", engine="native")
    assert env.maze is not None
    qpos, qvel, goal = draw(env)
    offset = qpos - env.maze.starts[0]
    assert is_uniform(offset[:, 0], -0.2001, 0.2001) and is_uniform(offset[:, 1], -0.2001, 0.2001)
    assert not qvel.any()
    cell = np.round(goal)
    assert all(is_uniform((goal - cell)[:, axis], -0.2501, 0.2501) for axis in (0, 1))
    apart = np.corrcoef(np.concatenate([offset, goal - cell], axis=1).T) - np.eye(4)
    assert np.abs(apart).max() < 5 / np.sqrt(DRAWS), "four independent draws"
    _, counts = np.unique(cell, axis=0, return_counts=True)
    assert len(counts) == 25 and stats.chisquare(counts).pvalue > 1e-3


def test_the_largest_draw_still_picks_a_cell():
    for count in (1, 3, 45, 1000):
        cells = np.stack([np.arange(count), np.arange(count)], 1).astype(float)
        last = pick(cells, jnp.float32(1 - 2**-24))
        np.testing.assert_array_equal(last, count - 1)
