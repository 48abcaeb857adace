"""Ways along a corridor: from any cell of it to cells a given number further on."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from envs._arguments import clipped, integer, listed, shown
from envs._maze import Maze


def corridor(maze: Maze) -> Float[np.ndarray, "cells 2"]:
    """Centres of the cells from R to G, m, in order.

    Raises ValueError where the free cells are no single way from one R to one G.
    """
    free = {tuple(map(int, cell)) for cell in np.argwhere(maze.cells != "1")}
    ends = [np.argwhere(maze.cells == letter).tolist() for letter in "RG"]
    way = {tuple(ends[0][0]): None}  # in order, and quick to ask: a corridor may hold thousands of cells
    while True:
        i, j = next(reversed(way))
        on = [c for c in ((i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)) if c in free and c not in way]
        if len(on) != 1:
            break
        way[on[0]] = None
    if len(ends[0]) != 1 or len(ends[1]) != 1 or len(way) != len(free) or list(next(reversed(way))) != ends[1][0]:
        raise ValueError(
            f"Maze {clipped(maze.text)} is no corridor: a single way from one R to one G without branches."
        )
    return np.array(list(way)) * maze.cell_size


def check_cells(maze: Maze, cells: Sequence[int]) -> tuple[int, ...]:
    """Returns `cells`, how many cells a goal may be away in a corridor, as a tuple.

    Raises ValueError where the maze is no corridor, or a number is none or does not fit into it.
    """
    longest = len(corridor(maze)) - 1
    given = [integer(k) for k in listed(cells)]
    numbers = tuple(k for k in given if k is not None and 1 <= k <= longest)
    if not numbers or len(numbers) < len(given):
        raise ValueError(
            f"`cells` must be numbers from 1 to {longest} in this maze, such as (1, 2), not {shown(cells)}."
        )
    return numbers


def draw_way(
    maze: Maze, cells: tuple[int, ...], which: Float[Array, ""], where: Float[Array, ""]
) -> tuple[Float[Array, "2"], Float[Array, "2"]]:
    """Centres, m, of a start and of a goal that lies one of `cells` further towards G.

    For two numbers drawn uniformly from [0, 1): `which` picks how many cells, all equally likely, and `where` one of
    the places from which the goal lies that far along the way.
    """
    way = jnp.asarray(corridor(maze), which.dtype)
    k = jnp.array(cells)[jnp.floor(which * len(cells)).astype(jnp.int32)]
    at = jnp.floor(where * (len(way) - k).astype(where.dtype)).astype(jnp.int32)
    return way[at], way[at + k]
