"""Updates in a row, as one loop on the device."""

from collections.abc import Callable
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from ._algorithm import Mean, Metrics

State = TypeVar("State")


def summed(metrics: Metrics) -> dict[str, Mean]:
    """The metrics of one update as sums with counts."""
    return {
        name: value if isinstance(value, Mean) else Mean(value, jnp.ones_like(value)) for name, value in metrics.items()
    }


def repeat(
    update: Callable[[State, Int[Array, ""]], tuple[State, Metrics]],
    state: State,
    totals: dict[str, Mean],
    first: Int[Array, ""],
    updates: Int[Array, ""],
    together: str | None = None,
) -> tuple[State, dict[str, Mean], Int[Array, ""]]:
    """Applies `update` to a state `updates` times, or until a metric is not finite.

    The number is traced: one program serves every number, and n updates equal 1 + ... + 1, bit for bit.

    Args:
        update: of a state, with the number of the update.
        state: may hold leaves that are no arrays, which no update changes.
        totals: to which the metrics are added.
        first: the number of the first update.
        updates: how many.
        together: the name of an axis of `jax.vmap` along which all stop when one does.

    Returns:
        The state, the totals and how many updates were made; the one that is not finite is among them.
    """
    arrays, static = eqx.partition(state, eqx.is_array)

    def more(carry) -> Bool[Array, ""]:
        _, _, done, finite = carry
        return (done < updates) & finite

    def one(carry):
        arrays, totals, done, _ = carry
        state, metrics = update(eqx.combine(arrays, static), first + done)
        found = summed(metrics)
        finite = jnp.all(jnp.isfinite(jnp.stack([value.total for value in found.values()])))
        if together:  # the same for all, else `vmap` would copy all parameters in every update
            finite = jax.lax.pmin(finite.astype(jnp.int32), together) > 0
        totals = jax.tree.map(jnp.add, totals, found)
        return eqx.filter(state, eqx.is_array), totals, done + 1, finite

    arrays, totals, done, _ = jax.lax.while_loop(more, one, (arrays, totals, jnp.int32(0), jnp.bool_(True)))
    return eqx.combine(arrays, static), totals, done
