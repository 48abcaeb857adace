"""A ball in a maze that sees the walls around it and not where it is."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from envs._arguments import check_count, check_length
from envs._engine import engine as build_engine
from envs._maze import Maze
from envs._physics import AbstractEngine, Fields, Physics
from envs.point_maze import FRAME_SKIP, AbstractPointMaze, ball_maze, point_model, ways

BEAMS = 32
# Stands for 0 as the direction of a beam along the other axis, which makes distances very large and keeps them finite.
_ALMOST_ZERO = 1e-16


class PointMazeLidar(AbstractPointMaze):
    """A ball of radius 0.15 m that sees the walls with 32 range beams, and has to reach a point near the centre of a
    goal cell.

    Observation (34): distance from the ball's centre to the nearest wall along 32 beams in the plane, beam k at the
    angle 2 pi k / 32 from +x towards +y, fixed in the world and cut at `max_range` (m); vx, vy (m/s). The position is
    not observed, and places with the same walls around them look alike: in `u_maze` its two ends do, the start and the
    farthest goal, so a policy without a memory cannot both leave the one and stay at the other. Start, action and goal
    are those of `PointMaze`.
    """

    engine: AbstractEngine
    maze: Maze = eqx.field(static=True)
    cells: tuple[int, ...] | None = eqx.field(static=True)
    episode_length: int = eqx.field(static=True)
    threshold: float = eqx.field(static=True)
    action_size: int = eqx.field(static=True)
    max_range: float = eqx.field(static=True)
    """Longest distance that a beam measures, m."""

    def __init__(
        self,
        maze: str = "u_maze",
        cell_size: float = 1.0,
        goals: str = "G",
        starts: str = "R",
        wall_height: float | None = None,
        engine: str = "auto",
        episode_length: int = 300,
        threshold: float = 0.35,
        cells: Sequence[int] | None = None,
        max_range: float = 10.0,
    ):
        """**Arguments**
        - `maze`, `cell_size`, `goals`, `starts`: text or name of a layout, side of its cells in m, its letters; see
          `envs.Maze`.
        - `wall_height`: of the walls, m; half the cell size where None. Beams see walls of any height.
        - `engine`: see `envs.engine`.
        - `episode_length`: control steps of 0.05 s.
        - `threshold`: distance at which a goal is reached, m.
        - `cells`: see `envs.PointMaze`.
        - `max_range`: distance at which beams are cut, m. It belongs to the sensor and not to the maze, so that
          observations in mazes of different extent mean the same; with cells of 1 m, 10 m cuts no beam in any layout
          of the paper.
        """
        self.threshold = check_length("threshold", threshold)
        self.max_range = check_length("max_range", max_range)
        self.maze = ball_maze("PointMazeLidar", maze, cell_size, goals, starts, wall_height, self.threshold)
        self.cells = ways(self.maze, cells)
        model = point_model(self.maze)
        self.engine = build_engine(model, FRAME_SKIP, (), engine)
        self.episode_length = check_count("episode_length", episode_length)
        self.action_size = model.nu

    def observe(self, physics: Physics, fields: Fields) -> Float[Array, "34"]:
        del fields
        distances = wall_distances(self.maze, physics.qpos)
        return jnp.concatenate([jnp.minimum(distances, self.max_range), physics.qvel])


def wall_distances(maze: Maze, xy: Float[Array, "2"]) -> Float[Array, "32"]:
    """Distance from `xy` to the nearest wall along each beam, m; 0 inside a wall, infinite where there is none."""
    low, high = wall_boxes(maze)
    angles = 2 * np.pi * np.arange(BEAMS)[None] / BEAMS
    enter, leave = [], []
    for axis, along in enumerate((np.cos(angles), np.sin(angles))):
        along = np.copysign(np.maximum(np.abs(along), _ALMOST_ZERO), along)
        # The sides of a box that a beam passes first and last.
        first = np.where(along > 0, low[:, axis, None], high[:, axis, None])
        last = np.where(along > 0, high[:, axis, None], low[:, axis, None])
        enter.append((jnp.asarray(first, xy.dtype) - xy[axis]) * jnp.asarray(1 / along, xy.dtype))
        leave.append((jnp.asarray(last, xy.dtype) - xy[axis]) * jnp.asarray(1 / along, xy.dtype))
    begin = jnp.maximum(jnp.maximum(*enter), 0)  # between both pairs of sides, and not behind the ball
    return jnp.where(begin <= jnp.minimum(*leave), begin, jnp.inf).min(axis=0)


def wall_boxes(maze: Maze) -> tuple[Float[np.ndarray, "boxes 2"], Float[np.ndarray, "boxes 2"]]:
    """Lower and upper corners, m, of rectangles that cover the walls that a beam can meet.

    These are the wall cells that touch a free one, at a corner too: else a beam could slip through where two walls
    meet. Straight runs of them are one rectangle, the longest first, which leaves 5 of the 18 walls of `u_maze`.
    """
    seen = _touching(maze.cells != "1") & (maze.cells == "1")
    runs = [(slice(i, i + 1), run) for i, line in enumerate(seen) for run in _runs(line)]
    runs += [(run, slice(j, j + 1)) for j, line in enumerate(seen.T) for run in _runs(line)]
    covered, boxes = np.zeros_like(seen), []
    for run in sorted(runs, key=lambda run: seen[run].size, reverse=True):
        if not covered[run].all():
            covered[run] = True
            boxes.append([[along.start, along.stop] for along in run])
    low, high = np.moveaxis((np.array(boxes) - 0.5) * maze.cell_size, 2, 0)
    return low, high


def _touching(cells: Bool[np.ndarray, "rows columns"]) -> Bool[np.ndarray, "rows columns"]:
    """Which cells are among `cells`, or touch one at a side or a corner."""
    rows, columns = cells.shape
    padded = np.pad(cells, 1)
    shifted = [padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    return np.any(shifted, axis=0)


def _runs(line: Bool[np.ndarray, " cells"]) -> list[slice]:
    """The longest stretches without a gap."""
    edges = np.flatnonzero(np.diff(np.pad(line, 1).astype(int)))
    return [slice(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]
