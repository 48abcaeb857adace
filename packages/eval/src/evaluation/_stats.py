"""How sure a number is: intervals for means, shares and interquartile means."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy import stats

LEVEL = 0.95

Statistic = Callable[..., np.ndarray]


class Estimate(NamedTuple):
    """A statistic of a sample and the 95 % interval of what it estimates.

    Attributes:
        value: the statistic of the sample itself.
        low, high: ends of the interval; NaN where the sample cannot tell: a single number, or one that is not finite.
    """

    value: float
    low: float
    high: float


def iqm(values: np.ndarray, axis: int = -1) -> np.ndarray | np.floating:
    """Interquartile mean: the mean of the middle half of `values` along `axis`.

    A quarter of the values, rounded down, is dropped at each end. It is the aggregate to prefer over the mean
    where one run in a few goes wrong (Agarwal et al. 2021, "Deep RL at the Edge of the Statistical
    Precipice").
    """
    return stats.trim_mean(values, 0.25, axis=axis)


def bootstrap(
    values: Float[np.ndarray, " n"], seed: int = 0, statistic: Statistic = np.mean, resamples: int = 10_000
) -> Estimate:
    """Percentile bootstrap of a statistic of independent values, the mean unless told.

    Args:
        values: one number an episode, or one a run.
        seed: of the resampling, so that a number is the same each time it is computed.
        statistic: takes `(values, axis=...)`; `np.mean` or `iqm`.
        resamples: how many samples with replacement the interval is read from.

    Raises:
        ValueError: `values` is empty.
    """
    if len(values) == 0:
        raise ValueError("bootstrap was given no values; an interval needs at least one.")
    value = float(statistic(values, axis=-1))
    if len(values) == 1 or not np.isfinite(values).all():
        return Estimate(value, float("nan"), float("nan"))
    interval = stats.bootstrap(
        (values,),
        statistic,
        n_resamples=resamples,
        batch=max(1, min(1000, 10_000_000 // len(values))),  # 10,000 resamples of 1,024 episodes would be 80 MB
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(value, float(interval.low), float(interval.high))


def difference(ours: Sequence[float], theirs: Sequence[float], seed: int = 0, resamples: int = 10_000) -> Estimate:
    """Mean of `ours` minus mean of `theirs`, two independent samples, with a percentile bootstrap interval.

    Raises:
        ValueError: one of them is empty.
    """
    if not len(ours) or not len(theirs):
        raise ValueError("difference was given no values on one side; an interval needs at least one on each.")
    rng = np.random.default_rng(seed)
    means = [rng.choice(np.asarray(side, float), (resamples, len(side))).mean(axis=1) for side in (ours, theirs)]
    low, high = np.quantile(means[0] - means[1], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(np.mean(ours) - np.mean(theirs)), float(low), float(high))


def proportion(flags: Bool[np.ndarray, " n"]) -> Estimate:
    """The share of True with Wilson's interval (1927).

    A bootstrap of 128 successes in 128 episodes says [1, 1], as if failure were impossible; Wilson says
    [0.97, 1].

    Raises:
        ValueError: `flags` is empty.
    """
    if len(flags) == 0:
        raise ValueError("proportion was given no values; an interval needs at least one.")
    count, total = int(flags.sum()), len(flags)
    interval = stats.binomtest(count, total).proportion_ci(LEVEL, method="wilson")
    return Estimate(count / total, float(interval.low), float(interval.high))
