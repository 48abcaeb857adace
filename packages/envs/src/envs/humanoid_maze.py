"""The humanoid in a maze."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from envs._arguments import check_count, check_length
from envs._engine import engine as build_engine
from envs._maze import Maze, pick
from envs._physics import AbstractEngine
from envs._reachable import check_cell_size, check_ways
from envs.humanoid import FIELDS, FRAME_SKIP, GOAL_HEIGHT, AbstractHumanoid, humanoid_model

_REACH = 0.4  # m, of the hands from the torso's middle along x or y at the start
_TIMESTEP = 0.0015  # s; a control step is 0.015 s


class HumanoidMaze(AbstractHumanoid):
    """A humanoid that has to bring its torso to the centre of a goal cell of a maze with cells of 2 m.

    Walls are 1 m high by default, so that it can climb over them, as the paper's deep agents do. Start: upright
    at a start cell's centre, at rest, without noise. Control step 0.015 s.
    """

    engine: AbstractEngine
    maze: Maze = eqx.field(static=True)
    episode_length: int = eqx.field(static=True)
    threshold: float = eqx.field(static=True)
    action_size: int = eqx.field(static=True)

    def __init__(
        self,
        maze: str = "u_maze",
        cell_size: float = 2.0,
        goals: str = "G",
        starts: str = "R",
        wall_height: float | None = None,
        engine: str = "auto",
        episode_length: int = 1000,
        threshold: float = 0.5,
    ):
        """**Arguments**
        - `maze`, `cell_size`, `goals`, `starts`: text or name of a layout, side of its cells in m, its letters;
          see `envs.Maze`.
        - `wall_height`: of the walls, m; half the cell size where None.
        - `engine`: see `envs.engine`.
        - `episode_length`: control steps of 0.015 s.
        - `threshold`: distance in three dimensions at which a goal is reached, m.
        """
        self.maze = Maze(maze, cell_size, goals, starts, wall_height=wall_height)
        check_ways(self.maze)
        check_cell_size(self.maze, "HumanoidMaze", _REACH)
        model = humanoid_model(self.maze, _TIMESTEP)
        self.engine = build_engine(model, FRAME_SKIP, FIELDS, engine)
        self.episode_length = check_count("episode_length", episode_length)
        self.threshold = check_length("threshold", threshold)
        self.action_size = model.nu

    def start(self, key: PRNGKeyArray) -> tuple[Float[Array, "24"], Float[Array, "23"], Float[Array, "3"]]:
        cell, goal = jr.uniform(key, (2,))
        qpos = self.stance(cell.dtype).at[:2].set(pick(self.maze.starts, cell))
        goal = jnp.append(pick(self.maze.goals, goal), GOAL_HEIGHT)
        return qpos, jnp.zeros(qpos.size - 1, qpos.dtype), goal
