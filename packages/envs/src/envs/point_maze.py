"""A ball in a maze: the cheapest task on real physics."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import mujoco
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from envs._arguments import check_count, check_length
from envs._corridor import check_cells, draw_way
from envs._engine import engine as build_engine
from envs._maze import Maze, pick
from envs._mjcf import add_walls, cap_contacts, compile_model
from envs._physics import AbstractEngine, Fields, Physics
from envs._position_goal import AbstractPositionGoalEnv
from envs._reachable import check_cell_size, check_ways
from envs._viewpoint import Viewpoint

RADIUS = 0.15  # m
FRAME_SKIP = 5  # substeps of 0.01 s in a control step
SPEED = 2.0  # m/s, reached in the end at full force
TIME_CONSTANT = 0.25  # s, of the approach to that speed
_CELL = 1.0  # m
_START_NOISE = 0.2  # m, around the centre of the start cell
_GOAL_NOISE = 0.25  # m, around the centre of the goal cell, as in Gymnasium-Robotics' PointMaze
_TIMESTEP = 0.01  # s


class AbstractPointMaze(AbstractPositionGoalEnv):
    """What tasks with a ball in a maze share: all but the observation.

    Action (2): force along x and y as a share of the full force, which leads to 2 m/s with a time constant of 0.25 s.
    Goal (2): x, y (m). Episodes never end early. Start: a start cell's centre + U(-0.2, 0.2) m, at rest. Goal: a goal
    cell's centre + U(-0.25, 0.25) m. With `cells`, both lie on a corridor, so many cells apart, and are drawn as in
    `AntCorridor`.
    """

    maze: eqx.AbstractVar[Maze]
    cells: eqx.AbstractVar[tuple[int, ...] | None]
    """How many cells the goal may be away along the corridor; None where the maze need not be one."""

    def start(self, key: PRNGKeyArray) -> tuple[Float[Array, "2"], Float[Array, "2"], Float[Array, "2"]]:
        cell, goal, *noise = jr.uniform(key, (6,))
        start_noise, goal_noise = 2 * jnp.stack(noise).reshape(2, 2) - 1
        if self.cells is None:
            start, end = pick(self.maze.starts, cell), pick(self.maze.goals, goal)
        else:
            start, end = draw_way(self.maze, self.cells, cell, goal)
        xy = start + _START_NOISE * start_noise
        return xy, jnp.zeros_like(xy), end + _GOAL_NOISE * goal_noise

    def control(self, action: Float[Array, "2"]) -> Float[Array, "2"]:
        return action

    def achieved_goal(self, physics: Physics, fields: Fields) -> Float[Array, "2"]:
        del fields
        return physics.qpos

    def is_terminal(self, physics: Physics, fields: Fields) -> Bool[Array, ""]:
        del physics, fields
        return jnp.zeros((), bool)

    @property
    def viewpoint(self) -> Viewpoint:
        """The maze from above."""
        return Viewpoint.above(self.maze)


class PointMaze(AbstractPointMaze):
    """A ball of radius 0.15 m, pushed along x and y, that has to reach a point near the centre of a goal
    cell.

    Observation (4): x, y (m), vx, vy (m/s).
    """

    engine: AbstractEngine
    maze: Maze = eqx.field(static=True)
    cells: tuple[int, ...] | None = eqx.field(static=True)
    episode_length: int = eqx.field(static=True)
    threshold: float = eqx.field(static=True)
    action_size: int = eqx.field(static=True)

    def __init__(
        self,
        maze: str = "u_maze",
        cell_size: float = _CELL,
        goals: str = "G",
        starts: str = "R",
        wall_height: float | None = None,
        engine: str = "auto",
        episode_length: int = 300,
        threshold: float = 0.35,
        cells: Sequence[int] | None = None,
    ):
        """**Arguments**
        - `maze`, `cell_size`, `goals`, `starts`: text or name of a layout, side of its cells in m, its letters; see
          `envs.Maze`.
        - `wall_height`: of the walls, m; half the cell size where None.
        - `engine`: see `envs.engine`.
        - `episode_length`: control steps of 0.05 s.
        - `threshold`: distance at which a goal is reached, m.
        - `cells`: how many cells the goal may be away in a `maze` that is one corridor from R to G, as in
          `envs.AntCorridor`; with None, starts and goals are drawn each for itself.
        """
        self.threshold = check_length("threshold", threshold)
        self.maze = ball_maze("PointMaze", maze, cell_size, goals, starts, wall_height, self.threshold)
        self.cells = ways(self.maze, cells)
        model = point_model(self.maze)
        self.engine = build_engine(model, FRAME_SKIP, (), engine)
        self.episode_length = check_count("episode_length", episode_length)
        self.action_size = model.nu

    def observe(self, physics: Physics, fields: Fields) -> Float[Array, "4"]:
        del fields
        return jnp.concatenate([physics.qpos, physics.qvel])


def ball_maze(
    task: str, maze: str, cell_size: float, goals: str, starts: str, wall_height: float | None, threshold: float
) -> Maze:
    """`Maze` of these arguments, in which the ball has room and a path; `task` is named where it has not.

    Raises ValueError for what `Maze`, `check_ways` and `check_cell_size` refuse.
    """
    read = Maze(maze, cell_size, goals, starts, wall_height=wall_height)
    check_ways(read)
    check_cell_size(read, task, RADIUS + _START_NOISE, RADIUS, _GOAL_NOISE, threshold)
    return read


def ways(maze: Maze, cells: Sequence[int] | None) -> tuple[int, ...] | None:
    """`cells`, the numbers of cells that a goal may be away along a corridor, checked; None stays None.

    Raises ValueError where `maze` has other letters than R and G, or is no corridor of such lengths.
    """
    if cells is None:
        return None
    starts, goals = maze.start_letters, maze.goal_letters
    if (starts, goals) != ("R", "G"):
        raise ValueError(
            f"`starts` and `goals` must be 'R' and 'G' where `cells` draws both, not {starts!r} and {goals!r}."
        )
    return check_cells(maze, cells)


def point_model(maze: Maze) -> mujoco.MjModel:
    """A ball of 1 kg on two slide joints, without gravity and friction, between the walls of `maze`."""
    mass = 1.0
    damping = mass / TIME_CONSTANT
    spec = mujoco.MjSpec()
    spec.modelname = "point_maze"
    spec.option.gravity = (0, 0, 0)
    cap_contacts(spec)
    x, y = maze.centre
    spec.worldbody.add_light(pos=(x, y, 10), dir=(0, 0, -1), type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL)
    spec.worldbody.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        pos=(x, y, 0),
        size=(*(maze.size / 2), 0.1),
        contype=0,
        conaffinity=0,
        rgba=(0.86, 0.88, 0.9, 1),
    )
    add_walls(spec, maze, condim=1)
    ball = spec.worldbody.add_body(name="ball", pos=(0, 0, RADIUS))
    ball.add_geom(
        name="ball",
        type=mujoco.mjtGeom.mjGEOM_SPHERE,
        size=(RADIUS, 0, 0),
        mass=mass,
        condim=1,  # no friction: a ball that slides along a wall is not held by it
        rgba=(0.9, 0.35, 0.2, 1),
    )
    for name, axis in (("x", (1, 0, 0)), ("y", (0, 1, 0))):
        ball.add_joint(name=name, type=mujoco.mjtJoint.mjJNT_SLIDE, axis=axis, damping=damping)
        spec.add_actuator(
            name=name,
            target=name,
            trntype=mujoco.mjtTrn.mjTRN_JOINT,
            gear=(SPEED * damping, 0, 0, 0, 0, 0),
            ctrllimited=True,
            ctrlrange=(-1, 1),
        )
    return compile_model(spec, _TIMESTEP)
