"""Where a picture of a task is taken from."""

from typing import NamedTuple

Point = tuple[float, float, float]


class Viewpoint(NamedTuple):
    """The direction a picture looks in, and what must be in it."""

    azimuth: float = 135.0
    """Of the direction of sight, degrees: 0 looks along x, 90 along y."""
    elevation: float = -30.0
    """Of the direction of sight, degrees: -90 looks straight down."""
    box: tuple[Point, Point] | None = None
    """Lowest and highest corner of the box in the picture, m. Where `None`, the camera follows everything that moves
    and the goal."""
