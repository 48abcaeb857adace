"""Every law of goals draws what it says, as often as it says; what makes no law is refused."""

from collections import Counter

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from rings import chi_square
from scipy import stats
from tool_runs import as_a_user

import crl
from crl.goals.commanded import Commanded
from crl.goals.current import Current
from crl.goals.final import Final
from crl.goals.geometric import Geometric
from crl.goals.mixture import Mixture
from crl.goals.random import Random
from crl.goals.uniform_future import UniformFuture

HINDSIGHT = Mixture((UniformFuture(), Commanded()), (0.8, 0.2))
DATASET = Mixture([Current(), Geometric(0.9), Random()], [0.2, 0.5, 0.3])
NESTED = Mixture(
    (Final(), Mixture((HINDSIGHT, Mixture((Random(),), (1.0,)), Geometric(0.5)), (0.6, 0.3, 0.1)), Current()),
    (0.15, 0.8, 0.05),
)
LAWS = {
    "geometric": Geometric(0.9),
    "uniform future": UniformFuture(),
    "final": Final(),
    "current": Current(),
    "commanded": Commanded(),
    "random": Random(),
    "hindsight": HINDSIGHT,
    "of datasets": DATASET,
    "nested": NESTED,
}
LEFT = (0, 1, 2, 7, 50)
DRAWS = 200_000


def exact(law: crl.AbstractGoalLaw, left: int) -> Counter:
    """The probability of every offset, from what the law is said to be."""
    match law:
        case Mixture():
            found = Counter()
            for one, weight in zip(law.laws, law.weights, strict=True):
                found.update({offset: weight * p for offset, p in exact(one, left).items()})
            return found
        case Geometric() | UniformFuture():
            discount = law.discount if isinstance(law, Geometric) else 1.0
            weights = {k: discount**k for k in range(1, left + 1)} or {0: 1.0}
            return Counter({k: weight / sum(weights.values()) for k, weight in weights.items()})
        case Final():
            return Counter({left: 1.0})
        case Current():
            return Counter({0: 1.0})
        case Commanded():
            return Counter({crl.COMMANDED: 1.0})
        case Random():
            return Counter({crl.OTHER: 1.0})
    raise AssertionError(law)


@eqx.filter_jit
def drawn(law: crl.AbstractGoalLaw, left, bits):
    return jax.vmap(law)(left, bits)


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("left", LEFT)
def test_offsets_are_drawn_as_often_as_the_law_says(name: str, left: int):
    law = LAWS[name]
    bits = jr.bits(jr.key(left), (DRAWS, 2), jnp.uint32)
    offsets, counts = np.unique(drawn(law, jnp.full(DRAWS, left, jnp.int32), bits), return_counts=True)
    expected = exact(law, left)
    assert set(offsets.tolist()) <= set(expected)
    assert {offset for offset in expected if offset < 0} == law.outside
    found = dict(zip(offsets.tolist(), counts.tolist(), strict=True))
    pairs = [(found.get(offset, 0), DRAWS * p) for offset, p in expected.items()]
    statistic, freedom = chi_square(*map(np.array, zip(*pairs, strict=True)))
    assert freedom > 0 or len(expected) == 1
    assert stats.chi2.sf(statistic, max(freedom, 1)) > 1e-3


@pytest.mark.parametrize("name", LAWS)
def test_a_law_draws_from_the_extremes_of_its_bits(name: str):
    law, ends = LAWS[name], [0, 1, 255, 256, 2**31, 2**32 - 257, 2**32 - 256, 2**32 - 1]
    bits = jnp.asarray([(a, b) for a in ends for b in ends], jnp.uint32)
    for left in LEFT:
        offsets = np.asarray(drawn(law, jnp.full(len(bits), left, jnp.int32), bits))
        assert offsets.dtype == np.int32 and set(offsets.tolist()) <= set(exact(law, left))


def test_a_mixture_changes_its_law_where_the_weights_say():
    """Between neighbours of 2^24 numbers, so that a weight is off by 2^-24 at most."""
    law = Mixture((Commanded(), Current(), Random()), (0.25, 0.5, 0.25))
    choices = np.array([0, 2**22 - 1, 2**22, 3 * 2**22 - 1, 3 * 2**22, 2**24 - 1], np.uint32)
    bits = np.stack([np.zeros(6, np.uint32), choices << np.uint32(8)], axis=1)
    offsets = drawn(law, jnp.ones(6, jnp.int32), jnp.asarray(bits))
    np.testing.assert_array_equal(offsets, [crl.COMMANDED, crl.COMMANDED, 0, 0, crl.OTHER, crl.OTHER])


LAW = "`laws` of Mixture must be laws of goals, such as (Geometric(), Random()); got {!r}."
WEIGHTS = "`weights` of Mixture must be {} positive numbers with the sum 1; got {!r}."
TWO = (Final(), Current())


@pytest.mark.parametrize(
    ("laws", "weights", "said"),
    [
        ((), (), LAW.format(())),
        (Final(), (1.0,), LAW.format(Final())),
        ((Final(), Geometric), (0.5, 0.5), LAW.format((Final(), Geometric))),
        ([Final(), None], (0.5, 0.5), LAW.format([Final(), None])),
        (None, (1.0,), LAW.format(None)),
        (TWO, (1.0,), WEIGHTS.format(2, (1.0,))),
        (TWO, (0.5, 0.25, 0.25), WEIGHTS.format(2, (0.5, 0.25, 0.25))),
        (TWO, (0.5, 0.6), WEIGHTS.format(2, (0.5, 0.6))),
        (TWO, (1.0, 0.0), WEIGHTS.format(2, (1.0, 0.0))),
        (TWO, [1.5, -0.5], WEIGHTS.format(2, (1.5, -0.5))),
        (TWO, (float("nan"), 1.0), WEIGHTS.format(2, (float("nan"), 1.0))),
        (TWO, (0.5, "0.5"), WEIGHTS.format(2, "0.5")),
        (TWO, (0.5, True), WEIGHTS.format(2, True)),
        (TWO, 0.5, WEIGHTS.format(2, 0.5)),
        (TWO, None, WEIGHTS.format(2, None)),
    ],
)
def test_what_makes_no_mixture(laws, weights, said: str, monkeypatch: pytest.MonkeyPatch):
    with as_a_user(monkeypatch), pytest.raises(ValueError) as refused:
        Mixture(laws, weights)
    assert str(refused.value) == said


@pytest.mark.parametrize("wrong", [0, 1, 0.0, 1.0, -0.5, float("nan"), "0.9", None, True])
def test_what_is_no_discount(wrong, monkeypatch: pytest.MonkeyPatch):
    with as_a_user(monkeypatch), pytest.raises(ValueError) as refused:
        Geometric(wrong)
    assert str(refused.value) == (f"`discount` of Geometric must be a float strictly between 0 and 1; got {wrong!r}.")


def test_numbers_of_other_libraries_are_kept_as_pythons(monkeypatch: pytest.MonkeyPatch):
    with as_a_user(monkeypatch):
        mixture = Mixture(TWO, (np.float32(0.25), np.float64(0.75)))
    assert mixture.weights == (0.25, 0.75) and all(type(weight) is float for weight in mixture.weights)
    assert type(Geometric(np.float64(0.5)).discount) is float
