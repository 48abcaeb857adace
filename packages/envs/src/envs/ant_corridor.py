"""The ant in a corridor, from any place to places some cells further: what has to be stitched together."""

from collections.abc import Sequence

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from envs._arguments import check_count, check_length, check_range
from envs._corridor import check_cells, draw_way
from envs._engine import engine as build_engine
from envs._maze import Maze
from envs._physics import AbstractEngine
from envs._reachable import check_cell_size
from envs.ant import FRAME_SKIP, GEAR, REACH, AbstractAntWalk, Pose, ant_model


class AntCorridor(AbstractAntWalk):
    """An ant that has to walk a given number of cells along a corridor.

    Every episode draws how many cells, all numbers equally likely, and then one of the places from which the goal
    lies that far along the way from cell R to cell G. Start: x and y exactly at the cell's centre, the rest as in
    `AntMaze`. Trained on short ways and tested on long ones, an agent shows whether it can join what it has learned
    (paper, section 4.6; the reference counts ways of up to five cells only).
    """

    engine: AbstractEngine
    maze: Maze = eqx.field(static=True)
    episode_length: int = eqx.field(static=True)
    threshold: float = eqx.field(static=True)
    healthy_z_range: tuple[float, float] = eqx.field(static=True)
    action_size: int = eqx.field(static=True)
    cells: tuple[int, ...] = eqx.field(static=True)
    """How many cells the goal may be away along the corridor."""
    _pose: Pose = eqx.field(static=True)

    def __init__(
        self,
        maze: str = "gen_u_maze",
        cells: Sequence[int] = (1, 2, 3),
        cell_size: float = 4.0,
        engine: str = "auto",
        episode_length: int = 1000,
        threshold: float = 0.5,
        healthy_z_range: Sequence[float] = (0.2, 1.0),
        gear: float = GEAR,
    ):
        """**Arguments**
        - `maze`, `cell_size`: text or name of a layout that is one corridor from R to G, side of its cells in m.
        - `cells`: how many cells the goal may be away; each at most the corridor's length.
        - `engine`: see `envs.engine`.
        - `episode_length`: control steps of 0.05 s.
        - `threshold`: distance at which a goal is reached, m.
        - `healthy_z_range`, `gear`: see `envs.Ant`.
        """
        self.maze = Maze(maze, cell_size)
        self.cells = check_cells(self.maze, cells)
        check_cell_size(self.maze, "AntCorridor", REACH)
        model = ant_model(self.maze, gear)
        self.engine = build_engine(model, FRAME_SKIP, (), engine)
        self.episode_length = check_count("episode_length", episode_length)
        self.threshold = check_length("threshold", threshold)
        self.healthy_z_range = check_range("healthy_z_range", healthy_z_range)
        self.action_size = model.nu
        self._pose = Pose(model)

    def start(self, key: PRNGKeyArray) -> tuple[Float[Array, "15"], Float[Array, "14"], Float[Array, "2"]]:
        qpos, qvel, (which, where) = self._pose.draw(key, 2)
        xy, goal = draw_way(self.maze, self.cells, which, where)
        return qpos.at[:2].set(xy), qvel, goal
