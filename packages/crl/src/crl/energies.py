"""Energies f(s, a, g): how well two embeddings match, larger is nearer. One function each, named in a gin file."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def l2(phi: Float[Array, " embedding"], psi: Float[Array, " embedding"]) -> Float[Array, ""]:
    """Negative Euclidean distance, -||phi - psi||: the paper's energy (its text omits the sign).

    The square root is guarded: at phi == psi the value is 0 and the gradient 0, where the plain formula gives NaN.
    """
    square = jnp.sum((phi - psi) ** 2)
    apart = square > 0
    # The double `where` keeps the infinite slope of sqrt at 0 out of the backward pass as well.
    return -jnp.where(apart, jnp.sqrt(jnp.where(apart, square, 1)), 0)


def dot(phi: Float[Array, " embedding"], psi: Float[Array, " embedding"]) -> Float[Array, ""]:
    """Inner product phi . psi, the energy of Eysenbach et al. 2022 (arXiv 2206.07568)."""
    return jnp.vdot(phi, psi)
