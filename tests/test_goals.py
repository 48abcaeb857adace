"""Geometric goals against the paper's T x T table, and the ring they are drawn from against plain lists."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import naive
import numpy as np
import pytest
from rings import EPISODES, chi_square, draw, ring, steps
from scipy import stats

import crl
from crl.goals.geometric import Geometric

TOP = 1 - 2.0**-24  # The largest number that is drawn, and the largest float32 below 1.


def offsets(discount: float, u, left) -> np.ndarray:
    """`Geometric` on arrays of equal length, of the bits that stand for u in steps of 2^-24."""
    u, left = np.broadcast_arrays(np.asarray(u, np.float64), np.asarray(left, np.int32))
    bits = np.stack([np.floor(u * 2**24).astype(np.uint32) << np.uint32(8), np.zeros(u.shape, np.uint32)], axis=-1)
    return np.asarray(jax.vmap(Geometric(discount))(jnp.asarray(left), jnp.asarray(bits)))


def exact_offset(discount: float, u: float, left: int) -> int:
    """The smallest k whose cumulative probability reaches u, by adding up discount^k for k = 1..left."""
    weights = [discount**k for k in range(1, left + 1)]
    return 1 + int(np.searchsorted(np.cumsum(weights) / math.fsum(weights), u))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("discount", [0.5, 0.9, 0.99, 0.999, 0.99999])
def test_offsets_stay_inside_the_episode_at_both_ends(discount, dtype):
    with jax.enable_x64(dtype == np.float64):
        left = np.arange(1, 1001)
        for u in (0.0, TOP):
            k = offsets(discount, u, left)
            assert ((k >= 1) & (k <= left)).all()
        assert (offsets(discount, 0.0, left) == 1).all()
        assert (offsets(discount, [0.0, 0.5, TOP], 0) == 0).all()  # A last step: itself.


def test_offsets_invert_the_distribution_exactly():
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        for discount in (0.5, 0.9, 0.99, 0.9999):
            u, left = rng.integers(0, 2**24, 300) / 2**24, rng.integers(1, 1001, 300)
            expected = [exact_offset(discount, *pair) for pair in zip(u, left, strict=True)]
            np.testing.assert_array_equal(offsets(discount, u, left), expected)


@pytest.mark.parametrize("discount", [0.9, 0.99, 0.999, 0.9999, 0.999999, 1 - 1e-9])
def test_mean_offset_in_float32(discount):
    # A discount near 1 is no float32 number: its logarithm must come from the number that the user wrote.
    u = (np.arange(4096) + 0.5) / 4096
    for left in (1, 10, 1000):
        expected = np.mean([exact_offset(discount, x, left) for x in u[::16]])
        assert offsets(discount, u[::16], left).mean() == pytest.approx(expected, rel=2e-3)


steps_left = eqx.filter_jit(crl.Replay.steps_left)


def draws(replay: crl.Replay, discount: float, rounds: int = 1) -> tuple[np.ndarray, ...]:
    """Env and time of the step, env and time of its goal (see `rings`), of 4,000 draws a round."""
    batches = [draw(replay, jr.key(seed), Geometric(discount), size=4000) for seed in range(rounds)]
    found = zip(*((b.obs[:, 0], b.action[:, 0], b.goal) for b in batches), strict=True)
    obs, action, goal = (np.concatenate(x) for x in found)
    np.testing.assert_array_equal(action[:, 0], -obs[:, 1])
    return tuple(x.astype(int) for x in (*obs.T, *goal.T))


RINGS = {
    "empty": (40, []),
    "one row": (40, [1]),
    "partly full": (40, [9, 9, 1]),
    "exactly full": (40, [10, 10, 10, 10]),
    "exactly full at once": (40, [40]),
    "wrapped": (16, [7, 7, 7, 7]),  # 28 rows in 16: episodes lie across the wrap, the oldest are cut.
    "wrapped twice": (16, [5] * 8),
    "wrapped to the brim": (16, [8] * 4),
    "two rows": (2, [1] * 11),
}


@pytest.mark.parametrize("name", RINGS)
def test_ring_holds_the_newest_rows_and_counts_steps_left(name):
    capacity, unrolls = RINGS[name]
    replay, total = ring(capacity, EPISODES, unrolls), sum(unrolls)
    fill = min(total, capacity)
    assert int(replay.fill) == fill and int(replay.head) == total % capacity
    held = range(total - fill, total)
    rows = replay.row(jnp.arange(fill, dtype=jnp.int32))
    np.testing.assert_array_equal(replay.obs[rows, :, 1], np.array(held, float)[:, None].repeat(4, 1))
    np.testing.assert_array_equal(replay.episode[rows], EPISODES[list(held)])
    left = np.asarray(steps_left(replay))
    for env in range(4):
        np.testing.assert_array_equal(left[:fill, env], naive.steps_left(EPISODES[list(held), env]))
    assert not left[fill:].any()


def test_steps_left_of_random_rings():
    rng = np.random.default_rng(3)
    for _ in range(20):
        episode = np.cumsum(rng.uniform(size=(60, 5)) < rng.choice([0.02, 0.3, 0.9]), axis=0)
        replay = ring(17, episode, rng.integers(1, 5, rng.integers(1, 13)))
        total, fill = int(replay.obs[:, 0, 1].max()) + 1, int(replay.fill)
        left = np.asarray(steps_left(replay))[:fill]
        for env in range(5):
            expected = naive.steps_left(episode[total - fill : total, env])
            np.testing.assert_array_equal(left[:, env], expected)


@pytest.mark.parametrize("name", ["partly full", "exactly full", "wrapped", "wrapped twice", "wrapped to the brim"])
def test_every_draw_is_a_later_step_of_the_same_episode(name):
    capacity, unrolls = RINGS[name]
    total = sum(unrolls)
    oldest = total - min(total, capacity)
    env, i, goal_env, j = draws(ring(capacity, EPISODES, unrolls), 0.9)
    np.testing.assert_array_equal(env, goal_env)
    np.testing.assert_array_equal(EPISODES[i, env], EPISODES[j, env])
    assert i.min() == oldest and i.max() == total - 2 and j.max() <= total - 1  # The newest row only as a goal.
    assert (j > i).all(), "no step is drawn whose action had no effect"


@pytest.mark.parametrize("discount, capacity, unrolls", [(0.9, 40, [40]), (0.99, 40, [10] * 4), (0.9, 16, [5] * 8)])
def test_goal_frequencies_are_those_of_the_table(discount, capacity, unrolls):
    # The stored window is the whole ring, so the paper's T x T table of each env is the law of its goals.
    total = sum(unrolls)
    oldest = total - capacity
    env, i, _, j = draws(ring(capacity, EPISODES, unrolls), discount, rounds=100)
    statistic, freedom, wrong = 0.0, 0, 0.0
    for e in range(4):
        counts = np.zeros((capacity, capacity))
        np.add.at(counts, (i[env == e] - oldest, j[env == e] - oldest), 1)
        assert counts.sum() == 100_000  # Draws are stratified over environments.
        leads_on = naive.steps_left(EPISODES[oldest:total, e]) > 0
        started = counts.sum(1)
        assert not started[~leads_on].any()  # Nor is the newest row, which nothing follows yet.
        uniform = stats.chisquare(started[leads_on])
        assert uniform.pvalue > 1e-3, f"steps of env {e} are not drawn uniformly: {uniform}"
        table = naive.goal_matrix(EPISODES[oldest:total, e], discount)
        nearly = naive.goal_matrix(EPISODES[oldest:total, e], discount - 0.01)
        assert not counts[table == 0].any()
        for row, number in enumerate(started):
            value, df = chi_square(counts[row], number * table[row])
            statistic, freedom = statistic + value, freedom + df
            wrong += chi_square(counts[row], number * nearly[row])[0]
    p = stats.chi2.sf(statistic, freedom)
    print(f"\n{discount=}, {capacity=}: chi-square {statistic:.0f} on {freedom} degrees, p = {p:.3f}")
    assert p > 1e-3
    assert stats.chi2.sf(wrong, freedom) < 1e-6  # The test would notice a discount that is off by 0.01.


def test_steps_of_short_episodes_are_drawn_equally_often():
    """Episodes of 1 to 3 states: most rows lead nowhere, and every other one must be as likely."""
    rng = np.random.default_rng(7)
    episode = np.stack([steps(rng.integers(1, 4, 40), 40) for _ in range(4)], axis=1)
    held, found = ring(40, episode, [40]), np.zeros((40, 4))
    for seed in range(25):
        env, time = np.asarray(draw(held, jr.key(seed), Geometric(0.9)).obs[:, 0]).astype(int).T
        np.add.at(found, (time, env), 1)
    for e in range(4):
        leads_on = naive.steps_left(episode[:, e]) > 0
        assert 0.2 < leads_on.mean() < 0.6 and not found[~leads_on, e].any()
        assert stats.chisquare(found[leads_on, e]).pvalue > 1e-3


def test_an_environment_without_a_step_that_leads_on_gives_rows_that_are_not_valid():
    episode = np.stack([steps([], 8), steps([1] * 8, 8)], axis=1)
    batch = draw(ring(8, episode, [8]), jr.key(0), Geometric(0.9), size=64)
    np.testing.assert_array_equal(batch.valid[:, 0], batch.obs[:, 0, 0] == 0)
    np.testing.assert_array_equal(batch.left > 0, batch.valid[:, 0])


def test_environments_are_drawn_equally_often_at_an_odd_batch_size():
    num_envs, batch, rounds = 4, 6, 5000
    replay = ring(40, EPISODES, [40])
    sample = eqx.filter_vmap(lambda key: draw(replay, key, Geometric(0.9), size=batch).obs[:, 0, 0])
    env = np.asarray(sample(jr.split(jr.key(5), rounds))).astype(int)
    counts = np.bincount(env.ravel(), minlength=num_envs)
    assert stats.chisquare(counts).pvalue > 1e-3
    for slot in range(batch):  # Slot s serves the environments from s N / B up to (s + 1) N / B.
        expected = set(range(slot * num_envs // batch, -(-(slot + 1) * num_envs // batch)))
        assert set(env[:, slot]) == expected


def test_batches_do_not_depend_on_capacity_or_on_where_the_ring_wraps():
    # The same sixteen steps, rows 24 to 39, in a full ring, a ring with room to spare, and one that wrapped.
    full, roomy, wrapped = (
        draws(ring(capacity, EPISODES[first:], unrolls), 0.9)
        for capacity, first, unrolls in ((16, 24, [16]), (40, 24, [4] * 4), (16, 0, [5] * 8))
    )
    for x, y, z in zip(full, roomy, wrapped, strict=True):
        np.testing.assert_array_equal(x, y)
        np.testing.assert_array_equal(np.unique(z - x).size, 1)
    assert (wrapped[1] - full[1] == 24).all() and (wrapped[3] - full[3] == 24).all()


def test_a_trajectory_longer_than_the_ring_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        ring(8, EPISODES, [9])
