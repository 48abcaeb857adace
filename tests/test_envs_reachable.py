"""Mazes whose episodes can be solved: a path to every goal, and cells that hold who starts in them."""

import importlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import mujoco
import numpy as np
import pytest

import envs
from envs._layouts import LAYOUTS
from envs._reachable import check_ways

DRAWS = 4_000
WALKERS = [envs.PointMaze, envs.AntMaze, envs.HumanoidMaze]
# The smallest cell of each task, m, and a cell in which some of its starts touch a wall.
SMALLEST = {"PointMaze": (0.7, 0.66), "AntMaze": (2.2, 1.9), "AntBallMaze": (2.2, 1.9), "AntCorridor": (2.0, 1.7)}
SMALLEST["HumanoidMaze"] = (0.8, 0.78)
HIGH = 3.0  # m: walls that no part of a body is above
BESIDE = {"AntBallMaze": {"maze": "11111/1RBG1/11111"}}  # the ball starts as near to the ant as it may


def refusal(make: Callable, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(ValueError) as refused:
        make(*args, **kwargs)
    return str(refused.value)


@pytest.mark.parametrize("make", WALKERS)
@pytest.mark.parametrize(
    ("maze", "letters", "said"),
    [
        ("11111/1RG11/11111/1G111/11111", {}, "goal cell (row 3, column 1) from its start cell (row 1, column 1)."),
        # Two rooms that touch at a corner alone.
        ("11111/1R011/11101/110G1/11111", {}, "goal cell (row 3, column 3) from its start cell (row 1, column 1)."),
        # Two rooms with a start and a goal each: half of all episodes would have no solution.
        ("11111/1R1G1/1G1R1/11111", {}, "goal cell (row 1, column 3) from its start cell (row 1, column 1)."),
        ("1111/1RE1/1111/1G01/1111", {"goals": "E", "starts": "R"}, None),
        ("1111/1RE1/1111/1G01/1111", {"goals": "GE"}, "cell (row 3, column 1) from its start cell (row 1, column 1)."),
        # R itself is no start here, so that it need not lead anywhere.
        ("111/1R1/111/1G1/111", {"starts": "G"}, None),
        (
            "1111111111/1RRRRRRR11/1111111111/11111111G1/1111111111",
            {},
            "(row 3, column 8) from its start cells (row 1, column 1), (row 1, column 2), (row 1, column 3),"
            " (row 1, column 4), (row 1, column 5) and 2 more.",
        ),
    ],
)
def test_a_goal_that_no_path_reaches_is_refused(make, maze, letters, said):
    if said is None:
        make(maze, **letters, engine="native")
    else:
        message = refusal(make, maze, **letters)
        assert message.startswith(f"Maze {maze} has no path to its goal cell (row ") and message.endswith(said)


def test_the_whole_sentence():
    maze = "11111/1RG11/11111/1G111/11111"
    said = "has no path to its goal cell (row 3, column 1) from its start cell (row 1, column 1)."
    assert refusal(envs.AntMaze, maze) == f"Maze {maze} {said}"


@pytest.mark.parametrize(
    ("maze", "said"),
    [
        # The ball must reach the goal, and the ant the ball; here the ant alone can reach the goal.
        ("111111/1RG011/111111/110B01/111111", "'B' cell (row 3, column 3) from its start cell (row 1, column 1)."),
        ("1111/1RB1/1111/1G01/1111", "goal cell (row 3, column 1) from its 'B' cell (row 1, column 2)."),
        ("111111/1RB1B1/1GG101/111111", "'B' cell (row 1, column 4) from its start cell (row 1, column 1)."),
    ],
)
def test_the_ball_must_reach_the_goal_and_the_ant_the_ball(maze, said):
    assert refusal(envs.AntBallMaze, maze) == f"Maze {maze} has no path to its {said}"


def test_the_ant_does_not_start_on_the_ball():
    said = "Start letters must not hold 'B', whose cells this task needs, not 'RB'."
    assert refusal(envs.AntBallMaze, "11111/1RBG1/11111", goals="GB", starts="RB") == said
    envs.AntBallMaze("11111/1RBG1/11111", goals="GB", engine="native")


def test_no_layout_is_refused():
    for name in LAYOUTS:
        check_ways(envs.Maze(name, 4.0, marks="B" if name.startswith("ball") else ""))
    check_ways(envs.AntPush(engine="native").maze)  # its block can be pushed out of the way


def test_paths_are_those_of_a_search_over_all_cells():
    """Random mazes against the transitive closure of the neighbours, by repeated squaring."""
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(200):
        cells = np.full((6, 7), "1")
        cells[1:-1, 1:-1] = rng.choice(list("01RG"), (4, 5), p=[0.35, 0.4, 0.1, 0.15])
        if not {"R", "G"} <= set(cells.ravel()):
            continue
        free = np.argwhere(cells != "1")
        apart = np.abs(free[:, None] - free).sum(axis=-1)
        joined = apart <= 1
        for _ in range(6):
            joined = (joined.astype(int) @ joined) > 0
        letter = cells[tuple(free.T)]
        solvable = joined[np.ix_(letter == "R", letter == "G")].all()
        maze = envs.Maze("/".join(map("".join, cells)), 1.0)
        if solvable:
            check_ways(maze)
        else:
            refused += 1
            assert "has no path to its goal cell" in refusal(check_ways, maze)
    assert 20 < refused < 180


def unchecked(make: type[envs.AbstractEnv], cell_size: float, patch: pytest.MonkeyPatch) -> envs.AbstractEnv:
    """A task with cells of any size."""
    patch.setattr(importlib.import_module(make.__module__), "check_cell_size", lambda *_, **__: None)
    walls = {} if make is envs.AntCorridor else {"wall_height": HIGH}
    return make(cell_size=cell_size, **walls, **BESIDE.get(make.__name__, {}), engine="native")


def starts_in_walls(env: envs.AbstractEnv) -> int:
    """How many of many starts have anything but the ground in contact with a wall, or a ball with the ant."""
    model = env.engine.model
    data = mujoco.MjData(model)
    walls = np.array([model.geom(g).name.startswith("wall_") for g in range(model.ngeom)])
    ball = np.array([model.geom(g).name == "ball" for g in range(model.ngeom)])
    count = 0
    qpos = jax.jit(jax.vmap(env.start))(jr.split(jr.key(0), DRAWS))[0]
    for data.qpos[:] in np.asarray(qpos, np.float64):
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_collision(model, data)
        pairs, deep = data.contact.geom, data.contact.dist < -1e-6
        count += bool((deep & (walls[pairs] | ball[pairs]).any(axis=1)).any())
    return count


@pytest.mark.parametrize("name", SMALLEST)
def test_no_start_in_the_smallest_cell_lies_in_a_wall(name, monkeypatch):
    make = getattr(envs, name)
    smallest, too_small = SMALLEST[name]
    assert starts_in_walls(make(cell_size=smallest, engine="native")) == 0
    assert starts_in_walls(unchecked(make, smallest, monkeypatch)) == 0, "nor one in a wall of any height"
    assert starts_in_walls(unchecked(make, too_small, monkeypatch)) > 0


@pytest.mark.parametrize("name", SMALLEST)
def test_smaller_cells_are_refused(name):
    make, smallest = getattr(envs, name), SMALLEST[name][0]
    for size in (smallest - 1e-6, 0.5, 1e-6):
        assert refusal(make, cell_size=size) == (
            f"`cell_size` of {name} must be at least {smallest} metres, or starts or goals would lie inside walls;"
            f" it is {size}."
        )


@pytest.mark.parametrize("threshold", [0.35, 0.05, 1e-6])
def test_the_ball_comes_near_enough_to_every_goal(threshold, monkeypatch):
    """In cells of the least size, and not in smaller ones where that is what decides."""

    def farthest(cell: float) -> float:
        env = unchecked(envs.PointMaze, cell, monkeypatch)
        goal = np.asarray(jax.vmap(env.start)(jr.split(jr.key(0), 100_000))[2])
        offset = np.abs(goal / cell - np.round(goal / cell)) * cell
        return float(np.linalg.norm(np.maximum(offset - (cell / 2 - 0.15), 0), axis=1).max())

    said = refusal(envs.PointMaze, cell_size=0.1, threshold=threshold)
    smallest = float(said.split("at least ")[1].split(" metres")[0])
    assert smallest == pytest.approx(max(0.7, 2 * (0.15 + 0.25 - threshold / np.sqrt(2))), abs=2e-6)
    envs.PointMaze(cell_size=smallest, threshold=threshold, engine="native")
    assert farthest(smallest) <= threshold + 1e-6
    if smallest > 0.7:
        assert farthest(smallest - 0.01) > threshold


def room(rows: int, columns: int) -> str:
    """A maze of walls with a start and a goal."""
    inner = "1RG" + "1" * (columns - 3)
    return "/".join(["1" * columns, inner, *["1" * columns] * (rows - 2)])


@pytest.mark.parametrize("make", [*WALKERS, envs.AntCorridor])
def test_a_maze_has_a_bounded_size(make):
    said = "A maze must have at most 4,096 cells, not 4,160."
    letters = {"cells": (1,)} if make is envs.AntCorridor else {}
    assert refusal(make, room(65, 64), **letters) == said
    env = make(room(64, 64), **letters, engine="native")
    state = jax.jit(env.step)(jax.jit(env.reset)(jr.key(0)), jnp.zeros(env.action_size))
    assert np.isfinite(state.obs).all() and not bool(state.unstable)


def test_the_longest_corridor_is_read_at_once():
    """A corridor through every second row of the largest maze; each cell is asked once."""
    width, rows = 63, 65
    cells = np.full((rows, width), "1")
    cells[1:-1:2, 1:-1] = "0"
    for k, row in enumerate(range(2, rows - 1, 2)):
        cells[row, width - 2 if k % 2 == 0 else 1] = "0"
    cells[1, 1], cells[-2, 1 if (rows - 1) // 2 % 2 == 0 else width - 2] = "R", "G"
    env = envs.PointMaze("/".join(map("".join, cells)), cells=(1, 1900), engine="native")
    assert env.cells == (1, 1900)
