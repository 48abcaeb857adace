"""Future states with geometric weights (paper section 3)."""

import math

import jax.numpy as jnp
from jaxtyping import Array, Int, UInt32

from .._goal_law import AbstractGoalLaw
from .._numbers import real


class Geometric(AbstractGoalLaw):
    """The goal of step i is step i + k, where P(k) is proportional to discount^k, 1 <= k <= steps left.

    This is the discounted state-occupancy measure cut at the end of the episode and renormalised, drawn by
    inverting its distribution function: one uniform number and O(1) work a sample. Source: Eysenbach et al. 2022
    (arXiv 2206.07568), section 4; the reference draws the same law from a T x T table.
    """

    discount: float

    def __init__(self, discount: float = 0.99):
        """`discount` lies strictly between 0 and 1; else `ValueError`."""
        accepted = "a float strictly between 0 and 1"
        self.discount = real(discount, "`discount` of Geometric", accepted, lambda x: 0 < x < 1)

    @property
    def outside(self) -> frozenset[int]:
        return frozenset()

    def __call__(self, left: Int[Array, ""], bits: UInt32[Array, "2"]) -> Int[Array, ""]:
        u = (bits[0] >> 8).astype(float) * 2.0**-24
        # From the number the user wrote: a discount near 1 rounds to 1 in float32, its logarithm to nothing.
        log_discount = jnp.asarray(math.log(self.discount), u.dtype)
        within = -jnp.expm1(left.astype(u.dtype) * log_discount)  # 1 - discount^R, the mass of 1..R
        k = jnp.ceil(jnp.log1p(-u * within) / log_discount).astype(left.dtype)
        # In float32 the two ends round to 0 (u = 0) and R + 1 (u near 1).
        return jnp.minimum(jnp.maximum(k, 1), left)
