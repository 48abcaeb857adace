"""Networks whose matrix products are of bfloat16 numbers."""

from collections.abc import Iterator
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp

from ._dense import Dense
from ._ensemble import Ensemble
from ._stacked import Stacked

Network = TypeVar("Network")

_NORMS = (eqx.nn.LayerNorm, eqx.nn.RMSNorm)  # their weights multiply number by number, in any shape


def in_bfloat16(network: Network) -> Network:
    """The same network with the weight of every `Dense` in bfloat16: products on fast units, of half the bytes.

    Biases, norms and what layers hand on stay as they are, and so do the products' sums. Differentiable: gradients of
    the network given are in its own types, so that an optimiser keeps full precision.

    `ValueError` for a network that would stay in full precision, wholly or in part: without any `Dense`, or with
    floating-point arrays of two or more axes besides (the axis of `Stacked` and that of `Ensemble` not counted).
    """
    accepted = "in_bfloat16 takes networks whose matrices are all weights of nets.Dense"
    for owner in _others(network, type(network), 0):
        raise ValueError(f"{accepted}; {owner.__name__} has others.")
    modules, treedef = jax.tree.flatten(network, is_leaf=_is_dense)
    if not any(map(_is_dense, modules)):
        raise ValueError(f"{accepted}; {type(network).__name__} has none.")
    return jax.tree.unflatten(treedef, [_cast(module) if _is_dense(module) else module for module in modules])


def _is_dense(module: Any) -> bool:
    return isinstance(module, Dense)


def _cast(dense: Dense) -> Dense:
    return eqx.tree_at(lambda dense: dense.weight, dense, dense.weight.astype(jnp.bfloat16))


def _others(node: Any, owner: type, stacked: int) -> Iterator[type]:
    """The module types that hold matrices besides weights of `Dense`; `stacked` axes of each array are not counted."""
    if eqx.is_inexact_array(node):
        if node.ndim - stacked >= 2:
            yield owner
        return
    if isinstance(node, (Dense, *_NORMS)):
        return
    if isinstance(node, eqx.Module):
        owner = type(node)
    stacked += isinstance(node, Stacked | Ensemble)
    for child in jax.tree.leaves(node, is_leaf=lambda x: x is not node):
        if child is not node:
            yield from _others(child, owner, stacked)
