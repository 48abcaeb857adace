"""A maze as text: where the walls are, where agents start, where goals may be."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from envs._arguments import LARGEST, SMALLEST, clipped, real, shown
from envs._layouts import LAYOUTS

_CELLS = "10RG"
_ALPHABET = 26  # letters, at most, that choose goals or starts
# A wall is a geom of MuJoCo. An ant among 4,096 cells compiles in 0.07 s and steps in 4 times the time of 64 cells;
# among 16,384 it is 0.6 s and 12 times, and then the time to compile goes with the square of their number.
_MOST_CELLS = 4096


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

        Raises ValueError for an unknown name or letter, more than 4,096 cells, rows of different lengths, a border
        that is not all wall, and a maze without a start, without a goal or without a marked cell. Whether a goal can
        be reached from a start is asked by the tasks: see `check_ways`.
        """
        if not isinstance(text, str):
            raise ValueError(f"A maze must be text or the name of a layout, not {shown(text)}.")
        size = _check_size("cell size", cell_size, "metres")
        height = size / 2 if wall_height is None else _check_size("wall height", wall_height, "metres or None")
        rows = _rows(text)
        _check(rows, goals, starts, marks)
        self.text = "/".join(rows)
        self.cell_size = size
        self.goal_letters = goals
        self.start_letters = starts
        self.marks = marks
        self.wall_height = height
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

    def __reduce__(self) -> tuple[type["Maze"], tuple[str, float, str, str, str, float]]:
        """Copies and pickles are read anew, so that their cells cannot be written to either."""
        text, size, goals, starts, marks, height = self._identity()
        return Maze, (text, size, goals, starts, marks, height)

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


def _check_size(what: str, value: float, accepted: str) -> float:
    number = real(value)
    if not 0 < number < np.inf:
        raise ValueError(f"The {what} must be a positive number of {accepted}, not {shown(value)}.")
    if not SMALLEST <= number <= LARGEST:
        raise ValueError(f"The {what} must lie between {SMALLEST:g} and {LARGEST:g} metres, not {shown(value)}.")
    return number


def _rows(text: str) -> list[str]:
    """The rows of a layout given by name or as text; indentation and empty lines do not count."""
    if text in LAYOUTS:
        return LAYOUTS[text].split("/")
    rows = [row.strip() for row in text.replace("/", "\n").splitlines() if row.strip()]
    if len(rows) < 2:  # text has rows, a name has none
        raise ValueError(f"Maze {shown(text)} is neither text with rows nor one of the layouts {', '.join(LAYOUTS)}.")
    cells = sum(map(len, rows))
    if cells > _MOST_CELLS:
        raise ValueError(f"A maze must have at most {_MOST_CELLS:,} cells, not {cells:,}.")
    return rows


def _check(rows: list[str], goals: str, starts: str, marks: str) -> None:
    text = "/".join(rows)
    named = clipped(text)
    letters = isinstance(goals, str) and goals.isalpha() and goals.isupper() and len(goals) <= _ALPHABET
    if not letters or "R" in goals:
        raise ValueError(f"Goal letters must be capital letters other than R, such as 'G', not {shown(goals)}.")
    known = _CELLS + goals + marks
    for i, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise ValueError(f"Maze {named} is ragged: row {i} has {len(row)} cells, row 0 has {len(rows[0])}.")
        for j, letter in enumerate(row):
            if letter not in known:
                raise ValueError(
                    f"Maze {named} has the unknown letter {letter!r} at row {i}, column {j}; known: {known}."
                )
    border = rows[0] + rows[-1] + "".join(row[0] + row[-1] for row in rows)
    if set(border) != {"1"}:
        raise ValueError(f"Maze {named} is not closed: every cell of its border must be 1.")
    if "R" not in text:
        raise ValueError(f"Maze {named} has no start: mark at least one cell with R.")
    for letter in goals:
        if letter not in text:
            what = "no goal: mark at least one cell with G" if goals == "G" else f"no cell of goal letter {letter!r}"
            raise ValueError(f"Maze {named} has {what}.")
    for letter in marks:
        if letter not in text:
            raise ValueError(f"Maze {named} has no cell {letter!r}, which this task needs.")
    if not isinstance(starts, str) or not 0 < len(starts) <= _ALPHABET or not set(starts) <= set("R" + goals):
        raise ValueError(f"Start letters must be R or goal letters ({goals}), such as 'RG', not {shown(starts)}.")
    for letter in marks:
        if letter in starts:
            raise ValueError(f"Start letters must not hold {letter!r}, whose cells this task needs, not {starts!r}.")
