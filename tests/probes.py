"""Environments of one number whose best policies are known: each isolates one thing that an algorithm must get right.

All have the same sizes, so that one compiled program of an algorithm serves all of them.
"""

from dataclasses import dataclass
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

import crl
import envs

ENVS, STEPS = 64, 48


class _Engine(envs.AbstractEngine):
    """Moves qpos[0] by the control times qpos[1]."""

    name: str = "probe"
    control_step: float = 1.0

    def advance(self, physics, ctrl, fresh):
        moved = physics.qpos.at[0].add(ctrl[0] * physics.qpos[1])
        qpos = jnp.where(fresh, physics.qpos, moved)
        return envs.Physics(qpos, physics.qvel, physics.qacc_warmstart), {}, jnp.zeros((), bool)


class Probe(envs.AbstractPositionGoalEnv):
    """A place x on a line and a sense s = +-1: an action a in [-1, 1] leads to x + s a. Goals are places."""

    engine: envs.AbstractEngine = _Engine()
    maze: None = eqx.field(static=True, default=None)
    episode_length: int = eqx.field(static=True, default=1)
    threshold: float = eqx.field(static=True, default=0.25)
    action_size: int = eqx.field(static=True, default=1)
    starts: float = eqx.field(static=True, default=0.0)
    """Episodes start at U(-starts, starts)."""
    turned: bool = eqx.field(static=True, default=False)
    """Whether s is drawn; else it is 1."""
    asked: tuple[float, float] = eqx.field(static=True, default=(-1.0, 1.0))
    """Range of the commanded goals."""

    def start(self, key):
        x, s, goal = jr.uniform(key, (3,))
        sense = jnp.where(self.turned & (s < 0.5), -1.0, 1.0)
        low, high = self.asked
        place = self.starts * (2 * x - 1)
        return jnp.stack([place, sense]), jnp.zeros(2), (low + (high - low) * goal)[None]

    def observe(self, physics, fields):
        return physics.qpos

    def control(self, action):
        return action

    def achieved_goal(self, physics, fields):
        return physics.qpos[:1]

    def is_terminal(self, physics, fields):
        return jnp.zeros((), bool)

    @property
    def viewpoint(self):
        return envs.Viewpoint()


@dataclass(frozen=True)
class Answer:
    """What is known of a probe: the best action in a state for a goal, or which of two goals is nearer."""

    obs: tuple[float, float]
    goal: float
    action: float | None = None
    nearer_than: float | None = None


PROBES: dict[str, tuple[Probe, tuple[Answer, ...]]] = {
    # One step from the start: the place that is asked for is the action; what lies beyond one step is farther.
    "one step": (
        Probe(),
        (
            Answer((0.0, 1.0), 0.6, action=0.6),
            Answer((0.0, 1.0), -0.6, action=-0.6),
            Answer((0.0, 1.0), 0.5, nearer_than=3.0),
        ),
    ),
    # The same action leads right or left, as the observation says.
    "action decides": (
        Probe(turned=True),
        (
            Answer((0.0, 1.0), 0.6, action=0.6),
            Answer((0.0, -1.0), 0.6, action=-0.6),
            Answer((0.0, -1.0), -0.6, action=0.6),
        ),
    ),
    # Goals farther away take longer, and are worth less.
    "discounting": (
        Probe(starts=2.0, episode_length=6),
        (
            Answer((0.0, 1.0), 0.5, nearer_than=2.5),
            Answer((1.0, 1.0), 0.5, nearer_than=-1.5),
            Answer((-1.0, 1.0), 1.0, action=1.0),
        ),
    ),
    # No commanded goal was ever reached: what is known of goals comes from relabelling.
    "goal relabelling": (
        Probe(asked=(50.0, 60.0), episode_length=3),
        (Answer((0.0, 1.0), 0.6, action=0.6), Answer((0.0, 1.0), -0.6, action=-0.6)),
    ),
    # Every third step is the last one of its episode, and asked for are goals two steps away. A time limit is not
    # death: what would have come next counts (that returns are bootstrapped there is tested by their formula, too).
    "time limit is not death": (
        Probe(starts=2.0, episode_length=3),
        (Answer((-1.0, 1.0), 1.0, action=1.0), Answer((1.0, 1.0), -1.0, action=-1.0)),
    ),
}


@cache
def replay(name: str) -> crl.Replay:
    """Episodes of a probe under uniform actions, the same for every algorithm."""
    env = PROBES[name][0]
    episodes, policy = envs.Episodes(env), envs.UniformPolicy(env.action_size)

    @jax.jit
    def filled(key):
        start, act = jr.split(key)
        state = episodes.reset(jr.split(start, ENVS))
        seen = envs.rollout(episodes, state, policy, (), STEPS, jr.split(act, ENVS))[2]
        return crl.Replay.empty(STEPS, ENVS, env.obs_size, env.action_size, env.goal_size).add(seen)

    return filled(jr.key(0))
