"""The Panda arm on a table: what every task with it shares."""

import importlib.resources
from collections.abc import Callable

import jax.numpy as jnp
import mujoco
import numpy as np
from jaxtyping import Array, Bool, Float

from envs._base import AbstractEnv
from envs._mjcf import add_checks, compile_model
from envs._physics import Fields, Physics
from envs._viewpoint import Viewpoint

FRAME_SKIP = 25
FIELDS = ("site_xpos", "cvel", "subtree_com")
"""What an arm's observation needs of the engine."""
CUBE = 0.03  # m, half its edge, and the height of its centre on the table
TABLE = (0.0, 0.6)  # m, x and y of the middle of the region in front of the arm
_TIMESTEP = 0.002  # s; a control step is 0.05 s
_JOINTS = 7
_START = (1.571, 0.742, 0.0, -1.571, 0.0, 3.054, 1.449)  # rad
_FINGERS = 0.04  # m, of each finger at the start
_OPEN = 0.08  # m, of each finger
# Of an action of -1 and of 1: four joints move, three are held.
_LOW = (0.3491, -0.6, 0.0, -3.0718, 0.0, 1.5, 1.4487)  # rad
_HIGH = (2.7925, 1.48353, 0.0, -0.0698, 0.0, 3.7525, 1.4487)  # rad
_MOVED = (0, 1, 3, 5)


class AbstractArm(AbstractEnv):
    """What tasks with the Panda share: action, start, and how episodes end.

    Action (4, or 5 with the gripper): targets of joints 1, 2, 4 and 6, [-1, 1] scaled to the range of each; the other
    joints are held. A positive fifth number closes the gripper, any other opens it. Start: the arm in one pose, at
    rest. Episodes never end early. Control step 0.05 s.

    The arm is our own model (see `assets/panda.xml`). The reference's servos of joints 3 to 7 stop at about half of
    the angle they are given, because their gain and their stiffness differ; ours go where they are sent. With its
    ranges such an arm stays 26 cm short of the near upper corners of `ArmReach`; so joint 2 goes down to -0.6 rad here
    (0 there) and joint 6 to 1.5 rad (2.36 there), and all corners are reached.
    """

    def control(self, action: Float[Array, " action"]) -> Float[Array, "9"]:
        low, high = (jnp.asarray(x, action.dtype) for x in (_LOW, _HIGH))
        share = jnp.zeros(_JOINTS, action.dtype).at[jnp.array(_MOVED)].set((action[: len(_MOVED)] + 1) / 2)
        opening = jnp.where(action[len(_MOVED)] > 0, 0.0, _OPEN) if self.action_size > len(_MOVED) else 0.0
        return jnp.concatenate([low + share * (high - low), jnp.full(2, opening, action.dtype)])

    def is_terminal(self, physics: Physics, fields: Fields) -> Bool[Array, ""]:
        del physics, fields
        return jnp.zeros((), bool)

    @property
    def viewpoint(self) -> Viewpoint:
        """From across the table, so that the arm stands behind what it handles."""
        return Viewpoint(235.0, -32.0, ((-0.5, -0.05, 0.0), (0.5, 0.85, 0.4)))

    def stance(self, cube: Float[Array, "2"] | None, dtype: jnp.dtype) -> Float[Array, " nq"]:
        """`qpos` with the arm bent over the table and, if the task has one, the cube lying at x and y, m."""
        model = self.engine.model
        qpos = jnp.asarray(model.qpos0, dtype)
        names = [f"joint{i + 1}" for i in range(_JOINTS)] + ["left_finger", "right_finger"]
        qpos = qpos.at[_addresses(model, *names)].set(jnp.asarray((*_START, _FINGERS, _FINGERS), dtype))
        return qpos if cube is None else qpos.at[model.joint("cube").qposadr[0] + jnp.arange(2)].set(cube)

    def angles(self, physics: Physics) -> Float[Array, "7"]:
        """The joints, rad."""
        return physics.qpos[_addresses(self.engine.model, *(f"joint{i + 1}" for i in range(_JOINTS)))]

    def opening(self, physics: Physics) -> Float[Array, "1"]:
        """The distance between the fingers, m."""
        return physics.qpos[_addresses(self.engine.model, "left_finger", "right_finger")].sum(keepdims=True)

    def cube(self, physics: Physics) -> Float[Array, "3"]:
        """The cube's centre, m."""
        return physics.qpos[self.engine.model.joint("cube").qposadr[0] + jnp.arange(3)]

    def site(self, fields: Fields, name: str) -> Float[Array, "3"]:
        """The position of a site of the hand (`grip`, `left_tip`, `right_tip`), m."""
        return fields["site_xpos"][self.engine.model.site(name).id]

    def grip(self, fields: Fields) -> Float[Array, "6"]:
        """Position (m) and velocity (m/s) of the point between the fingertips, carried by the hand."""
        model = self.engine.model
        hand = model.body("hand").id
        position = self.site(fields, "grip")
        # MuJoCo gives a body's spatial velocity at its tree's centre of mass: rotation first.
        turning, moving = jnp.split(fields["cvel"][hand], 2)
        arm = position - fields["subtree_com"][model.body_rootid[hand]]
        return jnp.concatenate([position, moving + jnp.cross(turning, arm)])


def _addresses(model: mujoco.MjModel, *joints: str) -> np.ndarray:
    return np.array([model.joint(name).qposadr[0] for name in joints])


def arm_model(add: Callable[[mujoco.MjSpec], None] | None = None) -> mujoco.MjModel:
    """The Panda on its table, with what `add` puts there; a control step has 25 substeps of 0.002 s."""
    spec = mujoco.MjSpec.from_string(
        (importlib.resources.files("envs") / "assets" / "panda.xml").read_text(encoding="utf-8")
    )
    add_checks(spec, "floor", 0.1)
    if add is not None:
        add(spec)
    return compile_model(spec, _TIMESTEP)


def add_cube(spec: mujoco.MjSpec) -> None:
    """A cube of 6 cm and 0.216 kg that lies on the table and can be touched by fingers and hand."""
    cube = spec.worldbody.add_body(name="cube", pos=(*TABLE, CUBE))
    cube.add_freejoint(name="cube")
    cube.add_geom(
        name="cube",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=(CUBE, CUBE, CUBE),
        density=1000,
        contype=0,
        conaffinity=0,
        rgba=(0.9, 0.35, 0.2, 1),
    )
    touch(spec, "cube", "floor", "hand", "left_finger", "right_finger")


def touch(spec: mujoco.MjSpec, geom: str, *others: str) -> None:
    """Lets a geom collide with others."""
    for other in others:
        spec.add_pair(geomname1=geom, geomname2=other)


def in_box(u: Float[Array, "2"], middle: tuple[float, float], half: float) -> Float[Array, "2"]:
    """A point of the square of side 2 `half` around `middle`, m, for `u` uniform in [0, 1)."""
    return jnp.asarray(middle, u.dtype) + half * (2 * u - 1)
