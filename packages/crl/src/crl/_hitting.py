"""First hitting times: when a stored episode first reaches its relabelled goal."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from ._batch import Batch


def first_hit(batch: Batch) -> tuple[Int[Array, " batch"], Bool[Array, " batch"]]:
    """Steps until `batch.goal` is first reached, 0 for the current state, and whether it was within the lookahead.

    Where it was not, the time is when the observation was cut: the last step looked at, or the whole lookahead where
    the episode ended by a termination, for then it is known that the goal is never reached.
    """
    lookahead = batch.reached.shape[1] - 1
    observed = jnp.arange(lookahead + 1, dtype=jnp.int32)[None] <= batch.left[:, None]
    reached = batch.reached & observed
    hit = jnp.any(reached, axis=1)
    ended = batch.fell & (batch.left <= lookahead)
    censored = jnp.where(ended, lookahead, jnp.minimum(batch.left, lookahead))
    return jnp.where(hit, jnp.argmax(reached, axis=1).astype(jnp.int32), censored), hit
