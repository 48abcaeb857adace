"""How much of a task's space some states cover."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Coverage(NamedTuple):
    """States counted in squares of the plane of a goal's first two numbers.

    Attributes:
        counts: states in every square of the box that holds them all.
        corner: where the box begins, in the units of the goal.
        side: of a square.
        visited: squares with a state in them.
        effective: exponential of the entropy of the counts: as many squares, all as full, are as spread out.
    """

    counts: Int[np.ndarray, "x y"]
    corner: Float[np.ndarray, "2"]
    side: float
    visited: int
    effective: float


def coverage(achieved: Float[np.ndarray, "state goal"], side: float) -> Coverage:
    """Counts states by the goal they achieve.

    Args:
        achieved: goals of two numbers at least, in m.
        side: of a square, m. With a task's threshold it is the count of goals that are told apart.

    Raises:
        ValueError: no state, or goals of one number.
    """
    if len(achieved) == 0 or achieved.shape[1] < 2:
        raise ValueError(f"Coverage is of one state at least, with goals of two numbers; got shape {achieved.shape}.")
    squares = np.floor(achieved[:, :2].astype(float) / side).astype(int)
    first = squares.min(axis=0)
    counts = np.zeros(squares.max(axis=0) - first + 1, int)
    np.add.at(counts, tuple((squares - first).T), 1)
    shares = counts[counts > 0] / len(achieved)
    return Coverage(
        counts, first * side, side, int((counts > 0).sum()), float(np.exp(-np.sum(shares * np.log(shares))))
    )
