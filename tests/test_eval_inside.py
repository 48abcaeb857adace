"""What is said of an agent's inside: ways through mazes, maps of known critics, planes, coverage, pictures."""

import io

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from eval_line import Line, go_on
from matplotlib.collections import LineCollection
from PIL import Image

import envs
import evaluation
from evaluation import _inside_figure, _value_map

HALL = "1111111/1R00001/1000001/1000001/100G001/1111111"
SIZE = 2.0


def test_in_a_hall_ways_are_straight_lines():
    places = evaluation.Places(envs.Maze(HALL, SIZE))
    for goal in ((8.0, 6.0), (2.0, 2.0)):
        path, straight = places.path_lengths(np.array(goal)), places.straight_lengths(np.array(goal))
        assert (path >= straight - 1e-9).all() and (path <= 1.028 * straight + 1e-9).all()
    assert len(places.xy) == 9 * 20 and places.xy.min(axis=0) == pytest.approx([2 - 2 / 3] * 2)


def test_around_a_bend_ways_are_those_on_paper():
    maze = envs.Maze("11111/1R001/11101/1G001/11111", 1.0)  # goal two cells below the start, behind a wall
    places = evaluation.Places(maze)
    start, goal = places.nearest(np.array([1.0, 1.0])), np.array([3.0, 1.0])
    # Straight to the points nearest to the wall's end, on both sides of it; then down between them.
    leg = np.hypot(1 / 3, 2 - 1 / 3)
    assert places.straight_lengths(goal)[start] == pytest.approx(2.0)
    assert 2 * leg + 4 / 3 <= places.path_lengths(goal)[start] <= 1.028 * 2 * leg + 4 / 3 + 1e-9
    assert places.path_lengths(goal)[places.nearest(goal)] == 0


def test_no_way_through_a_wall_or_a_corner():
    maze = envs.Maze("11111/1R011/11101/110G1/11111", 1.0)  # the two rooms touch at a corner alone
    places = evaluation.Places(maze)
    lengths = places.path_lengths(maze.goals[0])
    rooms = places.xy.sum(axis=1) < 3.9
    assert np.isinf(lengths[rooms]).all() and np.isfinite(lengths[~rooms]).all()


@pytest.mark.parametrize("perfect", ["path", "straight"])
def test_a_critic_that_knows_a_distance_is_found_out(perfect):
    env = envs.PointMaze("u4_maze")
    places = evaluation.Places(env.maze)
    lengths = getattr(places, f"{perfect}_lengths")
    table = jnp.array([lengths(goal) for goal in env.maze.goals])
    goals, xy = jnp.array(env.maze.goals), jnp.array(places.xy)

    def value(obs, goal):
        at = jnp.argmin(jnp.linalg.norm(xy - obs[None, :2], axis=1))
        to = jnp.argmin(jnp.linalg.norm(goals - goal[None], axis=1))
        return jnp.exp(-table[to, at])  # ranks ask for no scale

    found, maps = evaluation.value_maps(env, value, jr.key(0))
    np.testing.assert_array_equal(found.xy, places.xy)
    assert len(maps) == len(env.maze.goals)
    for one, goal in zip(maps, env.maze.goals, strict=True):
        own = one.path_correlation if perfect == "path" else one.straight_correlation
        other = one.straight_correlation if perfect == "path" else one.path_correlation
        assert own == pytest.approx(1, abs=1e-6) and other == pytest.approx(one.distances_correlation, abs=1e-6)
        np.testing.assert_allclose(one.energy, np.exp(-lengths(goal)), rtol=1e-4)
    assert min(one.distances_correlation for one in maps) < 0.9  # the two can be told apart here


def test_the_value_is_asked_for_at_every_place():
    env = envs.PointMaze()
    _, maps = evaluation.value_maps(env, lambda obs, goal: jnp.clip(goal - obs[:2], -1, 1)[0], jr.key(0))
    places = evaluation.Places(env.maze)
    for one in maps:
        np.testing.assert_allclose(one.energy, np.clip(one.goal[0] - places.xy[:, 0], -1, 1), atol=1e-5)


def test_walkers_are_put_as_they_start():
    env = envs.AntMaze("u_maze")
    _, maps = evaluation.value_maps(env, lambda obs, goal: obs[2], jr.key(3))
    assert np.ptp(maps[0].energy) == 0 and 0.3 < maps[0].energy[0] < 1  # as high everywhere, m
    assert maps[0].path_correlation == maps[0].straight_correlation == 0


@pytest.mark.parametrize(("task", "sentence"), [("Ant", "no maze"), ("AntBallMaze", "not where the agent is")])
def test_tasks_without_a_map_say_so(task, sentence):
    with pytest.raises(ValueError, match=sentence):
        evaluation.value_maps(getattr(envs, task)(), lambda *_: jnp.zeros(()), jr.key(0))


def test_the_plane_is_that_of_the_covariance():
    vectors = np.random.default_rng(0).normal(size=(50, 5)) * [1, 5, 2, 0.5, 0.1] + 3
    plane = evaluation.principal_plane(vectors)
    variances, axes = np.linalg.eigh(np.cov(vectors.T))
    np.testing.assert_allclose(plane.shares, variances[[4, 3]] / variances.sum(), rtol=1e-10)
    np.testing.assert_allclose(np.abs(plane.axes @ axes[:, [4, 3]]), np.eye(2), atol=1e-10)
    np.testing.assert_allclose(plane.project(vectors).var(axis=0, ddof=1), variances[[4, 3]], rtol=1e-10)
    assert np.abs(plane.project(vectors).mean(axis=0)).max() < 1e-12
    with pytest.raises(ValueError, match=r"three vectors"):
        evaluation.principal_plane(vectors[:2])


def test_coverage_by_hand():
    # Squares of 0.5 m: two states in [0, 0.5)^2, one in the square below zero, one two squares to the right.
    achieved = np.array([[0.1, 0.2, 9], [0.49, 0.0, 9], [-0.1, 0.1, 9], [0.2, 1.1, 9]])
    covered = evaluation.coverage(achieved, 0.5)
    assert covered.counts.tolist() == [[1, 0, 0], [2, 0, 1]] and covered.corner.tolist() == [-0.5, 0.0]
    assert covered.visited == 3 and covered.effective == pytest.approx(np.exp(0.5 * np.log(2) + 0.5 * np.log(4)))
    assert evaluation.coverage(np.array([[i, 0.0] for i in range(7)]), 1.0).effective == pytest.approx(7)
    for wrong in (np.zeros((0, 2)), np.zeros((3, 1))):
        with pytest.raises(ValueError, match="one state at least"):
            evaluation.coverage(wrong, 1.0)


@pytest.mark.parametrize("covered", [True, False])
def test_pictures(covered):
    env, rng = envs.PointMaze(), np.random.default_rng(0)
    places, maps = evaluation.value_maps(env, lambda obs, goal: -obs[0], jr.key(0))
    drawn = [evaluation.value_map_figure(places, maps[0])]
    norms = {"stream": [1.0, 2.0, 3.0], "branch": [1.0, 1.5], "gradient": [0.1, 0.01]}
    ways = [rng.normal(size=(steps, 4)) for steps in (9, 4, 1)]  # episodes of any length, one that ended at once
    plane, goals = evaluation.principal_plane(np.concatenate(ways)), rng.normal(size=(3, 4))
    replay = evaluation.coverage(rng.normal(size=(30, 2)), 0.5) if covered else None
    drawn.append(evaluation.inside_figure({"phi": norms, "other": norms}, plane, ways, goals, replay))
    for content in drawn:
        picture = Image.open(io.BytesIO(content))
        assert picture.width == 1600 and len(picture.convert("RGB").getcolors(1 << 20)) > 50


def test_a_walk_is_one_episode_cut_where_it_ended():
    env = Line(nearest=1, farthest=6, cliff=4.0)  # the first state at 4 m ends an episode

    def some_go(obs, goal, key):
        return jnp.where(goal[0] > 3, go_on(obs, goal, key), 0.0)

    seen = evaluation.walk(env, some_go, jr.key(0), 8, 1_000)
    runs = seen.goal[:, 0] > 3
    assert runs.any() and not runs.all()
    np.testing.assert_array_equal(seen.length, np.where(runs, 4, env.episode_length))
    for obs, action, length, goes in zip(seen.obs, seen.action, seen.length, runs, strict=True):
        np.testing.assert_array_equal(obs[:length, 0], np.arange(length) if goes else 0)
        np.testing.assert_array_equal(action[:length, 0], float(goes))
    np.testing.assert_array_equal(evaluation.walk(env, some_go, jr.key(0), 8, 3).length, 3)
    endless = Line(episode_length=2**31 - 1)
    assert evaluation.walk(endless, go_on, jr.key(0), 2, 5).obs.shape == (2, 5, 2)


def test_no_line_joins_two_episodes(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        _inside_figure, "LineCollection", lambda pieces, **_: drawn.append(pieces) or LineCollection([])
    )
    norms = {"stream": [1.0, 2.0], "branch": [1.0], "gradient": [0.1]}
    ways = [np.arange(8.0).reshape(4, 2), np.arange(4.0).reshape(2, 2) + 100]
    plane = evaluation.principal_plane(np.concatenate(ways))
    evaluation.inside_figure({"phi": norms}, plane, ways, np.zeros((2, 2)), None)
    assert [len(pieces) for pieces in drawn] == [3, 1]
    for pieces, way in zip(drawn, ways, strict=True):
        np.testing.assert_allclose(np.array(pieces)[:, 0], plane.project(way)[:-1])
        np.testing.assert_allclose(np.array(pieces)[:, 1], plane.project(way)[1:])


FAR = "from the origin; at most 1e+08 squares within 1e+15 are counted."


@pytest.mark.parametrize(
    ("achieved", "sentence"),
    [
        (np.array([[0.0, 0.0], [np.nan, 0.0]]), "Coverage is of states that are finite; some are not."),
        (np.array([[0.0, 0.0], [1e5, 1e5]]), f"The states lie in a box of 1e+05 by 1e+05 squares, 1e+05 {FAR}"),
        (np.array([[1e30, 0.0]]), f"The states lie in a box of 1 by 1 squares, 1e+30 {FAR}"),
    ],
)
def test_states_that_no_box_holds(achieved, sentence):
    with pytest.raises(ValueError) as caught:
        evaluation.coverage(achieved, 1.0)
    assert str(caught.value) == sentence


def test_a_maze_too_large_for_a_map_says_so(monkeypatch):
    monkeypatch.setattr(_value_map, "_MOST_ENERGIES", 100)
    with pytest.raises(ValueError) as caught:
        evaluation.value_maps(envs.PointMaze("1111/1RG1/1GG1/1G01/1111"), lambda *_: jnp.zeros(()), jr.key(0))
    assert str(caught.value) == (
        "The maze of PointMaze has 54 places and 4 goals, which is too large for a map: 100 pairs of them are accepted."
    )


def test_ranks_of_a_map_are_even():
    from evaluation._inside_figure import _ranks

    picture = np.array([[np.nan, 3.0, -7.0], [100.0, 3.0, np.nan]])
    np.testing.assert_allclose(_ranks(picture), [[np.nan, 0.5, 0.0], [1.0, 0.5, np.nan]])


def test_maps_leave_the_engine_alone():
    env = envs.PointMaze()
    before = jax.tree.leaves(env.reset(jr.key(5)))
    evaluation.value_maps(env, lambda obs, goal: obs[0], jr.key(0))
    for a, b in zip(before, jax.tree.leaves(env.reset(jr.key(5))), strict=True):
        np.testing.assert_array_equal(a, b)
