"""Trainers of chosen sizes, and batches of chosen steps."""

import jax.numpy as jnp
from jaxtyping import Array, Float

import crl
import envs
from crl.data.online import Online
from crl.goals.geometric import Geometric

OF_DATA = ("num_envs", "unroll", "capacity_per_env", "prefill_per_env", "replay_bits", "warm_up")


def trainer(
    env: envs.AbstractEnv,
    algorithm: crl.AbstractAlgorithm,
    goals: crl.AbstractGoalLaw | None = None,
    of: type[crl.Trainer] = crl.Trainer,
    **sizes,
) -> crl.Trainer:
    """A trainer on its own experience; sizes of the data and of the trainer by name, the rest as they default."""
    data = Online(**{name: sizes.pop(name) for name in OF_DATA if name in sizes})
    return of(env, algorithm, data, Geometric() if goals is None else goals, **sizes)


def batch(
    obs: Float[Array, "batch obs"], action: Float[Array, "batch action"], goal: Float[Array, "batch goal"]
) -> crl.Batch:
    """A batch of single steps, each with one goal, a step ahead."""
    size, none = len(obs), jnp.zeros_like(goal)
    return crl.Batch(
        obs=jnp.stack([obs, obs], axis=1),
        action=action[:, None],
        valid=jnp.ones((size, 1), bool),
        terminated=jnp.zeros((size, 1), bool),
        achieved=none[:, None],
        reached=jnp.zeros((size, 1), bool),
        goal=goal,
        actor_goal=None,
        goal_sequence=goal[:, None],
        offset=jnp.ones(size, jnp.int32),
        left=jnp.ones(size, jnp.int32),
        fell=jnp.zeros(size, bool),
        other=none,
        commanded=none,
    )
