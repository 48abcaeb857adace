"""Ways along a corridor: what ant and ball draw, against a breadth-first search of the text."""

from collections import Counter, deque
from collections.abc import Callable

import jax
import jax.random as jr
import numpy as np
import pytest

import envs
from envs._corridor import corridor
from envs._layouts import LAYOUTS

ROWS = 3_000
Cell = tuple[int, int]
MAKE = {"ant": envs.AntCorridor, "ball": envs.PointMaze}


def steps_from(cells: np.ndarray, start: Cell) -> dict[Cell, int]:
    """How many cells every free cell is away from `start`, around the walls."""
    away, waiting = {start: 0}, deque([start])
    while waiting:
        i, j = waiting.popleft()
        for cell in ((i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)):
            if cells[cell] != "1" and cell not in away:
                away[cell] = away[i, j] + 1
                waiting.append(cell)
    return away


def drawn(env: envs.AbstractEnv) -> list[tuple[Cell, Cell]]:
    """The cells of start and goal of many episodes."""
    qpos, _, goal = jax.jit(jax.vmap(env.start))(jr.split(jr.key(0), ROWS))
    places = np.stack([qpos[:, :2], goal], axis=1) / env.maze.cell_size
    assert np.abs(places - places.round()).max() <= (0 if isinstance(env, envs.AntCorridor) else 0.25 + 1e-6)
    return [tuple(tuple(map(int, cell)) for cell in row) for row in places.round()]


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name.startswith("gen_")])
def test_a_corridor_holds_every_free_cell_in_order(layout: str):
    maze = envs.Maze(layout, 2.0)
    way = [tuple(map(int, cell)) for cell in corridor(maze) / 2]
    away = steps_from(maze.cells, way[0])
    assert maze.cells[way[0]] == "R" and maze.cells[way[-1]] == "G"
    assert way == sorted(away, key=away.get) and sorted(away.values()) == list(range(len(way)))


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
@pytest.mark.parametrize(("layout", "cells"), [("gen_u_maze", (1, 2, 3)), ("gen_u4_maze", (1, 3, 5))])
def test_goals_lie_so_many_cells_ahead_from_every_place(make: Callable, layout: str, cells: tuple[int, ...]):
    env = make(layout, cells=cells, engine="native")
    pairs = drawn(env)
    text = env.maze.cells
    begin = tuple(np.argwhere(text == "R")[0].tolist())
    from_begin = steps_from(text, begin)
    away = Counter(steps_from(text, start)[goal] for start, goal in pairs)
    assert away.keys() == set(cells)
    for count in away.values():
        assert count / ROWS == pytest.approx(1 / len(cells), abs=0.03), "every distance is equally likely"
    assert all(from_begin[goal] > from_begin[start] for start, goal in pairs), "towards G"
    length = max(from_begin.values())
    assert len(set(pairs)) == sum(length + 1 - k for k in cells), "from every place where the corridor is long enough"


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
@pytest.mark.parametrize("maze", ["u_maze", "11111/1R001/101G1/10001/11111", "1111/1RG1/1001/1111"])
def test_what_is_no_corridor_is_refused(make: Callable, maze: str):
    with pytest.raises(ValueError, match="is no corridor: a single way from one R to one G"):
        make(maze, cells=(1,))


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
@pytest.mark.parametrize("cells", [(), (0,), (7,), (True,)])
def test_distances_fit_the_corridor(make: Callable, cells):
    with pytest.raises(ValueError, match="`cells` must be numbers from 1 to 6 in this maze"):
        make("gen_u_maze", cells=cells)


@pytest.mark.parametrize(("maze", "letters"), [("gen_u_maze", {"starts": "RG"}), ("11111/1R0H1/11111", {"goals": "H"})])
def test_letters_and_ways_do_not_go_together(maze: str, letters: dict[str, str]):
    with pytest.raises(ValueError, match="`starts` and `goals` must be 'R' and 'G' where `cells` draws both"):
        envs.PointMaze(maze, cells=(1,), **letters)
