"""Policies that have learned nothing, to compare an agent with or to see what a task looks like."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from envs import AbstractEnv, Policy, UniformPolicy


class ZeroPolicy(eqx.Module):
    """Every action is zero: no force for a walker, the middle of its range for a servo."""

    action_size: int = eqx.field(static=True)

    def __call__(
        self, obs: Float[Array, " obs"], goal: Float[Array, " goal"], key: PRNGKeyArray | None
    ) -> Float[Array, " action"]:
        """Zeros."""
        return jnp.zeros(self.action_size)


def baselines(env: AbstractEnv) -> dict[str, Policy]:
    """Policies that know nothing of the goal, by name: `random` (uniform actions) and `zero`."""
    return {"random": UniformPolicy(env.action_size), "zero": ZeroPolicy(env.action_size)}
