"""Gymnasium's ant on an open plane."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import mujoco
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from envs._arguments import check_count, check_length, check_positive, check_range
from envs._engine import engine as build_engine
from envs._maze import Maze
from envs._mjcf import add_walls, cap_contacts, compile_model, gymnasium_spec, spread_floor
from envs._physics import AbstractEngine, Fields, Physics
from envs._position_goal import AbstractPositionGoalEnv
from envs._viewpoint import Viewpoint

FRAME_SKIP = 5
GEAR = 150.0  # N m, Gymnasium's
_TIMESTEP = 0.01  # s; a control step is 0.05 s
NOISE = 0.1
REACH = 1.0  # m, of the feet from the torso along x or y at a start: 0.96 at most in 40,000 starts
_POSE = {"ankle_1": 1.0, "ankle_2": -1.0, "ankle_3": -1.0, "ankle_4": 1.0}  # rad; the other joints start at 0
_HEIGHT = 0.55  # m


class AbstractAnt(AbstractPositionGoalEnv):
    """What tasks with an ant share: action, and the fall.

    Action (8): torques as a share of `gear`. An episode ends when the torso's height leaves `healthy_z_range`. Control
    step 0.05 s.
    """

    healthy_z_range: eqx.AbstractVar[tuple[float, float]]
    """Lowest and highest healthy height of the torso, m."""

    def control(self, action: Float[Array, "8"]) -> Float[Array, "8"]:
        return action

    def is_terminal(self, physics: Physics, fields: Fields) -> Bool[Array, ""]:
        del fields
        low, high = self.healthy_z_range
        return ~((physics.qpos[2] >= low) & (physics.qpos[2] <= high))

    @property
    def viewpoint(self) -> Viewpoint:
        """A maze from above; on the open plane the camera follows the ant and the goal."""
        return Viewpoint() if self.maze is None else Viewpoint.above(self.maze)


class AbstractAntWalk(AbstractAnt):
    """What tasks share in which the ant itself has to get somewhere, and nothing else moves.

    Observation (29): `qpos` (torso x, y, z in m, unit quaternion, 8 joint angles in rad) and `qvel` (14).
    Goal (2): x, y of the torso, m.
    """

    def observe(self, physics: Physics, fields: Fields) -> Float[Array, "29"]:
        del fields
        return jnp.concatenate([physics.qpos, physics.qvel])

    def achieved_goal(self, physics: Physics, fields: Fields) -> Float[Array, "2"]:
        del fields
        return physics.qpos[:2]


class Ant(AbstractAntWalk):
    """An ant that has to walk to a goal on a circle of radius 10 m around the origin.

    Start: at the origin, all positions + U(-0.1, 0.1), velocities 0.1 N(0, 1).
    """

    engine: AbstractEngine
    maze: None = eqx.field(static=True)
    episode_length: int = eqx.field(static=True)
    threshold: float = eqx.field(static=True)
    healthy_z_range: tuple[float, float] = eqx.field(static=True)
    action_size: int = eqx.field(static=True)
    radius: float = eqx.field(static=True)
    """Distance of the goals from the origin, m."""
    _pose: "Pose" = eqx.field(static=True)

    def __init__(
        self,
        engine: str = "auto",
        episode_length: int = 1000,
        threshold: float = 0.5,
        radius: float = 10.0,
        healthy_z_range: Sequence[float] = (0.2, 1.0),
        gear: float = GEAR,
    ):
        """**Arguments**
        - `engine`: see `envs.engine`.
        - `episode_length`: control steps of 0.05 s.
        - `threshold`: distance at which a goal is reached, m.
        - `radius`: of the circle of goals, m.
        - `healthy_z_range`: heights of the torso between which an episode goes on, m. An ant on its back lies at
          0.27 m and seldom gets up again; a standing one is never below 0.36 m.
        - `gear`: full torque of every motor, N m. With the paper's 150, uniform actions throw the ant on its back; a
          weaker one keeps it on its feet.
        """
        model = ant_model(None, gear)
        self.engine = build_engine(model, FRAME_SKIP, (), engine)
        self.maze = None
        self.episode_length = check_count("episode_length", episode_length)
        self.threshold = check_length("threshold", threshold)
        self.radius = check_length("radius", radius)
        self.healthy_z_range = check_range("healthy_z_range", healthy_z_range)
        self.action_size = model.nu
        self._pose = Pose(model)

    def start(self, key: PRNGKeyArray) -> tuple[Float[Array, "15"], Float[Array, "14"], Float[Array, "2"]]:
        qpos, qvel, (goal,) = self._pose.draw(key, 1)
        angle = 2 * jnp.pi * goal
        return qpos, qvel, self.radius * jnp.stack([jnp.cos(angle), jnp.sin(angle)])


class Pose:
    """The ant's standing pose, and noise around it."""

    def __init__(self, model: mujoco.MjModel):
        qpos = model.qpos0.copy()
        root = model.joint("root").qposadr[0]
        qpos[root : root + 7] = 0, 0, _HEIGHT, 1, 0, 0, 0
        for name, angle in _POSE.items():
            qpos[model.joint(name).qposadr[0]] = angle
        self._quaternion = slice(root + 3, root + 7)
        self._qpos = tuple(qpos)
        self._nv = model.nv

    def draw(
        self, key: PRNGKeyArray, others: int
    ) -> tuple[Float[Array, " nq"], Float[Array, " nv"], Float[Array, " others"]]:
        """Draws `qpos`, the pose + U(-0.1, 0.1) with a quaternion of length 1, and `qvel`, 0.1 N(0, 1).

        The third result is `others` more numbers uniform in [0, 1), for the task to use.
        """
        at, speed = jr.split(key)
        u = jr.uniform(at, (len(self._qpos) + others,))
        qpos = jnp.asarray(np.asarray(self._qpos), u.dtype) + NOISE * (2 * u[others:] - 1)
        quaternion = qpos[self._quaternion]
        qpos = qpos.at[self._quaternion].set(quaternion / jnp.linalg.norm(quaternion))
        return qpos, NOISE * jr.normal(speed, (self._nv,)), u[:others]


def ant_model(
    maze: Maze | None, gear: float = GEAR, add: Callable[[mujoco.MjSpec], None] | None = None
) -> mujoco.MjModel:
    """Gymnasium's ant, between the walls of `maze` if there is one, with what `add` puts there.

    A control step has 5 substeps. `gear`: full torque of every motor, N m; raises ValueError unless it is positive.
    """
    spec = gymnasium_spec("ant")
    spec.delete(spec.numeric("init_qpos"))  # MJX reads it as a contact cap; the pose is `Pose`'s
    gear = check_positive("gear", gear, "newton metres")
    for actuator in spec.actuators:
        actuator.gear[0] = gear
    if maze is not None:
        cap_contacts(spec)
        add_walls(spec, maze)
        spread_floor(spec, maze)
    if add is not None:
        add(spec)
    return compile_model(spec, _TIMESTEP)
