"""Goals achieved anywhere in the data."""

import jax.numpy as jnp
from jaxtyping import Array, Int, UInt32

from .._goal_law import OTHER, AbstractGoalLaw


class Random(AbstractGoalLaw):
    """What any stored state achieves, of any episode and environment (OGBench's `p_randomgoal`, arXiv 2410.20092)."""

    @property
    def outside(self) -> frozenset[int]:
        return frozenset({OTHER})

    def __call__(self, left: Int[Array, ""], bits: UInt32[Array, "2"]) -> Int[Array, ""]:
        del bits
        return jnp.full_like(left, OTHER)
