"""How far it is from place to place in a maze when one cannot walk through walls."""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import dijkstra

from envs import Maze

PER_CELL = 3  # points along a cell's side; odd, so that a cell's centre is one
# Steps between points: along the axes, diagonally, and as a chess knight. Lengths of walks on them exceed those of
# straight lines by at most 2.8 %.
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (1, -2), (2, 1), (2, -1))


class Places:
    """Points spread evenly over the free cells of a maze, with the graph of straight steps between them.

    Attributes:
        xy: where they are, m.
        rows, columns: where they are in a picture of `shape`, rows downwards as in the maze's text.
        shape: `PER_CELL` times that of the maze.
    """

    xy: Float[np.ndarray, "point 2"]
    rows: Int[np.ndarray, " point"]
    columns: Int[np.ndarray, " point"]

    def __init__(self, maze: Maze):
        free = np.kron(maze.cells != "1", np.ones((PER_CELL, PER_CELL), int)).astype(bool)
        self.shape = free.shape
        self.rows, self.columns = np.nonzero(free)
        self._spacing = maze.cell_size / PER_CELL
        middle = (PER_CELL - 1) / 2
        self.xy = (np.stack([self.rows, self.columns], axis=1) - middle) * self._spacing
        self._graph = _graph(free, self._spacing)

    def nearest(self, xy: Float[np.ndarray, "2"]) -> int:
        """The number of the point nearest to a place."""
        return int(np.linalg.norm(self.xy - xy, axis=1).argmin())

    def path_lengths(self, xy: Float[np.ndarray, "2"]) -> Float[np.ndarray, " point"]:
        """Length of the shortest way from every point to the one nearest to `xy`, m; infinite where there is none."""
        return dijkstra(self._graph, directed=False, indices=self.nearest(xy))

    def straight_lengths(self, xy: Float[np.ndarray, "2"]) -> Float[np.ndarray, " point"]:
        """Euclidean distance from every point to the one nearest to `xy`, m: through walls."""
        return np.linalg.norm(self.xy - self.xy[self.nearest(xy)], axis=1)

    def picture(self, values: Float[np.ndarray, " point"]) -> Float[np.ndarray, "row column"]:
        """The values where they belong, NaN where walls are."""
        picture = np.full(self.shape, np.nan)
        picture[self.rows, self.columns] = values
        return picture


def _graph(free: Bool[np.ndarray, "row column"], spacing: float) -> csr_array:
    number = np.cumsum(free).reshape(free.shape) - 1
    starts, ends, lengths = [], [], []
    for down, right in _STEPS:
        for row, column in np.argwhere(free):
            other = row + down, column + right
            between = free[row : row + down + 1, min(column, other[1]) : max(column, other[1]) + 1]
            if between.all():  # the border is wall, so that nothing reaches beyond it
                starts.append(number[row, column])
                ends.append(number[other])
                lengths.append(spacing * np.hypot(down, right))
    return coo_array((lengths, (starts, ends)), shape=(free.sum(),) * 2).tocsr()
