"""Gymnasium's pusher: an arm that pushes an object over a table."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import mujoco
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from envs._arguments import check_choice, check_count, check_length
from envs._engine import engine as build_engine
from envs._mjcf import add_checks, compile_model, gymnasium_spec
from envs._physics import AbstractEngine, Fields, Physics
from envs._position_goal import AbstractPositionGoalEnv
from envs._viewpoint import Viewpoint

_TIMESTEP, _FRAME_SKIP = 0.01, 5
_JOINTS = 7
_OBJECT = ((-0.3, -0.2), (0.0, 0.2))  # m, box of the object's offset from the middle of the table
_GOALS = {"easy": ((-0.55, -0.2), (-0.25, 0.2)), "hard": ((-0.65, -0.55), (0.35, 0.45))}
_APART = 0.17  # m, least distance of the object from the goal
_SPEED_NOISE = 0.005


class Pusher(AbstractPositionGoalEnv):
    """An arm of seven joints that has to push an object to a place on a table.

    Observation (20): joint angles (7, rad), position of the fingertips (3, m), position of the object (3, m),
    joint velocities (7, rad/s). Action (7): torques, [-1, 1] scaled to the model's control range of 2. Goal (3):
    position of the object, m. Start: joints at 0, velocities U(-0.005, 0.005); object uniform in a box of
    0.3 x 0.4 m, moved straight away from the goal where it is nearer than 0.17 m. Goal: the same box, 0.25 m
    nearer in x ("easy"), or a box of 1 x 1 m ("hard"). Episodes never end early. Control step 0.05 s.
    """

    engine: AbstractEngine
    maze: None = eqx.field(static=True)
    episode_length: int = eqx.field(static=True)
    threshold: float = eqx.field(static=True)
    action_size: int = eqx.field(static=True)
    goals: str = eqx.field(static=True)

    def __init__(self, goals: str = "easy", engine: str = "auto", episode_length: int = 1000, threshold: float = 0.1):
        """**Arguments**
        - `goals`: "easy" or "hard", where goals may be.
        - `engine`: see `envs.engine`.
        - `episode_length`: control steps of 0.05 s.
        - `threshold`: distance at which a goal is reached, m.
        """
        self.goals = check_choice("`goals` of Pusher", goals, _GOALS)
        model = pusher_model()
        self.engine = build_engine(model, _FRAME_SKIP, (), engine)
        self.maze = None
        self.episode_length = check_count("episode_length", episode_length)
        self.threshold = check_length("threshold", threshold)
        self.action_size = model.nu

    def start(self, key: PRNGKeyArray) -> tuple[Float[Array, "9"], Float[Array, "9"], Float[Array, "3"]]:
        model = self.engine.model
        u = jr.uniform(key, (4 + _JOINTS,))
        thing, goal = _in_box(_OBJECT, u[:2]), _in_box(_GOALS[self.goals], u[2:4])
        offset = thing - goal
        distance = jnp.linalg.norm(offset)
        away = jnp.where(distance > 0, offset / jnp.where(distance > 0, distance, 1), jnp.array([1.0, 0.0]))
        thing = jnp.where(distance < _APART, goal + _APART * away, thing)
        x, y = (model.joint(f"obj_slide{axis}").qposadr[0] for axis in "xy")
        qpos = jnp.asarray(model.qpos0, u.dtype).at[jnp.array([x, y])].set(thing)
        qvel = jnp.zeros_like(qpos).at[:_JOINTS].set(_SPEED_NOISE * (2 * u[4:] - 1))
        middle = jnp.asarray(model.body("object").pos, u.dtype)
        return qpos, qvel, middle.at[:2].add(goal)

    def observe(self, physics: Physics, fields: Fields) -> Float[Array, "20"]:
        del fields
        joints = physics.qpos[:_JOINTS]
        return jnp.concatenate([joints, self._tips(joints), self._object(physics.qpos), physics.qvel[:_JOINTS]])

    def _tips(self, joints: Float[Array, "7"]) -> Float[Array, "3"]:
        """The fingertips, m, which lie in the wrist: the turns of forearm and wrist do not move them.

        From the angles, because MuJoCo would evaluate a whole state to tell.
        """
        pan, lift, roll, bend, *_ = joints
        shoulder, upper, elbow, wrist = (
            jnp.asarray(self.engine.model.body(name).pos, joints.dtype)
            for name in ("r_shoulder_pan_link", "r_shoulder_lift_link", "r_elbow_flex_link", "r_wrist_flex_link")
        )
        arm = _turned(lift, 1, _turned(roll, 0, elbow + _turned(bend, 1, wrist)))
        return shoulder + _turned(pan, 2, upper + arm)

    def _object(self, qpos: Float[Array, "9"]) -> Float[Array, "3"]:
        """Position of the object, m."""
        x, y = (self.engine.model.joint(f"obj_slide{axis}").qposadr[0] for axis in "xy")
        return jnp.asarray(self.engine.model.body("object").pos, qpos.dtype).at[:2].add(qpos[jnp.array([x, y])])

    def control(self, action: Float[Array, "7"]) -> Float[Array, "7"]:
        return action * jnp.asarray(self.engine.model.actuator_ctrlrange[:, 1], action.dtype)

    def achieved_goal(self, physics: Physics, fields: Fields) -> Float[Array, "3"]:
        del fields
        return self._object(physics.qpos)

    @property
    def viewpoint(self) -> Viewpoint:
        """Across the table, from the side of the goals."""
        return Viewpoint(135.0, -35.0, ((-0.25, -0.7, -0.32), (0.85, 0.45, 0.1)))

    def is_terminal(self, physics: Physics, fields: Fields) -> Bool[Array, ""]:
        del physics, fields
        return jnp.zeros((), bool)


def _turned(angle: Float[Array, ""], axis: int, vector: Float[Array, "3"]) -> Float[Array, "3"]:
    """A vector turned around axis 0, 1 or 2 by an angle, rad."""
    c, s = jnp.cos(angle), jnp.sin(angle)
    a, b = vector[(axis + 1) % 3], vector[(axis + 2) % 3]
    return vector.at[(axis + 1) % 3].set(c * a - s * b).at[(axis + 2) % 3].set(s * a + c * b)


def _in_box(box: tuple[tuple[float, float], tuple[float, float]], u: Float[Array, "2"]) -> Float[Array, "2"]:
    low, high = np.asarray(box)
    return low.astype(u.dtype) + u * (high - low).astype(u.dtype)


def pusher_model() -> mujoco.MjModel:
    """Gymnasium's pusher without its goal, whose joints would be part of the state; 5 substeps of 0.01 s."""
    spec = gymnasium_spec("pusher_v5")
    spec.delete(spec.body("goal"))
    add_checks(spec, "table", 0.1)
    return compile_model(spec, _TIMESTEP)
