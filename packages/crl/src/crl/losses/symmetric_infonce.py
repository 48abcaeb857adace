"""InfoNCE over goals and over states at once."""

from jaxtyping import Array, Float

from .infonce import infonce


def symmetric_infonce(logits: Float[Array, "batch batch"], logsumexp_penalty: float = 0.1) -> Float[Array, ""]:
    """The mean of `infonce` over rows (which goal?) and over columns (which state and action?)."""
    return (infonce(logits, logsumexp_penalty) + infonce(logits.T, logsumexp_penalty)) / 2
