"""Optimisers of Optax on pytrees of networks."""

from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import PyTree

Params = TypeVar("Params")


def optimizer_or_adam(name: str, optimizer: optax.GradientTransformation | None) -> optax.GradientTransformation:
    """The optimiser given, or the paper's Adam at 3e-4.

    Args:
        name: what the user calls it, "`actor_optimizer` of ContrastiveRL".
        optimizer: `None` for the default.

    Raises:
        ValueError: it is none, or cannot update a number.
    """
    if optimizer is None:
        return optax.adam(3e-4)
    if not isinstance(optimizer, optax.GradientTransformation):
        raise ValueError(f"{name} must be an optax optimiser (in gin: @optax.adam()); got {optimizer!r}.")
    number = jnp.zeros(())
    try:  # optax takes any value for a learning rate and the like, and fails where it is used
        eqx.filter_eval_shape(lambda: apply_optimizer(optimizer, number, optimizer.init(number), number))
    except Exception as e:
        raise ValueError(
            f"{name} cannot update a number; is one of its arguments, such as `learning_rate`, no number? "
            f"({type(e).__name__}: {e})"
        ) from e
    return optimizer


def apply_optimizer(
    optimizer: optax.GradientTransformation, grads: PyTree, state: optax.OptState, params: Params
) -> tuple[Params, optax.OptState]:
    """One optimiser step; leaves of `params` that are not arrays pass through."""
    with jax.numpy_dtype_promotion("standard"):  # optax's bias correction raises a float to an integer count
        updates, state = optimizer.update(grads, state, eqx.filter(params, eqx.is_array))
    return eqx.apply_updates(params, updates), state
