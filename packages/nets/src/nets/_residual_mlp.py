"""The one network of the paper: actor, state-action encoder and goal encoder are all this class."""

from collections.abc import Callable
from functools import partial

import equinox as eqx
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from ._block import AbstractBlock
from ._check import integer, shown
from ._dense import Dense
from ._layer import Layer, swish
from ._normalise import Activation
from ._stacked import MAX_DEPTH, Stacked
from .residual import ResidualBlock


class ResidualMLP(eqx.Module):
    """Stem (Dense, LayerNorm, swish), residual blocks, Dense head; no norm at the end (the paper's figure 2).

    `depth` is the paper's (section 4.1): the Dense layers inside blocks, without stem and head. With the
    paper's blocks of four,

    - depth 0 is stem, head;
    - depth 4 is stem, block, head;
    - depth 1024 is stem, 256 blocks, head: 1,026 Dense layers.

    With `ResidualBlock` it has `in*W + 3*W + depth*(W*W + 3*W) + W*out + out` parameters.
    """

    stem: Layer
    blocks: Stacked[AbstractBlock]
    head: Dense

    def __init__(
        self,
        in_size: int,
        out_size: int,
        width: int = 256,
        depth: int = 4,
        block: Callable[..., AbstractBlock] = ResidualBlock,
        remat: int = 0,
        activation: Activation = swish,
        norm: bool = True,
        *,
        key: PRNGKeyArray,
    ):
        """Draws a network.

        Args:
            in_size, out_size, width: numbers of features, each >= 1.
            depth: Dense layers inside blocks, 0 to 4096, a multiple of the block's `layers`.
            block: `block(width, key=key)` builds one block.
            remat: blocks recomputed together in the backward pass, see `Stacked`; 0 keeps most memory.
            activation, norm: of the stem, as in `Layer`; blocks have their own.
            key: of all weights.

        Raises:
            ValueError: an argument is of the wrong type or out of range.
        """
        in_size = integer("ResidualMLP", "in_size", in_size, 1)
        out_size = integer("ResidualMLP", "out_size", out_size, 1)
        width = integer("ResidualMLP", "width", width, 1)
        depth = integer("ResidualMLP", "depth", depth, 0, MAX_DEPTH)
        stem_key, blocks_key, head_key = jr.split(key, 3)
        layers = layers_of(block, width, key)
        if depth % layers:
            raise ValueError(f"`depth` of ResidualMLP must be a multiple of its block's {layers} layers; got {depth}.")
        self.stem = Layer(in_size, width, activation, norm, key=stem_key)
        self.blocks = Stacked(partial(block, width), depth // layers, remat, key=blocks_key)
        self.head = Dense(width, out_size, key=head_key)

    def __call__(self, x: Float[Array, " in_size"]) -> Float[Array, " out_size"]:
        """Maps one example `x`, [in_size], to [out_size]."""
        return self.head(self.blocks(self.stem(x)))


def layers_of(block: Callable[..., AbstractBlock], width: int, key: PRNGKeyArray) -> int:
    """The `layers` of what `block` builds (no numbers are drawn); `ValueError` if that is no block."""
    factory = callable(block) and not isinstance(block, AbstractBlock)
    built = eqx.filter_eval_shape(block, width, key=key) if factory else None
    if not isinstance(built, AbstractBlock):
        raise ValueError(
            f"`block` of ResidualMLP must make a block of (width, key=key), as ResidualBlock; got {shown(block)}."
        )
    return built.layers
