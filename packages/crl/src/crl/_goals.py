"""Hindsight goals: which later step of the same episode a step is trained to reach (paper section 3)."""

import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ._numbers import real


class GeometricGoals(eqx.Module):
    """The goal of step i is step i + k, where P(k) is proportional to discount^k, 1 <= k <= steps left.

    This is the discounted state-occupancy measure cut at the end of the episode and renormalised, drawn by
    inverting its distribution function: one uniform number and O(1) work a sample. Source: Eysenbach et al. 2022
    (arXiv 2206.07568), section 4; the reference draws the same law from a T x T table.
    """

    discount: float

    def __init__(self, discount: float = 0.99):
        """`discount` lies strictly between 0 and 1; else `ValueError`."""
        accepted = "a float strictly between 0 and 1"
        plain = real(discount, "`discount` of GeometricGoals", accepted)
        if not 0.0 < plain < 1.0:
            raise ValueError(f"`discount` of GeometricGoals must be {accepted}; got {discount!r}.")
        self.discount = plain

    def __call__(self, u: Float[Array, ""], left: Int[Array, ""]) -> Int[Array, ""]:
        """How many steps ahead the goal lies.

        Args:
            u: uniform on [0, 1).
            left: steps left in the episode after this one, R >= 0.

        Returns:
            k in 1..R, or 0 where R = 0: an episode's last step has itself as goal.
        """
        # From the number the user wrote: a discount near 1 rounds to 1 in float32, its logarithm to nothing.
        log_discount = jnp.asarray(math.log(self.discount), u.dtype)
        within = -jnp.expm1(left.astype(u.dtype) * log_discount)  # 1 - discount^R, the mass of 1..R
        k = jnp.ceil(jnp.log1p(-u * within) / log_discount).astype(left.dtype)
        # In float32 the two ends round to 0 (u = 0) and R + 1 (u near 1).
        return jnp.minimum(jnp.maximum(k, 1), left)
