"""How much of a task's space some states cover."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

_MOST_SQUARES, _FARTHEST = 1e8, 1e15  # beyond, a number of a square is no longer exact


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
        ValueError: no state, goals of one number, a state that is not finite, or states so far apart that the box has
            more than a hundred million squares.
    """
    if len(achieved) == 0 or achieved.shape[1] < 2:
        raise ValueError(f"Coverage is of one state at least, with goals of two numbers; got shape {achieved.shape}.")
    found = np.floor(achieved[:, :2].astype(float) / side)
    if not np.isfinite(found).all():
        raise ValueError("Coverage is of states that are finite; some are not.")
    lengths = np.ptp(found, axis=0) + 1
    if lengths.prod() > _MOST_SQUARES or np.abs(found).max() > _FARTHEST:
        raise ValueError(
            f"The states lie in a box of {lengths[0]:.3g} by {lengths[1]:.3g} squares, {np.abs(found).max():.3g} from "
            f"the origin; at most {_MOST_SQUARES:.0e} squares within {_FARTHEST:.0e} are counted."
        )
    squares = found.astype(int)
    first = squares.min(axis=0)
    counts = np.zeros(squares.max(axis=0) - first + 1, int)
    np.add.at(counts, tuple((squares - first).T), 1)
    shares = counts[counts > 0] / len(achieved)
    return Coverage(
        counts, first * side, side, int((counts > 0).sum()), float(np.exp(-np.sum(shares * np.log(shares))))
    )
