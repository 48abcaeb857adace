"""Hyperspherical normalisation in place of LayerNorm: weights and features of length 1."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from ._block import AbstractBlock
from ._by_name import ByName
from ._check import function, integer, real, shown
from ._layer import swish
from ._normalise import Activation

_TINY = 1e-12  # added to a squared length, which may be 0


class HypersphericalBlock(AbstractBlock, ByName):
    """A residual block on the unit sphere, after SimBa-v2 (Lee et al. 2025, arXiv 2502.15280); table 2 of the paper.

    With unit(v) = v / |v| of a vector, and of each column of a matrix (the weights of one output):

        h = unit(x)
        y = unit(h @ unit(weight_1))
        y = unit(activation(scale_i * y) @ unit(weight_i)) for the other layers
        return unit(h + alpha * (y - h))

    Taken from SimBa-v2: weights on the sphere, orthogonal at the start, and no biases; learned scales between
    products; the norm of what the layers give (its equation 11); the skip as an interpolation with a learned alpha for
    each feature (equation 12); how large scales and alpha are stored, which sets how fast Adam moves them (section
    4.4). Not taken: its first and last layers, its critic's distribution over returns.

    The paper says that this replaces LayerNorm, and leaves the rest open. Here the network is the paper's elsewhere:
    four layers of one width and swish, where SimBa-v2 has two layers, the inner one four times as wide, and ReLU; and
    the stem and head of `ResidualMLP`, so that x needs a norm. To give swish numbers of size 1, as LayerNorm does,
    inner products have a norm too and scales start at sqrt(width); to ReLU neither makes a difference.

    `in_bfloat16` refuses this block: its products are of its own matrices, not those of `Dense`.

    Attributes:
        weights: [layers, width, width], each [in, out], of any length: see `__call__`.
        scales: [layers - 1, width], stored as sqrt(2 / width) at the start, which stands for sqrt(width).
        alpha: [width], stored as 1 / sqrt(width) at the start.
        alpha_start: what that stands for.
        layers: their number.
    """

    weights: Float[Array, "layers width width"]
    scales: Float[Array, "inner width"]
    alpha: Float[Array, " width"]
    alpha_start: float = eqx.field(static=True)
    activation: Activation = eqx.field(static=True)
    layers: int = eqx.field(static=True)

    def __init__(
        self, width: int, layers: int = 4, activation: Activation = swish, alpha: float = 0.2, *, key: PRNGKeyArray
    ):
        """Draws a block.

        Args:
            width: number of features, >= 1.
            layers: Dense layers, >= 2: one alone would have no activation.
            activation: acts on each number.
            alpha: how far a block goes at first, in (0, 1]; SimBa-v2's is 1 / (number of blocks + 1).
            key: of the weights.

        Raises:
            ValueError: an argument is of the wrong type or out of range.
        """
        width = integer("HypersphericalBlock", "width", width, 1)
        self.layers = integer("HypersphericalBlock", "layers", layers, 2)
        self.activation = function("HypersphericalBlock", "activation", activation)
        self.alpha_start = real(alpha)
        if not 0 < self.alpha_start <= 1:
            accepted = f"must be a number above 0 and at most 1; got {shown(alpha)}"
            raise ValueError(f"`alpha` of HypersphericalBlock {accepted}.")
        self.weights = jr.orthogonal(key, width, (self.layers,))
        self.scales = jnp.full((self.layers - 1, width), math.sqrt(2 / width))
        self.alpha = jnp.full(width, 1 / math.sqrt(width))

    def __call__(self, x: Float[Array, " width"]) -> Float[Array, " width"]:
        """Maps `x`, [width] and of any length, to [width] of length 1."""
        # SimBa-v2 puts weights back on the sphere after each step, which needs the optimiser's help. Normalised where
        # they are used, they compute the same functions; but a step turns a weight less the longer it has grown.
        first, *others = _unit(self.weights, axis=1)
        width = x.size
        h = _unit(x)
        y = _unit(h @ first)
        for scale, weight in zip(self.scales * (width / math.sqrt(2)), others, strict=True):
            y = _unit(self.activation(scale * y) @ weight)
        return _unit(h + self.alpha * (self.alpha_start * math.sqrt(width)) * (y - h))


def _unit(v: Float[Array, "*shape"], axis: int = -1) -> Float[Array, "*shape"]:
    """`v` with every vector along `axis` at length 1; zeros stay, with a finite gradient."""
    return v * jax.lax.rsqrt(jnp.sum(jnp.square(v), axis, keepdims=True) + _TINY)
