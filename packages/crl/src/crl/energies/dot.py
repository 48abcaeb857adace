"""Inner products as energies."""

from jaxtyping import Array, Float


def dot(phi: Float[Array, "n embedding"], psi: Float[Array, "m embedding"]) -> Float[Array, "n m"]:
    """Inner products phi_i . psi_j, the energy of Eysenbach et al. 2022 (arXiv 2206.07568)."""
    return phi @ psi.T
