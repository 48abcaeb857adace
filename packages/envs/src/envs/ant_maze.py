"""The ant in a maze."""

from collections.abc import Sequence

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from envs._arguments import check_count, check_length, check_range
from envs._engine import engine as build_engine
from envs._maze import Maze, pick
from envs._physics import AbstractEngine
from envs._reachable import check_cell_size, check_ways
from envs.ant import FRAME_SKIP, GEAR, NOISE, REACH, AbstractAntWalk, Pose, ant_model


class AntMaze(AbstractAntWalk):
    """An ant that has to walk to the centre of a goal cell of a maze with cells of 4 m and walls 2 m high.

    Start: a start cell's centre, all positions + U(-0.1, 0.1), velocities 0.1 N(0, 1). Goal: uniform over
    the goal cells.
    """

    engine: AbstractEngine
    maze: Maze = eqx.field(static=True)
    episode_length: int = eqx.field(static=True)
    threshold: float = eqx.field(static=True)
    healthy_z_range: tuple[float, float] = eqx.field(static=True)
    action_size: int = eqx.field(static=True)
    _pose: Pose = eqx.field(static=True)

    def __init__(
        self,
        maze: str = "u_maze",
        cell_size: float = 4.0,
        goals: str = "G",
        starts: str = "R",
        wall_height: float | None = None,
        engine: str = "auto",
        episode_length: int = 1000,
        threshold: float = 0.5,
        healthy_z_range: Sequence[float] = (0.2, 1.0),
        gear: float = GEAR,
    ):
        """**Arguments**
        - `maze`, `cell_size`, `goals`, `starts`: text or name of a layout, side of its cells in m, its letters;
          see `envs.Maze`.
        - `wall_height`: of the walls, m; half the cell size where None.
        - `engine`: see `envs.engine`.
        - `episode_length`: control steps of 0.05 s.
        - `threshold`: distance at which a goal is reached, m.
        - `healthy_z_range`, `gear`: see `envs.Ant`.
        """
        self.maze = Maze(maze, cell_size, goals, starts, wall_height=wall_height)
        check_ways(self.maze)
        check_cell_size(self.maze, "AntMaze", REACH + NOISE)
        model = ant_model(self.maze, gear)
        self.engine = build_engine(model, FRAME_SKIP, (), engine)
        self.episode_length = check_count("episode_length", episode_length)
        self.threshold = check_length("threshold", threshold)
        self.healthy_z_range = check_range("healthy_z_range", healthy_z_range)
        self.action_size = model.nu
        self._pose = Pose(model)

    def start(self, key: PRNGKeyArray) -> tuple[Float[Array, "15"], Float[Array, "14"], Float[Array, "2"]]:
        qpos, qvel, (cell, goal) = self._pose.draw(key, 2)
        return qpos.at[:2].add(pick(self.maze.starts, cell)), qvel, pick(self.maze.goals, goal)
