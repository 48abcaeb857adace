"""Principal components: the plane in which vectors differ most."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Plane(NamedTuple):
    """The two directions of largest variance of some vectors, through their mean.

    Attributes:
        mean: of the vectors.
        axes: two orthogonal unit vectors, that of larger variance first.
        shares: of the variance that lies along each.
    """

    mean: Float[np.ndarray, " embedding"]
    axes: Float[np.ndarray, "2 embedding"]
    shares: Float[np.ndarray, "2"]

    def project(self, vectors: Float[np.ndarray, "*n embedding"]) -> Float[np.ndarray, "*n 2"]:
        """Coordinates of vectors in the plane."""
        return (vectors - self.mean) @ self.axes.T


def principal_plane(vectors: Float[np.ndarray, "n embedding"]) -> Plane:
    """The plane of some vectors; `ValueError` for fewer than three, or of fewer than two numbers each."""
    if min(len(vectors) - 1, vectors.shape[1]) < 2:
        raise ValueError(f"A plane needs three vectors of two numbers at least; got shape {vectors.shape}.")
    mean = vectors.mean(axis=0)
    _, lengths, axes = np.linalg.svd(vectors - mean, full_matrices=False)
    return Plane(mean, axes[:2], lengths[:2] ** 2 / max(float(np.sum(lengths**2)), np.finfo(float).tiny))
