"""What several runs say together: intervals over seeds, over tasks, and against another group of runs.

Runs are the sample here, not episodes: another seed is another agent. With the five runs that a group usually has the
percentile bootstrap is too sure of itself (tests/test_eval_aggregate.py shows it), so one task's means and differences
have intervals of Student and Welch; over several tasks the bootstrap is stratified, as Agarwal et al. (2021, "Deep RL
at the Edge of the Statistical Precipice") do.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import stats

from evaluation._stats import LEVEL, Estimate, iqm

_RESAMPLES = 2_000


def student(runs: Sequence[float] | np.ndarray) -> Estimate:
    """Mean of independent runs with Student's interval; no interval for a single run.

    Raises:
        ValueError: there are no runs.
    """
    values = _some("student", runs)
    if len(values) == 1:
        return Estimate(float(values[0]), float("nan"), float("nan"))
    mean, error = values.mean(), stats.sem(values)
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * error)
    return Estimate(float(mean), float(mean) - half, float(mean) + half)


def welch(ours: Sequence[float] | np.ndarray, theirs: Sequence[float] | np.ndarray, comparisons: int = 1) -> Estimate:
    """Mean of `ours` minus mean of `theirs` with Welch's interval, for groups of unequal spread.

    The groups differ, at a level of 5 %, where the interval does not hold 0. No interval where a group has one run.

    Args:
        ours, theirs: one number a run.
        comparisons: how many such intervals are looked at together; the more, the wider each, so that all of them
            hold the truth in 95 % of cases at least (Bonferroni).

    Raises:
        ValueError: a group has no runs.
    """
    one, other = _some("welch", ours), _some("welch", theirs)
    difference = float(one.mean() - other.mean())
    if min(len(one), len(other)) == 1:
        return Estimate(difference, float("nan"), float("nan"))
    a, b = one.var(ddof=1) / len(one), other.var(ddof=1) / len(other)
    if a + b == 0:
        return Estimate(difference, difference, difference)
    freedom = (a + b) ** 2 / (a**2 / (len(one) - 1) + b**2 / (len(other) - 1))
    half = float(stats.t.ppf(1 - (1 - LEVEL) / 2 / comparisons, freedom) * np.sqrt(a + b))
    return Estimate(difference, difference - half, difference + half)


def stratified(scores: Float[np.ndarray, "task run"], seed: int = 0, statistic: Callable[..., Any] = iqm) -> Estimate:
    """A statistic over all tasks and runs with a bootstrap that draws runs within each task.

    No interval where a task has a single run; the same goes for `profile` and `improvement`.

    Args:
        scores: one number a run, on a scale that all tasks share.
        seed: of the resampling.
        statistic: takes `(values, axis=...)`; `iqm` or `np.mean`.
    """
    scores = _tasks("stratified", scores)
    draws = statistic(_resampled(scores, seed).reshape(_RESAMPLES, -1), axis=-1)
    return _estimate(float(statistic(scores.ravel(), axis=-1)), draws, scores)


def profile(
    scores: Float[np.ndarray, "task run"], thresholds: Float[np.ndarray, " n"], seed: int = 0
) -> list[Estimate]:
    """Performance profile: for each threshold the share of runs that score above it, tasks weighted equally."""
    scores = _tasks("profile", scores)
    drawn = _resampled(scores, seed)
    return [
        _estimate(float((scores > threshold).mean()), (drawn > threshold).mean(axis=(1, 2)), scores)
        for threshold in thresholds
    ]


def improvement(
    ours: Float[np.ndarray, "task run"], theirs: Float[np.ndarray, "task other"], seed: int = 0
) -> Estimate:
    """Probability that one of our runs beats one of theirs on the same task (ties count half), mean over tasks."""
    ours, theirs = _tasks("improvement", ours), _tasks("improvement", theirs)
    if len(ours) != len(theirs):
        raise ValueError(f"improvement was given {len(ours)} and {len(theirs)} tasks; it compares the same ones.")

    def wins(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        signs = np.sign(one[..., :, None] - other[..., None, :])
        return np.asarray((0.5 + 0.5 * signs).mean(axis=(-3, -2, -1)))

    ours_drawn, theirs_drawn = _resampled(ours, seed), _resampled(theirs, seed + 1)
    return _estimate(float(wins(ours, theirs)), wins(ours_drawn, theirs_drawn), ours, theirs)


def area(steps: Float[np.ndarray, " n"], values: Float[np.ndarray, " n"]) -> float:
    """Mean height of a learning curve: the area below it, by trapezia, over its length in env steps."""
    return float(np.trapezoid(values, steps) / (steps[-1] - steps[0])) if len(steps) > 1 else float(values[0])


def reached(at: Float[np.ndarray, " n"], values: Float[np.ndarray, " n"], threshold: float) -> float | None:
    """Where a learning curve first reaches a threshold, in the units of `at`; `None` where it never does."""
    there = np.flatnonzero(np.asarray(values) >= threshold)
    return float(at[there[0]]) if len(there) else None


def _resampled(scores: np.ndarray, seed: int) -> np.ndarray:
    """[resample, task, run]: of every task as many runs as it has, with replacement."""
    rng = np.random.default_rng(seed)
    tasks, runs = scores.shape
    drawn = rng.integers(runs, size=(_RESAMPLES, tasks, runs))
    return np.take_along_axis(scores[None], drawn, axis=2)


def _estimate(value: float, draws: np.ndarray, *sampled: np.ndarray) -> Estimate:
    if min(scores.shape[1] for scores in sampled) == 1:  # drawing from one run draws that run, and looks certain
        return Estimate(value, float("nan"), float("nan"))
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(low), float(high))


def _some(name: str, values: Sequence[float] | np.ndarray) -> np.ndarray:
    found = np.asarray(values, np.float64)
    if found.ndim != 1 or not len(found):
        raise ValueError(f"{name} was given {found.shape} values; it needs one number for each of one run or more.")
    return found


def _tasks(name: str, scores: np.ndarray) -> np.ndarray:
    found = np.asarray(scores, np.float64)
    if found.ndim != 2 or not found.size:
        raise ValueError(f"{name} was given scores of shape {found.shape}; it needs [task, run], each at least 1.")
    return found
