"""The residual block of the paper."""

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from ._block import AbstractBlock
from ._layer import Layer, draw_layers, swish
from ._normalise import Activation


class ResidualBlock(AbstractBlock):
    """`x + layer_n(... layer_1(x))`: the skip joins after the last activation and passes no norm (figure 2).

    Attributes:
        body: the layers, each [width] to [width].
        layers: their number.
    """

    body: tuple[Layer, ...]
    layers: int = eqx.field(static=True)

    def __init__(
        self, width: int, layers: int = 4, activation: Activation = swish, norm: bool = True, *, key: PRNGKeyArray
    ):
        """`width` and `layers` are integers >= 1; else `ValueError`. `activation` and `norm` as in `Layer`."""
        self.body = draw_layers("ResidualBlock", width, layers, activation, norm, key)
        self.layers = len(self.body)

    def __call__(self, x: Float[Array, " width"]) -> Float[Array, " width"]:
        """Maps `x`, [width], to [width]."""
        y = x
        for layer in self.body:
            y = layer(y)
        return x + y
