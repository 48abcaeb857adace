"""The ant and a ball, which it has to bring to a goal."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import mujoco
from jaxtyping import Array, Float, PRNGKeyArray

from envs._arguments import check_count, check_length, check_range
from envs._engine import engine as build_engine
from envs._physics import AbstractEngine, Fields, Physics
from envs.ant import FRAME_SKIP, GEAR, AbstractAnt, Pose, ant_model

BALL = 0.5  # m, radius
_MASS = 0.58  # kg
_STOPPING = 1.0  # s, in which a rolling ball loses 63 % of its speed
_NEAR, _AWAY = 0.2, 1.0  # the ball's start: this share of the way to the goal, and this far from there, m
_APART = 1.75  # m, of the ball's middle from the ant's: more than its legs and the ball's radius


class AbstractAntBall(AbstractAnt):
    """What tasks with ant and ball share.

    Observation (31): that of the ant (29) and the ball's x, y (m). Action (8): torques as a share of `gear`. Goal (2):
    x, y of the ball, m. The ball, of radius 0.5 m and 0.58 kg, moves along the ground without turning and loses its
    speed with a time constant of 1 s; in the reference nothing slows it. The reference's goal is off by one number.
    """

    def observe(self, physics: Physics, fields: Fields) -> Float[Array, "31"]:
        del fields
        ant, ball = physics.qpos[:-2], physics.qpos[-2:]  # the ball's joints are the model's last
        return jnp.concatenate([ant, physics.qvel[:-2], ball])

    def achieved_goal(self, physics: Physics, fields: Fields) -> Float[Array, "2"]:
        del fields
        return physics.qpos[-2:]


class AntBall(AbstractAntBall):
    """An ant that has to push a ball to a goal on a circle of radius 5 m around the origin.

    Start: the ant as in `Ant`; the ball at rest, 1 m from the point at a fifth of the way to the goal, in any
    direction, and at least 1.75 m from the ant. (The reference draws that direction with two different angles, and may
    put the ball into the ant.)
    """

    engine: AbstractEngine
    maze: None = eqx.field(static=True)
    episode_length: int = eqx.field(static=True)
    threshold: float = eqx.field(static=True)
    healthy_z_range: tuple[float, float] = eqx.field(static=True)
    action_size: int = eqx.field(static=True)
    radius: float = eqx.field(static=True)
    """Distance of the goals from the origin, m."""
    _pose: Pose = eqx.field(static=True)

    def __init__(
        self,
        engine: str = "auto",
        episode_length: int = 1000,
        threshold: float = 0.5,
        radius: float = 5.0,
        healthy_z_range: Sequence[float] = (0.2, 1.0),
        gear: float = GEAR,
    ):
        """**Arguments**
        - `engine`: see `envs.engine`.
        - `episode_length`: control steps of 0.05 s.
        - `threshold`: distance of the ball from its goal at which that is reached, m.
        - `radius`: of the circle of goals, m.
        - `healthy_z_range`, `gear`: see `envs.Ant`.
        """
        model = ant_model(None, gear, add_ball)
        self.engine = build_engine(model, FRAME_SKIP, (), engine)
        self.maze = None
        self.episode_length = check_count("episode_length", episode_length)
        self.threshold = check_length("threshold", threshold)
        self.radius = check_length("radius", radius)
        self.healthy_z_range = check_range("healthy_z_range", healthy_z_range)
        self.action_size = model.nu
        self._pose = Pose(model)

    def start(self, key: PRNGKeyArray) -> tuple[Float[Array, "17"], Float[Array, "16"], Float[Array, "2"]]:
        qpos, qvel, (goal, away) = self._pose.draw(key, 2)
        towards = _direction(goal)
        ball = _NEAR * self.radius * towards + _AWAY * _direction(away)
        distance = jnp.linalg.norm(ball)
        outwards = jnp.where(distance > 1e-3, ball / jnp.maximum(distance, 1e-3), towards)
        ball = jnp.where(distance < _APART, _APART * outwards, ball)
        return qpos.at[-2:].set(ball), qvel.at[-2:].set(0), self.radius * towards


def _direction(u: Float[Array, ""]) -> Float[Array, "2"]:
    angle = 2 * jnp.pi * u
    return jnp.stack([jnp.cos(angle), jnp.sin(angle)])


def add_ball(spec: mujoco.MjSpec) -> None:
    """A ball that slides along x and y, for the ant and walls to push; it does not touch the ground."""
    spec.geom("floor").contype = 0  # the ant's geoms ask for the floor; the ball does not
    ball = spec.worldbody.add_body(name="ball", pos=(0, 0, BALL))
    ball.add_geom(
        name="ball",
        type=mujoco.mjtGeom.mjGEOM_SPHERE,
        size=(BALL, 0, 0),
        mass=_MASS,
        contype=0,
        conaffinity=1,
        rgba=(0.9, 0.35, 0.2, 1),
    )
    for name, axis in (("ball_x", (1, 0, 0)), ("ball_y", (0, 1, 0))):
        ball.add_joint(
            name=name,
            type=mujoco.mjtJoint.mjJNT_SLIDE,
            axis=axis,
            damping=_MASS / _STOPPING,
            armature=0,
            limited=mujoco.mjtLimited.mjLIMITED_FALSE,
        )
