"""First hitting times and their censored likelihood, against loops over the steps of an episode."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from probes import PROBES, replay

import crl
import nets
from crl._hitting import first_hit
from crl.algorithms.survival import Survival
from crl.goals.mixture import Mixture
from crl.goals.random import Random
from crl.goals.uniform_future import UniformFuture

NET = partial(nets.ResidualMLP, width=8, depth=4)


@pytest.mark.parametrize("lookahead", [2, 5, 9])
def test_the_first_hit_is_that_of_a_loop_over_the_stored_episode(lookahead):
    name = "discounting"
    env, held = PROBES[name][0], replay(name)
    law = Mixture((UniformFuture(), Random()), (0.5, 0.5))
    draw = eqx.filter_jit(crl.sampler(env, held, crl.BatchSpec(256, 1, lookahead, 1, law, None, 1)))
    batch = draw(jr.key(0))
    fell = batch.fell.at[::3].set(True)  # no probe falls by itself
    batch = eqx.tree_at(lambda b: b.fell, batch, fell)
    times, hits = jax.tree.map(np.asarray, first_hit(batch))
    for i in range(256):
        time, hit = None, False
        for t in range(min(lookahead, int(batch.left[i])) + 1):
            if abs(float(batch.achieved[i, t, 0] - batch.goal[i, 0])) < env.threshold:
                time, hit = t, True
                break
        if not hit:
            ended = bool(fell[i]) and int(batch.left[i]) <= lookahead
            time = lookahead if ended else min(lookahead, int(batch.left[i]))
        assert (times[i], hits[i]) == (time, hit)
    assert hits.any() and not hits.all()


def chances(algorithm: Survival, logits: np.ndarray) -> np.ndarray:
    """P(T = t) for t = 0..H by the definition of a hazard; a bin's mass is not shared out among its times."""
    p = 1 / (1 + np.exp(-logits))
    alive, mass = 1 - p[0], [p[0]]
    for hazard in p[1:]:
        mass.append(alive * hazard)
        alive *= 1 - hazard
    return np.array(mass)


@pytest.mark.parametrize("horizon, bins", [(6, 100), (300, 12)])
def test_the_likelihood_is_that_of_the_hazards(horizon, bins):
    algorithm = Survival(NET, NET, lookahead=horizon, bins=bins)
    edges = algorithm.edges
    assert edges[0] == 0 and edges[-1] == horizon and list(edges) == sorted(set(edges))
    assert bins < 100 or edges == tuple(range(horizon + 1)), "as many bins as steps are bins of one step"
    logits = np.random.default_rng(0).normal(size=len(edges))
    mass = chances(algorithm, logits)
    likelihood = jax.jit(algorithm.log_likelihood)
    for time in range(0, horizon + 1, 1 if horizon < 10 else 7):
        bin_of = next(k for k, end in enumerate(edges) if time <= end)
        event = likelihood(jnp.asarray(logits, jnp.float32), jnp.int32(time), jnp.bool_(True))
        assert float(event) == pytest.approx(np.log(mass[bin_of]), abs=1e-4)
        passed = max(k for k, end in enumerate(edges) if end <= time)
        cut = likelihood(jnp.asarray(logits, jnp.float32), jnp.int32(time), jnp.bool_(False))
        assert float(cut) == pytest.approx(np.log(1 - mass[: passed + 1].sum()), abs=1e-4)


def test_the_value_is_minus_the_discounted_time_without_the_goal():
    algorithm = Survival(NET, NET, lookahead=8, bins=100, discount=0.9)
    logits = np.random.default_rng(1).normal(size=9)
    mass = chances(algorithm, logits)
    without = 1 - np.cumsum(mass)  # P(T > t)
    expected = -sum(0.9**t * without[t] for t in range(8))
    assert float(algorithm._value(jnp.asarray(logits, jnp.float32))) == pytest.approx(expected, rel=1e-5)
    never, at_once = jnp.full(9, -40.0), jnp.full(9, 40.0)
    assert float(algorithm._value(never)) == pytest.approx(-(1 - 0.9**8) / 0.1, rel=1e-5)
    assert float(algorithm._value(at_once)) == pytest.approx(0, abs=1e-6)
