"""One of several laws, drawn anew for every step."""

import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, UInt32

from .._goal_law import AbstractGoalLaw
from .._numbers import real

_LEVELS = 2**24  # integers that float32 holds exactly


class Mixture(AbstractGoalLaw):
    """Law i with probability `weights[i]`, to within 2^-24.

    Hindsight experience replay with k = 4 is `Mixture((UniformFuture(), Commanded()), (0.8, 0.2))` (Andrychowicz et
    al. 2017, arXiv 1707.01495); OGBench's datasets mix current, future and random goals (arXiv 2410.20092, table 9).

    Attributes:
        laws: may be mixtures themselves.
        weights: of each law; they are positive and sum to 1.
    """

    laws: tuple[AbstractGoalLaw, ...]
    weights: tuple[float, ...]

    def __init__(self, laws: Sequence[AbstractGoalLaw], weights: Sequence[float]):
        """Raises `ValueError` for anything but as many positive weights as laws, with the sum 1."""
        parts = tuple(laws) if isinstance(laws, list | tuple) else ()
        if not parts or not all(isinstance(law, AbstractGoalLaw) for law in parts):
            raise ValueError(f"`laws` of Mixture must be laws of goals, such as (Geometric(), Random()); got {laws!r}.")
        accepted = f"{len(parts)} positive numbers with the sum 1"
        if not isinstance(weights, list | tuple):
            raise ValueError(f"`weights` of Mixture must be {accepted}; got {weights!r}.")
        plain = tuple(real(weight, "`weights` of Mixture", accepted) for weight in weights)
        if len(plain) != len(parts) or not all(weight > 0 for weight in plain) or abs(math.fsum(plain) - 1) > 1e-6:
            raise ValueError(f"`weights` of Mixture must be {accepted}; got {plain!r}.")
        self.laws, self.weights = parts, plain

    @property
    def outside(self) -> frozenset[int]:
        return frozenset().union(*(law.outside for law in self.laws))

    def __call__(self, left: Int[Array, ""], bits: UInt32[Array, "2"]) -> Int[Array, ""]:
        ends = np.rint(np.cumsum(self.weights) * _LEVELS).astype(np.int64)
        ends[-1] = _LEVELS
        choice, offset = bits[1] >> 8, jnp.zeros_like(left)
        for law, first, end in zip(self.laws, (0, *ends[:-1]), ends, strict=True):
            inside = (choice >= jnp.uint32(first)) & (choice < jnp.uint32(end))
            # Given that this law was chosen, its place in the interval is uniform again: a mixture inside uses that.
            place = (choice - jnp.uint32(first)).astype(jnp.float32) * jnp.float32(_LEVELS / max(end - first, 1))
            rest = jnp.minimum(place, _LEVELS - 1).astype(jnp.uint32) << 8
            offset = jnp.where(inside, law(left, jnp.stack([bits[0], rest])), offset)
        return offset
