"""The arm carries a cube from one bin to another."""

from functools import partial

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import mujoco
from jaxtyping import Array, Float, PRNGKeyArray

from envs._arguments import check_choice, check_count, check_length
from envs._engine import engine as build_engine
from envs._physics import AbstractEngine
from envs.arm import CUBE, FIELDS, FRAME_SKIP, add_cube, arm_model, in_box, touch
from envs.arm_push import AbstractCubeTask

# Distance of the bins from the middle of the table, half the side of the square in which cube and goal lie, half the
# side of a bin, m. The easy cube's square is not quite in the middle of its bin, as in the paper.
_BINS = {"easy": (0.17, 0.09, 0.14), "hard": (0.3, 0.15, 0.19)}
_EASY_START = -0.15
_Y = 0.6  # m
_WALL = (0.005, 0.033)  # m, half its thickness and half its height
_COLOURS = ((0.26, 0.45, 0.75, 1.0), (0.2, 0.62, 0.5, 1.0))


class ArmBinpick(AbstractCubeTask):
    """An arm that has to lift a cube out of one bin and put it into another.

    The walls are 6.6 cm high, a little more than the cube; fingers and hand touch them too (in the reference's easy
    task they pass through).
    """

    engine: AbstractEngine
    maze: None = eqx.field(static=True)
    episode_length: int = eqx.field(static=True)
    threshold: float = eqx.field(static=True)
    action_size: int = eqx.field(static=True)
    level: str = eqx.field(static=True)

    def __init__(self, level: str = "easy", engine: str = "auto", episode_length: int = 1000, threshold: float = 0.1):
        """**Arguments**
        - `level`: "easy", bins of 0.28 m side by side, or "hard", bins of 0.38 m with a gap of 0.22 m.
        - `engine`: see `envs.engine`.
        - `episode_length`: control steps of 0.05 s.
        - `threshold`: distance of the cube from its goal at which that is reached, m.
        """
        self.level = check_choice("`level` of ArmBinpick", level, _BINS)
        self.engine = build_engine(arm_model(partial(_add_bins, self.level)), FRAME_SKIP, FIELDS, engine)
        self.maze = None
        self.episode_length = check_count("episode_length", episode_length)
        self.threshold = check_length("threshold", threshold)
        self.action_size = 5

    def start(self, key: PRNGKeyArray) -> tuple[Float[Array, " nq"], Float[Array, " nv"], Float[Array, "3"]]:
        u = jr.uniform(key, (4,))
        at, half, _ = _BINS[self.level]
        start = _EASY_START if self.level == "easy" else -at
        qpos = self.stance(in_box(u[:2], (start, _Y), half), u.dtype)
        return qpos, jnp.zeros(self.engine.model.nv, u.dtype), jnp.append(in_box(u[2:], (at, _Y), half), CUBE)


def _add_bins(level: str, spec: mujoco.MjSpec) -> None:
    add_cube(spec)
    at, _, side = _BINS[level]
    thick, high = _WALL
    for which, x, colour in zip("ab", (-at, at), _COLOURS, strict=True):
        for k, (dx, dy) in enumerate(((0, -side), (0, side), (-side, 0), (side, 0))):
            name = f"bin_{which}_{k}"
            spec.worldbody.add_geom(
                name=name,
                type=mujoco.mjtGeom.mjGEOM_BOX,
                pos=(x + dx, _Y + dy, high),
                size=(thick if dx else side + thick, thick if dy else side - thick, high),
                contype=0,
                conaffinity=0,
                rgba=colour,
            )
            touch(spec, name, "cube", "hand", "left_finger", "right_finger")
