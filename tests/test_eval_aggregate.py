"""What groups of runs say, against distributions whose truth is known."""

import numpy as np
import pytest
from scipy import stats
from tool_runs import as_a_user

import evaluation

REPETITIONS = 2_000


def share_that_holds(interval, truth: float, draw) -> float:
    rng = np.random.default_rng(0)
    found = [interval(draw(rng)) for _ in range(REPETITIONS)]
    return float(np.mean([one.low <= truth <= one.high for one in found]))


@pytest.mark.parametrize("runs", [3, 5, 10])
def test_students_interval_holds_the_mean_in_95_of_100(runs):
    share = share_that_holds(evaluation.student, 2.0, lambda rng: rng.normal(2.0, 3.0, runs))
    assert abs(share - 0.95) < 4 * np.sqrt(0.95 * 0.05 / REPETITIONS)


def test_welchs_interval_holds_the_difference_in_95_of_100():
    def draw(rng: np.random.Generator):
        return rng.normal(1.0, 1.0, 5), rng.normal(-2.0, 3.0, 8)

    share = share_that_holds(lambda groups: evaluation.welch(*groups), 3.0, draw)
    assert abs(share - 0.95) < 0.02  # Welch's degrees of freedom are an approximation


def test_welch_is_scipys():
    ours, theirs = [0.1, 0.5, 0.4, 0.9], [0.3, 0.2, 0.6]
    estimate = evaluation.welch(ours, theirs)
    interval = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
    np.testing.assert_allclose(estimate, [np.mean(ours) - np.mean(theirs), interval.low, interval.high])


@pytest.mark.parametrize("kind", ["normal", "bimodal", "skewed"])
def test_two_identical_arms_do_not_differ_in_93_of_100(kind):
    """Scores of depth studies are bimodal where some seeds never find the way: the hardest case here."""
    draws = {
        "normal": lambda rng: rng.normal(0.4, 0.1, 5),
        "bimodal": lambda rng: np.where(rng.random(5) < 0.5, 0.1, 0.7) + rng.normal(0, 0.03, 5),
        "skewed": lambda rng: rng.beta(0.8, 3.0, 5),
    }
    rng = np.random.default_rng(1)
    found = [evaluation.welch(draws[kind](rng), draws[kind](rng)) for _ in range(200)]
    assert np.mean([one.low <= 0 <= one.high for one in found]) >= 0.93


def test_the_percentile_bootstrap_would_find_too_much_in_five_runs():
    """Why `welch` and `student` exist: what the other interval says of identical arms."""
    rng = np.random.default_rng(1)
    found = [
        evaluation.difference(list(rng.normal(size=5)), list(rng.normal(size=5)), resamples=1_000) for _ in range(300)
    ]
    assert np.mean([one.low <= 0 <= one.high for one in found]) < 0.93


def test_the_stratified_interval_is_as_wide_as_theory_says():
    rng = np.random.default_rng(2)
    spread = np.array([0.1, 1.0, 2.0])  # of three tasks whose means lie far apart: not in the interval's width
    scores = rng.normal(np.array([[0.0], [10.0], [50.0]]), spread[:, None], (3, 200))
    estimate = evaluation.stratified(scores, statistic=np.mean)
    error = np.sqrt((spread**2).sum() / 200) / 3
    assert estimate.value == pytest.approx(scores.mean())
    assert (estimate.high - estimate.low) / (2 * 1.96 * error) == pytest.approx(1, abs=0.1)
    middle = evaluation.stratified(scores)
    assert middle.low <= middle.value <= middle.high
    assert middle.value == pytest.approx(stats.trim_mean(scores.ravel(), 0.25))


def test_profile_is_the_share_above():
    scores = stats.norm.ppf((np.arange(2_000) + 0.5) / 2_000).reshape(2, 1_000)[:, ::-1]
    scores = np.random.default_rng(0).permuted(scores.ravel()).reshape(2, 1_000)
    thresholds = np.array([-1.0, 0.0, 2.0])
    for threshold, estimate in zip(thresholds, evaluation.profile(scores, thresholds), strict=True):
        truth = stats.norm.sf(threshold)
        assert estimate.value == pytest.approx(truth, abs=1e-3)
        width = 2 * 1.96 * np.sqrt(truth * (1 - truth) / 2_000)
        assert estimate.high - estimate.low == pytest.approx(width, rel=0.15)


def test_probability_of_improvement_of_normals_is_known():
    rng = np.random.default_rng(3)
    shift = np.array([[0.0], [1.0]])
    ours, theirs = rng.normal(shift, 1, (2, 100)), rng.normal(0, 1, (2, 80))
    estimate = evaluation.improvement(ours, theirs)
    truth = stats.norm.cdf(shift / np.sqrt(2)).mean()
    assert estimate.low < truth < estimate.high and estimate.high - estimate.low < 0.15
    assert evaluation.improvement(np.ones((1, 3)), np.ones((1, 4))).value == 0.5
    assert evaluation.improvement(np.ones((1, 3)), np.zeros((1, 4))) == (1, 1, 1)


def test_area_and_first_moment_of_a_curve():
    steps, values = np.array([0.0, 10.0, 30.0]), np.array([0.0, 1.0, 0.5])
    assert evaluation.area(steps, values) == pytest.approx((5 + 15) / 30)
    assert evaluation.reached(steps, values, 0.4) == 10 and evaluation.reached(steps, values, 1.1) is None
    assert evaluation.area(steps[:1], values[1:2]) == 1


def test_few_runs_and_none(monkeypatch):
    assert evaluation.student([3.0])[0] == 3 and np.isnan(evaluation.student([3.0]).low)
    assert np.isnan(evaluation.welch([3.0], [1.0, 2.0]).high)
    assert evaluation.welch([2.0, 2.0], [1.0, 1.0]) == (1, 1, 1)
    for wrong in (lambda: evaluation.student([]), lambda: evaluation.welch([1.0], [])):
        with pytest.raises(ValueError, match="it needs one number for each of one run or more"):
            wrong()
    with pytest.raises(ValueError, match=r"scores of shape \(3, 0\); it needs \[task, run\]"):
        evaluation.stratified(np.ones((3, 0)))
    with as_a_user(monkeypatch), pytest.raises(ValueError, match="2 and 1 tasks; it compares the same ones"):
        evaluation.improvement(np.ones((2, 2)), np.ones((1, 2)))
