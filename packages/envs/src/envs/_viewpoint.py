"""Where a picture of a task is taken from."""

from typing import NamedTuple

from envs._maze import Maze

Point = tuple[float, float, float]
_RIM = 0.3  # of the outer walls is in a picture, in cells: enough to see that a maze is closed


class Viewpoint(NamedTuple):
    """The direction a picture looks in, and what must be in it."""

    azimuth: float = 135.0
    """Of the direction of sight, degrees: 0 looks along x, 90 along y."""
    elevation: float = -30.0
    """Of the direction of sight, degrees: -90 looks straight down."""
    box: tuple[Point, Point] | None = None
    """Lowest and highest corner of the box in the picture, m. Where `None`, the camera follows everything that moves
    and the goal."""

    @classmethod
    def above(cls, maze: Maze) -> "Viewpoint":
        """A maze as its text is written: rows downwards and columns to the right.

        It is seen from above, a little tilted so that one sees who stands and who lies.
        """
        rim = (0.5 - _RIM) * maze.cell_size
        x, y = (maze.size - maze.cell_size - rim).tolist()
        return cls(180.0, -72.0, ((rim, rim, 0.0), (x, y, maze.wall_height)))
