"""The ant and a block that stands in its way."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import mujoco
from jaxtyping import Array, Float, PRNGKeyArray

from envs._arguments import check_count, check_length, check_range
from envs._engine import engine as build_engine
from envs._maze import Maze, pick
from envs._physics import AbstractEngine, Fields, Physics
from envs.ant import FRAME_SKIP, GEAR, AbstractAnt, Pose, ant_model

_MAZE = "11111/1R011/10MG1/11G11/11111"  # M: the block
_CELL = 8.0  # m
_BLOCK = (3.6, 3.6, 1.8)  # m, half its edges
_MASS = 1.0  # kg
_STOPPING = 0.5  # s, in which a pushed block loses 63 % of its speed
_SPREAD = 2.0  # m, of goals from a cell's centre along x and y


class AntPush(AbstractAnt):
    """An ant that has to push a block out of its way, to the side from which it does not want to go on.

    Observation (31): that of the ant (29) and the block's x, y (m). Goal (2): x, y of the torso, one of two cells
    beyond the block, its centre + U(0, 2) m. Start: the ant at a corner, as in `AntMaze`; the block at rest in the
    middle. The block of 7.2 m slides along the ground; whoever pushes it into a goal's cell cannot get there any more.
    The reference's block weighs 0.2 g and hangs on a joint along z; ours weighs 1 kg and stays on the ground.
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
        engine: str = "auto",
        episode_length: int = 1000,
        threshold: float = 0.5,
        healthy_z_range: Sequence[float] = (0.2, 1.0),
        gear: float = GEAR,
    ):
        """**Arguments**
        - `engine`: see `envs.engine`.
        - `episode_length`: control steps of 0.05 s.
        - `threshold`: distance at which a goal is reached, m.
        - `healthy_z_range`, `gear`: see `envs.Ant`.
        """
        self.maze = Maze(_MAZE, _CELL, marks="M")
        model = ant_model(self.maze, gear, _add_block)
        self.engine = build_engine(model, FRAME_SKIP, (), engine)
        self.episode_length = check_count("episode_length", episode_length)
        self.threshold = check_length("threshold", threshold)
        self.healthy_z_range = check_range("healthy_z_range", healthy_z_range)
        self.action_size = model.nu
        self._pose = Pose(model)

    def start(self, key: PRNGKeyArray) -> tuple[Float[Array, "17"], Float[Array, "16"], Float[Array, "2"]]:
        qpos, qvel, (cell, goal, dx, dy) = self._pose.draw(key, 4)
        (block,) = self.maze.centres("M")
        qpos = qpos.at[:2].add(pick(self.maze.starts, cell)).at[-2:].set(jnp.asarray(block, qpos.dtype))
        return qpos, qvel.at[-2:].set(0), pick(self.maze.goals, goal) + _SPREAD * jnp.stack([dx, dy])

    def observe(self, physics: Physics, fields: Fields) -> Float[Array, "31"]:
        del fields
        ant, block = physics.qpos[:-2], physics.qpos[-2:]  # the block's joints are the model's last
        return jnp.concatenate([ant, physics.qvel[:-2], block])

    def achieved_goal(self, physics: Physics, fields: Fields) -> Float[Array, "2"]:
        del fields
        return physics.qpos[:2]


def _add_block(spec: mujoco.MjSpec) -> None:
    spec.geom("floor").contype = 0  # the ant's geoms ask for the floor; the block does not
    block = spec.worldbody.add_body(name="block", pos=(0, 0, _BLOCK[2]))
    block.add_geom(
        name="block",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=_BLOCK,
        mass=_MASS,
        contype=0,
        conaffinity=1,
        rgba=(0.9, 0.35, 0.2, 1),
    )
    for name, axis in (("block_x", (1, 0, 0)), ("block_y", (0, 1, 0))):
        block.add_joint(
            name=name,
            type=mujoco.mjtJoint.mjJNT_SLIDE,
            axis=axis,
            damping=_MASS / _STOPPING,
            armature=0,
            limited=mujoco.mjtLimited.mjLIMITED_FALSE,
        )
