"""A maze as text: where the walls are, where agents start, where goals may be."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from envs._layouts import LAYOUTS

_CELLS = "10RG"


class Maze:
    """A maze of square cells, read from text.

    Cell (i, j), row i and column j, has its centre at world position (i * cell_size, j * cell_size), in
    metres. Two mazes are equal if their text, letters, cell size and wall height are.
    """

    text: str
    """The rows joined by '/'."""
    cell_size: float
    """Side of a cell, m."""
    goal_letters: str
    start_letters: str
    cells: np.ndarray
    """(rows, columns) array of one-letter strings."""
    walls: Float[np.ndarray, "walls 2"]
    """Centres of the wall cells, m."""
    marks: str
    wall_height: float
    """Height of the walls, m."""
    starts: Float[np.ndarray, "starts 2"]
    """Centres of the cells where episodes start, m."""
    goals: Float[np.ndarray, "goals 2"]
    """Centres of the cells that may be the goal, m."""

    def __init__(
        self,
        text: str,
        cell_size: float,
        goals: str = "G",
        starts: str = "R",
        marks: str = "",
        wall_height: float | None = None,
    ):
        """Reads and checks a maze.

        **Arguments**
        - `text`: the name of a layout of the paper (`u_maze`, `big_maze_eval`, ...), or rows of `1` wall,
          `0` free, `R` start, `G` goal candidate, joined by '/' or line breaks.
        - `cell_size`: side of a cell, m.
        - `goals`: the letters of the cells that may be goals. Other capital letters than G may be used in
          the text if they are named here; cells of a letter that is not named are free.
        - `starts`: the letters of the cells where episodes may start; "RG" starts them at goals as well.
        - `marks`: further letters that must stand in the text, for a task to find its things with `centres`.
        - `wall_height`: height of the walls, m; half the cell size where None.

        Raises ValueError for an unknown name or letter, rows of different lengths, a border that is not all
        wall, and a maze without a start, without a goal or
        without a marked cell.
        """
        if not isinstance(text, str):
            raise ValueError(f"A maze must be text or the name of a layout, not {text!r}.")
        if isinstance(cell_size, bool) or not isinstance(cell_size, int | float) or not 0 < cell_size < np.inf:
            raise ValueError(f"The cell size must be a positive number of metres, not {cell_size!r}.")
        if wall_height is not None and (
            isinstance(wall_height, bool) or not isinstance(wall_height, int | float) or not 0 < wall_height < np.inf
        ):
            raise ValueError(f"The wall height must be a positive number of metres or None, not {wall_height!r}.")
        rows = _rows(text)
        _check(rows, goals, starts, marks)
        self.text = "/".join(rows)
        self.cell_size = float(cell_size)
        self.goal_letters = goals
        self.start_letters = starts
        self.marks = marks
        self.wall_height = float(cell_size / 2 if wall_height is None else wall_height)
        self.cells = np.array([list(row) for row in rows])
        self.cells.setflags(write=False)
        self.walls = self.centres("1")
        self.starts = self.centres(starts)
        self.goals = self.centres(goals)

    def centres(self, letters: str) -> Float[np.ndarray, "cells 2"]:
        """Centres of the cells of some letters, m."""
        return np.argwhere(np.isin(self.cells, list(letters))) * self.cell_size

    @property
    def centre(self) -> Float[np.ndarray, "2"]:
        """The middle of the whole maze, m."""
        return (np.array(self.cells.shape) - 1) * 0.5 * self.cell_size

    @property
    def size(self) -> Float[np.ndarray, "2"]:
        """Extent of the whole maze along x and y, m."""
        return np.array(self.cells.shape) * self.cell_size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Maze) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[str, float, str, str, str, float]:
        return self.text, self.cell_size, self.goal_letters, self.start_letters, self.marks, self.wall_height

    def __repr__(self) -> str:
        letters = f"goals={self.goal_letters!r}, starts={self.start_letters!r}"
        return f"Maze({self.text!r}, cell_size={self.cell_size}, {letters})"


def pick(cells: Float[np.ndarray, "cells 2"], u: Float[Array, ""]) -> Float[Array, "2"]:
    """One of `cells`, all equally likely, for a number `u` drawn uniformly from [0, 1).

    Tasks draw all their numbers at once and share them out, because each draw from a key is compiled by
    itself. In floating point `u * n` stays below `n` for every u < 1 that JAX draws.
    """
    return jnp.asarray(cells, u.dtype)[jnp.floor(u * len(cells)).astype(jnp.int32)]


def _rows(text: str) -> list[str]:
    """The rows of a layout given by name or as text; indentation and empty lines do not count."""
    if text in LAYOUTS:
        return LAYOUTS[text].split("/")
    rows = [row.strip() for row in text.replace("/", "\n").splitlines() if row.strip()]
    if len(rows) < 2:  # text has rows, a name has none
        raise ValueError(f"Maze {text!r} is neither text with rows nor one of the layouts {', '.join(LAYOUTS)}.")
    return rows


def _check(rows: list[str], goals: str, starts: str, marks: str) -> None:
    shown = "/".join(rows)
    if not isinstance(goals, str) or not goals.isalpha() or not goals.isupper() or "R" in goals:
        raise ValueError(f"Goal letters must be capital letters other than R, such as 'G', not {goals!r}.")
    known = _CELLS + goals + marks
    for i, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise ValueError(f"Maze {shown} is ragged: row {i} has {len(row)} cells, row 0 has {len(rows[0])}.")
        for j, letter in enumerate(row):
            if letter not in known:
                raise ValueError(
                    f"Maze {shown} has the unknown letter {letter!r} at row {i}, column {j}; known: {known}."
                )
    border = rows[0] + rows[-1] + "".join(row[0] + row[-1] for row in rows)
    if set(border) != {"1"}:
        raise ValueError(f"Maze {shown} is not closed: every cell of its border must be 1.")
    if "R" not in "".join(rows):
        raise ValueError(f"Maze {shown} has no start: mark at least one cell with R.")
    for letter in goals:
        if letter not in "".join(rows):
            what = "no goal: mark at least one cell with G" if goals == "G" else f"no cell of goal letter {letter!r}"
            raise ValueError(f"Maze {shown} has {what}.")
    for letter in marks:
        if letter not in "".join(rows):
            raise ValueError(f"Maze {shown} has no cell {letter!r}, which this task needs.")
    if not isinstance(starts, str) or not starts or not set(starts) <= set("R" + goals):
        raise ValueError(f"Start letters must be R or goal letters ({goals}), such as 'RG', not {starts!r}.")
