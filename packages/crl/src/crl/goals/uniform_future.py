"""Future states, all equally likely."""

import jax.numpy as jnp
from jaxtyping import Array, Int, UInt32

from .._goal_law import AbstractGoalLaw


class UniformFuture(AbstractGoalLaw):
    """Any later step of the same episode: k uniform on 1..R.

    "future" of hindsight experience replay (Andrychowicz et al. 2017, arXiv 1707.01495, section 4.5) and the goals of
    GCSL (Ghosh et al. 2021, arXiv 1912.06088).
    """

    @property
    def outside(self) -> frozenset[int]:
        return frozenset()

    def __call__(self, left: Int[Array, ""], bits: UInt32[Array, "2"]) -> Int[Array, ""]:
        # The modulus is off by less than R / 2^32.
        k = 1 + (bits[0] % jnp.maximum(left, 1).astype(jnp.uint32)).astype(left.dtype)
        return jnp.minimum(k, left)
