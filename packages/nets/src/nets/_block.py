"""What a block type must be: the contract of `Stacked` and `ResidualMLP`."""

from abc import abstractmethod

import equinox as eqx
from jaxtyping import Array, Float


class AbstractBlock(eqx.Module):
    """One block of a residual network; a new type is one file with one final subclass.

    `Block(width, key=key)` builds it and `block(x)` maps one example to another of the same shape.

    Attributes:
        layers: the Dense layers in it, by which the paper counts depth.
    """

    layers: eqx.AbstractVar[int]

    @abstractmethod
    def __call__(self, x: Float[Array, " width"]) -> Float[Array, " width"]:
        """Maps `x`, [width], to [width]."""
