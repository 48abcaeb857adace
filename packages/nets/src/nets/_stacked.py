"""Depth as an array axis: blocks in sequence, in a program of the same size at any depth."""

from collections.abc import Callable
from typing import Generic, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from ._check import integer

MAX_DEPTH = 4096

Block = TypeVar("Block", bound=eqx.Module)


class Stacked(eqx.Module, Generic[Block]):
    """`depth` blocks of one kind in sequence, traced and compiled once whatever their number:

        for block in blocks:
            x = block(x)

    `remat` chooses what the forward pass keeps for the backward pass; values and gradients are the same
    (Chen et al. 2016, "Training deep nets with sublinear memory cost"):

    - 0: all that the blocks themselves keep (of a `Layer`, the input and the output of its Dense).
    - 1: the input of each block; each block is recomputed once.
    - k: the input of each k-th block; k-blocks are recomputed once as a whole and once more each on its own.
      Memory goes with depth/k + k: least near k = sqrt(depth).

    Attributes:
        blocks: one block whose every array has a leading axis `[depth, ...]`; block i, built from key i of
            `jax.random.split(key, depth)`, is `jax.tree.map(lambda a: a[i], blocks)`.
        depth: number of blocks; 0 is the identity.
        remat: see above.
    """

    blocks: Block
    depth: int = eqx.field(static=True)
    remat: int = eqx.field(static=True)

    def __init__(self, block: Callable[..., Block], depth: int, remat: int = 0, *, key: PRNGKeyArray):
        """`block(key=key)` builds one block, a module that maps an example to another of the same shape.

        `ValueError` unless 0 <= depth <= 4096 and `remat` is 0 or a divisor of `depth`.
        """
        self.depth = integer("Stacked", "depth", depth, 0, MAX_DEPTH)
        self.remat = integer("Stacked", "remat", remat, 0)
        if self.remat and self.depth % self.remat:
            divisors = [k for k in range(1, self.depth + 1) if self.depth % k == 0]
            raise ValueError(
                f"`remat` of a stack of {self.depth} blocks must be 0 or one of {divisors}; got {self.remat}."
            )
        self.blocks = eqx.filter_vmap(lambda k: block(key=k))(jr.split(key, self.depth))

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Maps one example through all blocks; its shape stays."""
        params, static = eqx.partition(self.blocks, eqx.is_array)

        def one(x, p):
            return eqx.combine(p, static)(x), None

        def many(x, p):
            return jax.lax.scan(one, x, p)

        if self.remat == 0:
            return many(x, params)[0]
        # Inside a scan XLA cannot merge a recomputation with its original, so the costly guard is left out.
        one = jax.checkpoint(one, prevent_cse=False)
        if self.remat == 1:
            return many(x, params)[0]
        many = jax.checkpoint(many, prevent_cse=False)
        groups = (self.depth // self.remat, self.remat)
        return jax.lax.scan(many, x, jax.tree.map(lambda a: a.reshape(*groups, *a.shape[1:]), params))[0]

    def stream(self, x: Float[Array, "*shape"]) -> Float[Array, "states *shape"]:
        """What the blocks hand on: row 0 is `x`, row i what block i made of row i - 1, the last is `self(x)`."""
        params, static = eqx.partition(self.blocks, eqx.is_array)

        def one(x, p):
            y = eqx.combine(p, static)(x)
            return y, y

        return jnp.concatenate([x[None], jax.lax.scan(one, x, params)[1]])
