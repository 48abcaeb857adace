"""A block without its skip, to see what the skip is for."""

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from ._block import AbstractBlock
from ._layer import Layer, draw_layers, swish
from ._normalise import Activation


class PlainBlock(AbstractBlock):
    """`layer_n(... layer_1(x))`: `ResidualBlock` without the skip (figure 5 of the paper).

    Where blocks lie does not matter without skips: one layer a block allows every depth.

    Attributes:
        body: the layers, each [width] to [width].
        layers: their number.
    """

    body: tuple[Layer, ...]
    layers: int = eqx.field(static=True)

    def __init__(
        self, width: int, layers: int = 1, activation: Activation = swish, norm: bool = True, *, key: PRNGKeyArray
    ):
        """`width` and `layers` are integers >= 1; else `ValueError`. `activation` and `norm` as in `Layer`."""
        self.body = draw_layers("PlainBlock", width, layers, activation, norm, key)
        self.layers = len(self.body)

    def __call__(self, x: Float[Array, " width"]) -> Float[Array, " width"]:
        """Maps `x`, [width], to [width]."""
        for layer in self.body:
            x = layer(x)
        return x
