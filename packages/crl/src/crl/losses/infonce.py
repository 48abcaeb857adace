"""Forward InfoNCE: which of the goals of a batch belongs to a state and an action?"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def infonce(logits: Float[Array, "batch batch"], logsumexp_penalty: float = 0.1) -> Float[Array, ""]:
    """Forward InfoNCE with a penalty on the partition function: the paper's critic loss (section 3, table 7).

    Row i holds the energies of (state, action) i with every goal j; goal i is the true one:
    mean_i(logsumexp_j logits_ij - logits_ii) + penalty * mean_i((logsumexp_j logits_ij)^2).
    Raises ValueError for a penalty that is no number.
    """
    if isinstance(logsumexp_penalty, bool) or not isinstance(logsumexp_penalty, int | float):
        raise ValueError(f"`logsumexp_penalty` of infonce must be a number; got {logsumexp_penalty!r}.")
    log_partition = jax.nn.logsumexp(logits, axis=1)
    penalty = jnp.asarray(logsumexp_penalty, logits.dtype) * jnp.mean(log_partition**2)
    return jnp.mean(log_partition - jnp.diagonal(logits)) + penalty
