"""Gymnasium's humanoid on an open plane."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import mujoco
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from envs._arguments import check_count, check_length
from envs._engine import engine as build_engine
from envs._maze import Maze
from envs._mjcf import add_walls, cap_contacts, compile_model, gymnasium_spec, spread_floor
from envs._physics import AbstractEngine, Fields, Physics
from envs._position_goal import AbstractPositionGoalEnv
from envs._viewpoint import Viewpoint

FRAME_SKIP = 10
FIELDS = ("cinert", "cvel", "qfrc_actuator")
"""What a humanoid's observation needs of the engine."""
GOAL_HEIGHT = 1.25  # m
_TIMESTEP = 0.003  # s; a control step is 0.03 s
_HEIGHT = 1.4  # m, of the torso at the start
_HEALTHY = (1.0, 2.0)  # m, of the torso's height


class AbstractHumanoid(AbstractPositionGoalEnv):
    """What tasks with a humanoid share: observation, action, and the fall.

    Observation (278): `qpos` (24), `qvel` (23), `cinert` (130), `cvel` (78) of the 13 bodies,
    `qfrc_actuator` (23). It is the paper's recipe without the target body, whose rows would show the
    commanded goal. Action (17): joint torques, [-1, 1] scaled to the model's control range. Goal (3): x, y,
    z of the torso, m; z is 1.25. An episode ends when the torso's height leaves [1, 2] m. The bodies, gears
    and control range are Gymnasium's, on MuJoCo; the paper's are other ones, on another engine, so its
    scores are no exact target.
    """

    def observe(self, physics: Physics, fields: Fields) -> Float[Array, "278"]:
        of_bodies = [fields[name][1:].ravel() for name in ("cinert", "cvel")]  # row 0 is the world
        return jnp.concatenate([physics.qpos, physics.qvel, *of_bodies, fields["qfrc_actuator"]])

    def control(self, action: Float[Array, "17"]) -> Float[Array, "17"]:
        low, high = jnp.asarray(self.engine.model.actuator_ctrlrange, action.dtype).T
        return low + (action + 1) * 0.5 * (high - low)

    def achieved_goal(self, physics: Physics, fields: Fields) -> Float[Array, "3"]:
        del fields
        return physics.qpos[:3]

    def is_terminal(self, physics: Physics, fields: Fields) -> Bool[Array, ""]:
        del fields
        low, high = _HEALTHY
        return ~((physics.qpos[2] >= low) & (physics.qpos[2] <= high))

    @property
    def viewpoint(self) -> Viewpoint:
        """A maze from above; on the open plane the camera follows the humanoid and the goal."""
        return Viewpoint() if self.maze is None else Viewpoint.above(self.maze)

    def stance(self, dtype: jnp.dtype) -> Float[Array, "24"]:
        """`qpos` upright above the origin."""
        model = self.engine.model
        return jnp.asarray(model.qpos0, dtype).at[model.joint("root").qposadr[0] + 2].set(_HEIGHT)


class Humanoid(AbstractHumanoid):
    """A humanoid that has to bring its torso to a goal 1 to 5 m away in any direction.

    Start: upright at the origin, at rest, without noise. Control step 0.03 s.
    """

    engine: AbstractEngine
    maze: None = eqx.field(static=True)
    episode_length: int = eqx.field(static=True)
    threshold: float = eqx.field(static=True)
    action_size: int = eqx.field(static=True)
    distances: tuple[float, float] = eqx.field(static=True)
    """Range of the goals' horizontal distance from the origin, m."""

    def __init__(
        self,
        engine: str = "auto",
        episode_length: int = 1000,
        threshold: float = 0.5,
        nearest: float = 1.0,
        farthest: float = 5.0,
    ):
        """**Arguments**
        - `engine`: see `envs.engine`.
        - `episode_length`: control steps of 0.03 s.
        - `threshold`: distance in three dimensions at which a goal is reached, m.
        - `nearest`, `farthest`: range of the goals' horizontal distance, m; drawn uniformly.
        """
        model = humanoid_model()
        self.engine = build_engine(model, FRAME_SKIP, FIELDS, engine)
        self.maze = None
        self.episode_length = check_count("episode_length", episode_length)
        self.threshold = check_length("threshold", threshold)
        nearest, farthest = check_length("nearest", nearest), check_length("farthest", farthest)
        if nearest > farthest:
            raise ValueError(f"`nearest` is {nearest} m, which is more than `farthest`, {farthest} m.")
        self.distances = nearest, farthest
        self.action_size = model.nu

    def start(self, key: PRNGKeyArray) -> tuple[Float[Array, "24"], Float[Array, "23"], Float[Array, "3"]]:
        u, angle = jr.uniform(key, (2,))
        nearest, farthest = self.distances
        r, a = nearest + (farthest - nearest) * u, 2 * jnp.pi * angle
        goal = jnp.stack([r * jnp.cos(a), r * jnp.sin(a), jnp.full_like(r, GOAL_HEIGHT)])
        qpos = self.stance(u.dtype)
        return qpos, jnp.zeros(qpos.size - 1, qpos.dtype), goal


def humanoid_model(maze: Maze | None = None, timestep: float = _TIMESTEP) -> mujoco.MjModel:
    """Gymnasium's humanoid, between the walls of `maze` if there is one; a control step is 10 substeps."""
    spec = gymnasium_spec("humanoid")
    if maze is not None:
        cap_contacts(spec)
        add_walls(spec, maze)
        spread_floor(spec, maze)
    return compile_model(spec, timestep)
