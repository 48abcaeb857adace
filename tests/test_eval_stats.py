"""Intervals contain what they estimate as often as they claim; means and intervals are those on paper."""

import numpy as np
import pytest
from scipy import stats

from evaluation import bootstrap, difference, iqm, proportion


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 2, 3, 4, 5, 6, 7, 8], 4.5),  # 3 to 6 are left
        ([1000.0, 1, 2, 0], 1.5),  # one at each end is dropped, in any order
        ([0.0, 1, 2, 3, 50], 2.0),  # a quarter of five is one, rounded down
        ([7.0], 7.0),
    ],
)
def test_iqm_by_hand(values, expected):
    assert iqm(np.array(values)) == expected


def test_iqm_takes_an_axis():
    assert iqm(np.arange(24.0).reshape(3, 8)).tolist() == [3.5, 11.5, 19.5]


def test_bootstrap_of_the_mean_agrees_with_the_central_limit_theorem():
    values = np.random.default_rng(0).gamma(2.0, size=400)
    estimate = bootstrap(values)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert estimate.value == values.mean()
    assert estimate.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert estimate.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_bootstrap_is_repeatable_and_its_seed_counts():
    values = np.random.default_rng(0).normal(size=40)
    assert bootstrap(values) == bootstrap(values)
    assert bootstrap(values, seed=1) != bootstrap(values, seed=2)


@pytest.mark.parametrize("statistic", [np.mean, iqm])
def test_bootstrap_covers_the_truth_as_often_as_it_says(statistic):
    rng = np.random.default_rng(1)
    trials, hits = 300, 0
    for _ in range(trials):
        estimate = bootstrap(rng.normal(3.0, 2.0, size=100), statistic=statistic, resamples=1000)
        hits += estimate.low <= 3.0 <= estimate.high
    # A percentile interval of 100 normal values covers about 94.5 %; a wrong one would have to be lucky by 1
    # in 1000.
    low, high = stats.binom.interval(0.999, trials, 0.945)
    assert low <= hits <= high


def test_bootstrap_of_equal_values_has_no_width():
    assert tuple(bootstrap(np.full(10, 2.5))) == (2.5, 2.5, 2.5)


def test_one_value_has_no_interval():
    value, low, high = bootstrap(np.array([2.5]))
    assert value == 2.5 and np.isnan(low) and np.isnan(high)


@pytest.mark.parametrize("estimate", [bootstrap, proportion])
def test_no_values_are_refused(estimate):
    with pytest.raises(ValueError, match="no values"):
        estimate(np.zeros(0, bool if estimate is proportion else float))


@pytest.mark.parametrize(("count", "total"), [(0, 10), (1, 10), (64, 128), (128, 128), (1, 1)])
def test_wilson_by_its_formula(count, total):
    z, share = stats.norm.ppf(0.975), count / total
    middle = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    value, low, high = proportion(np.arange(total) < count)
    assert value == share
    assert (low, high) == pytest.approx((max(middle - half, 0), min(middle + half, 1)), abs=1e-12)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_wilson_covers_the_truth_as_often_as_it_says(share):
    counts = np.arange(129)
    covered = [low <= share <= high for _, low, high in (proportion(np.arange(128) < k) for k in counts)]
    coverage = stats.binom.pmf(counts, 128, share) @ np.array(covered)
    assert 0.92 < coverage < 0.99


def test_difference_covers_the_true_difference_about_95_times_in_100():
    rng = np.random.default_rng(3)
    covered = 0
    for trial in range(400):
        ours, theirs = rng.normal(2.0, 1.0, 30), rng.normal(1.5, 2.0, 40)
        estimate = difference(ours.tolist(), theirs.tolist(), seed=trial, resamples=1_000)
        assert estimate.value == pytest.approx(ours.mean() - theirs.mean())
        covered += estimate.low <= 0.5 <= estimate.high
    assert 360 <= covered <= 395  # 380 expected; the percentile bootstrap of small samples covers a little less
