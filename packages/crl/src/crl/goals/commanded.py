"""The goal that the episode was after."""

import jax.numpy as jnp
from jaxtyping import Array, Int, UInt32

from .._goal_law import COMMANDED, AbstractGoalLaw


class Commanded(AbstractGoalLaw):
    """What the policy that made the data was asked for: no relabelling."""

    @property
    def outside(self) -> frozenset[int]:
        return frozenset({COMMANDED})

    def __call__(self, left: Int[Array, ""], bits: UInt32[Array, "2"]) -> Int[Array, ""]:
        del bits
        return jnp.full_like(left, COMMANDED)
