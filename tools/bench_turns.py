"""Fair ratios on a noisy machine: what is compared takes turns in one process."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float


def in_turns(rates: Sequence[Callable[[], float]], turns: int) -> Float[np.ndarray, "rate turn"]:
    """Calls each in turn, `turns` times; each returns how much work a second it did."""
    return np.array([[rate() for rate in rates] for _ in range(turns)]).T


def ratio(ours: Float[np.ndarray, " turn"], theirs: Float[np.ndarray, " turn"]) -> dict[str, float]:
    """The median of the ratio of each turn, and its quartiles `ratio_low` and `ratio_high`."""
    low, middle, high = np.percentile(ours / theirs, (25, 50, 75)).tolist()
    return {"ratio": middle, "ratio_low": low, "ratio_high": high}


def shown(found: dict[str, float], what: str) -> str:
    """`0.93 [0.91, 0.95] of what it is beside`."""
    return f"{found['ratio']:.2f} [{found['ratio_low']:.2f}, {found['ratio_high']:.2f}] {what}"
