"""Agents drawn from above as flat shapes, for machines without OpenGL: walls, goal, trail and agent."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, UInt8

from envs import Maze
from evaluation._palette import AGENT, FLOOR, GOAL, GRID, WALL, WALL_EDGE

# How much of the outer walls is shown, in cells: enough to see that the maze is closed.
RIM = 0.3
Picture = UInt8[np.ndarray, "height width rgb"]


class View:
    """A square patch of ground seen from above, one world axis along each side of the picture.

    World x points down and world y to the right, so that a maze looks as it is written: rows and columns.

    Args:
        low, high: the corners of the patch, in metres.
        size: height and width of the picture, in pixels.
    """

    def __init__(self, low: Float[np.ndarray, "2"], high: Float[np.ndarray, "2"], size: tuple[int, int]):
        self.size = size
        self.scale = float(min(np.asarray(size) / (high - low)))
        self.origin = (low + high) / 2 - np.asarray(size) / 2 / self.scale

    def pixel(self, position: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
        """Where a world position lies: (row, column), in pixels from the centre of the first pixel."""
        return (position - self.origin) * self.scale - 0.5

    def ground(self, maze: Maze | None) -> Picture:
        """The picture without anybody in it: walls, or lines one metre apart where there is no maze."""
        world = [self.origin[axis] + (np.arange(self.size[axis]) + 0.5) / self.scale for axis in (0, 1)]
        picture = np.empty((*self.size, 3), np.uint8)
        picture[:] = FLOOR
        if maze is None:
            for axis, line in enumerate(world):
                on_line = np.abs(line - line.round()) * self.scale < 0.5
                picture[(on_line, slice(None))[:: 1 if axis == 0 else -1]] = GRID
            return picture
        cells = np.asarray(maze.cells) == "1"
        row, column = (
            np.clip((line / maze.cell_size).round().astype(int), 0, count - 1)
            for line, count in zip(world, cells.shape, strict=True)
        )
        wall = cells[row[:, None], column[None]]
        inner = np.pad(wall, 2, mode="edge")
        surrounded = inner[:-4, 2:-2] & inner[4:, 2:-2] & inner[2:-2, :-4] & inner[2:-2, 4:]
        picture[wall] = WALL_EDGE
        picture[wall & surrounded] = WALL
        return picture


def extent(maze: Maze | None) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
    """The corners of a maze with a rim of its outer walls (m); of a unit square where there is no maze."""
    if maze is None:
        return np.zeros(2), np.ones(2)
    rim = (0.5 - RIM) * maze.cell_size
    return np.full(2, rim), (np.asarray(maze.cells.shape) - 1) * maze.cell_size - rim


def drawings(
    positions: Float[np.ndarray, "frame agent 2"],
    goals: Float[np.ndarray, "agent 2"],
    at_goal: np.ndarray,
    maze: Maze | None,
    threshold: float,
    size: tuple[int, int],
) -> Iterator[UInt8[np.ndarray, "agent height width rgb"]]:
    """One picture an agent for every frame, each with the trail so far.

    Args:
        positions: where the agents are, in metres.
        goals: where they shall go.
        at_goal: whether they are there, `[frame, agent]`; the goal lights up.
        maze: the walls; without one the patch of ground is chosen to hold the paths and goals.
        threshold: the radius of the goal, in metres.
        size: height and width of a picture, in pixels.
    """
    views = _views(positions, goals, maze, size)
    pixels = np.stack([view.pixel(positions[:, i]) for i, view in enumerate(views)], axis=1)
    centres = [view.pixel(goal) for view, goal in zip(views, goals, strict=True)]
    radius = max(threshold * views[0].scale, 6.0)
    body = max(0.42 * threshold * views[0].scale, 5.0)
    grounds = [view.ground(maze) for view in views]
    for ground, centre in zip(grounds, centres, strict=True):
        _paint(ground, centre, centre, radius, GOAL, 0.22)
        _paint(ground, centre, centre, radius, GOAL, 0.9, hollow=1.2)
    trails = [np.zeros(size, np.float32) for _ in views]
    canvases = [ground.copy() for ground in grounds]
    for frame, now in enumerate(pixels):
        before = pixels[max(frame - 1, 0)]
        pictures = []
        for i, canvas in enumerate(canvases):
            _extend(canvas, grounds[i], trails[i], before[i], now[i])
            picture = canvas.copy()
            if at_goal[frame, i]:
                _paint(picture, centres[i], centres[i], radius, GOAL, 0.45)
            _paint(picture, now[i], now[i], body + 2.0, FLOOR, 0.8)
            _paint(picture, now[i], now[i], body, AGENT, 1.0)
            pictures.append(picture)
        yield np.stack(pictures)


def _views(positions: np.ndarray, goals: np.ndarray, maze: Maze | None, size: tuple[int, int]) -> list[View]:
    if maze is not None:
        return [View(*extent(maze), size)] * len(goals)
    points = np.concatenate([positions, goals[None]])
    low, high = points.min(axis=0), points.max(axis=0)
    # The same scale for all, so that speeds can be compared by eye.
    half = 1.1 * (high - low).max() / 2 + 0.5
    return [View(middle - half, middle + half, size) for middle in (low + high) / 2]


def _coverage(
    shape: tuple[int, ...], start: np.ndarray, end: np.ndarray, radius: float, hollow: float | None
) -> tuple[tuple[slice, slice], np.ndarray]:
    """How much of each pixel a thick line (a disc where `start` is `end`) covers, and the window it lies in.

    The signed distance to the shape, cut to one pixel's width, is its own anti-aliasing.
    """
    low = np.clip(np.floor(np.minimum(start, end) - radius - 2), 0, shape[:2]).astype(int)
    high = np.clip(np.ceil(np.maximum(start, end) + radius + 3), 0, shape[:2]).astype(int)
    row, column = np.ogrid[low[0] : high[0], low[1] : high[1]]
    along = end - start
    length2 = max(float(along @ along), 1e-9)
    share = np.clip(((row - start[0]) * along[0] + (column - start[1]) * along[1]) / length2, 0.0, 1.0)
    distance = np.hypot(row - start[0] - share * along[0], column - start[1] - share * along[1]) - radius
    if hollow is not None:
        distance = np.abs(distance + hollow) - hollow
    window = (slice(low[0], high[0]), slice(low[1], high[1]))
    return window, np.clip(0.5 - distance, 0.0, 1.0).astype(np.float32)


def _blend(under: np.ndarray, colour: tuple[int, int, int], opacity: np.ndarray) -> np.ndarray:
    return (under + opacity[..., None] * (np.array(colour, np.float32) - under)).astype(np.uint8)


def _paint(
    picture: Picture,
    start: np.ndarray,
    end: np.ndarray,
    radius: float,
    colour: tuple[int, int, int],
    opacity: float,
    hollow: float | None = None,
) -> None:
    window, cover = _coverage(picture.shape, start, end, radius, hollow)
    picture[window] = _blend(picture[window], colour, opacity * cover)


def _extend(canvas: Picture, ground: Picture, trail: np.ndarray, start: np.ndarray, end: np.ndarray) -> None:
    """Adds one piece to a trail. The largest coverage counts, so that pieces that overlap do not add up."""
    window, cover = _coverage(canvas.shape, start, end, 1.3, None)
    trail[window] = np.maximum(trail[window], cover)
    canvas[window] = _blend(ground[window], AGENT, 0.5 * trail[window])
