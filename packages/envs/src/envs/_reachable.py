"""Whether a maze's goals can be reached from its starts, and its cells hold who starts there."""

import math

import numpy as np

from envs._arguments import clipped
from envs._maze import Maze

_NAMED = 5  # starts in a message
_SLACK = 1e-9  # m, for sizes that are sums of decimal fractions


def check_ways(maze: Maze) -> None:
    """Raises ValueError where no path of free cells leads from a start to a goal.

    Starts and goals are drawn each for itself, so every start must lead to every goal. In a maze with marked cells,
    whose things are what must reach the goal, every start must lead to them, and they to every goal. A path goes from
    cell to cell across their sides; what can be pushed away or climbed is none of a maze's text.
    """
    room = _rooms(maze)
    starts, marks, goals = (
        np.argwhere(np.isin(maze.cells, list(letters)))
        for letters in (maze.start_letters, maze.marks, maze.goal_letters)
    )
    legs = [(starts, goals, "goal")]
    if len(marks):
        legs = [(starts, marks, f"{maze.marks!r}"), (marks, goals, "goal")]
    for origins, ends, what in legs:
        for end in ends:
            lost = origins[room[tuple(origins.T)] != room[tuple(end)]]
            if len(lost):
                origin = "start" if origins is starts else f"{maze.marks!r}"
                listed = ", ".join(map(_place, lost[:_NAMED]))
                more = f" and {len(lost) - _NAMED:,} more" if len(lost) > _NAMED else ""
                raise ValueError(
                    f"Maze {clipped(maze.text)} has no path to its {what} cell {_place(end)} from its {origin}"
                    f" cell{'s' * (len(lost) > 1)} {listed}{more}."
                )


def check_cell_size(
    maze: Maze, task: str, start: float, radius: float = 0.0, goal_noise: float = 0.0, threshold: float = 1.0
) -> None:
    """Raises ValueError where starts lie in walls, or goals are too far inside them.

    **Arguments**
    - `maze`: whose cells may all have four walls.
    - `task`: the name of the task, for the sentence.
    - `start`: how far a body that starts in a cell may reach from its centre along x or y, its noise included, m.
    - `radius`: of what must come to the goal, m.
    - `goal_noise`: how far a goal may lie from its cell's centre along x and y, m.
    - `threshold`: distance at which a goal is reached, m.
    """
    # A goal in the corner is nearest to a body that touches both walls: sqrt(2) of the distance along each.
    smallest = 2 * max(start, radius + goal_noise - threshold / math.sqrt(2))
    if maze.cell_size < smallest - _SLACK:
        raise ValueError(
            f"`cell_size` of {task} must be at least {math.ceil(smallest * 1e6 - 1e-3) / 1e6} metres, or starts or"
            f" goals would lie inside walls; it is {maze.cell_size}."
        )


def _rooms(maze: Maze) -> np.ndarray:
    """For every cell the number of the room it lies in; cells with the same number are joined by free cells."""
    room = np.where(maze.cells == "1", -1, 0)
    for number, first in enumerate(map(tuple, np.argwhere(room == 0)), 1):
        waiting = [first]
        while waiting:
            i, j = waiting.pop()
            if room[i, j] == 0:  # a maze is closed, so every free cell has four neighbours
                room[i, j] = number
                waiting += [(i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)]
    return room


def _place(cell: np.ndarray) -> str:
    row, column = cell
    return f"(row {row}, column {column})"
