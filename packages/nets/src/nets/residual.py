"""The residual block of the paper."""

import equinox as eqx
import jax
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from ._block import AbstractBlock
from ._check import integer
from ._layer import Activation, Layer, swish


class ResidualBlock(AbstractBlock):
    """`x + layer_n(... layer_1(x))`: the skip joins after the last activation and passes no norm (figure 2).

    Attributes:
        body: the layers, each [width] to [width].
        layers: their number.
    """

    body: tuple[Layer, ...]
    layers: int = eqx.field(static=True)

    def __init__(self, width: int, layers: int = 4, activation: Activation = swish, *, key: PRNGKeyArray):
        """`width` and `layers` are integers >= 1; else `ValueError`. `activation` as in `Layer`."""
        width = integer("ResidualBlock", "width", width, 1)
        self.layers = integer("ResidualBlock", "layers", layers, 1)
        # Drawn side by side, which gives the same numbers and a fourth of the program to compile.
        keys = jr.split(key, self.layers)
        drawn = eqx.filter_vmap(lambda k: Layer(width, width, activation, key=k))(keys)
        self.body = tuple(jax.tree.map(lambda a, i=i: a[i], drawn) for i in range(self.layers))

    def __call__(self, x: Float[Array, " width"]) -> Float[Array, " width"]:
        """Maps `x`, [width], to [width]."""
        y = x
        for layer in self.body:
            y = layer(y)
        return x + y
