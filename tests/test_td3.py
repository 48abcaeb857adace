"""TD3 against its formulas, written out for one row at a time in float64."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from blank_env import BlankEnv

import crl
import nets
from crl._sampling import blank_batch
from crl.algorithms.td3 import TD3, State
from crl.goals.commanded import Commanded

ENV = BlankEnv(obs=3, goal=2, action_size=2)
NET = partial(nets.ResidualMLP, width=8, depth=4)
BATCH, STEPS, DISCOUNT = 32, 3, 0.9


def batch(seed: int) -> crl.Batch:
    """Random rows whose episodes go on, end by a time limit, or end by a termination, within the steps or later."""
    rng = np.random.default_rng(seed)
    spec = crl.BatchSpec(BATCH, STEPS, STEPS, 1, Commanded(), None, 1)
    left = rng.integers(1, STEPS + 3, BATCH)
    fell = rng.uniform(size=BATCH) < 0.5
    valid = np.arange(STEPS) < left[:, None]
    terminated = valid & (np.arange(1, STEPS + 1) == left[:, None]) & fell[:, None]
    blank = jax.eval_shape(lambda: blank_batch(ENV, spec))

    def draw(x):
        return jnp.asarray(rng.uniform(-1, 1, x.shape), jnp.float32)

    numbers = {name: draw(getattr(blank, name)) for name in ("obs", "action", "achieved", "goal", "commanded", "other")}
    return crl.Batch(
        **numbers,
        goal_sequence=numbers["goal"][:, None],
        actor_goal=None,
        valid=jnp.asarray(valid),
        terminated=jnp.asarray(terminated),
        reached=jnp.asarray(rng.uniform(size=(BATCH, STEPS + 1)) < 0.4),
        offset=jnp.zeros(BATCH, jnp.int32),
        left=jnp.asarray(left, jnp.int32),
        fell=jnp.asarray(fell),
    )


@pytest.fixture(scope="module")
def algorithm() -> TD3:
    return TD3(NET, NET, discount=DISCOUNT, steps=STEPS, delay=2, tau=0.25, smoothing_noise=0.0)


@pytest.fixture(scope="module")
def state(algorithm) -> State:
    """Targets that differ from the networks."""
    state = eqx.filter_jit(algorithm.init)(ENV, jr.key(0))
    return eqx.tree_at(lambda s: s.targets, state, eqx.filter_jit(algorithm.build)(ENV, jr.key(9)))


def test_returns_bootstrap_through_time_limits_and_not_through_terminations(algorithm, state):
    rows = batch(0)
    found = np.asarray(eqx.filter_jit(algorithm._returns)(state.targets, rows, jr.key(1)), np.float64)
    kinds = set()
    for i in range(BATCH):
        expected, weight, last, alive = 0.0, 1.0, 0, True
        for t in range(STEPS):
            if not rows.valid[i, t]:
                break
            expected += weight * float(rows.reached[i, t + 1])
            weight, last = weight * DISCOUNT, t + 1
            if rows.terminated[i, t]:
                alive = False
        if alive:
            obs, goal = rows.obs[i, last], rows.goal[i]
            action = jnp.tanh(state.targets.actor(jnp.concatenate([obs, goal])))
            values = state.targets.critic(jnp.concatenate([obs, action, goal]))
            expected += weight * float(values.min())
        kinds.add((last, alive))
        assert found[i] == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert {(1, True), (1, False), (3, True), (3, False)} <= kinds, "every way to end was met"


def test_noise_on_the_targets_action_is_clipped(state):
    noisy = TD3(NET, NET, discount=DISCOUNT, steps=STEPS, smoothing_noise=100.0, smoothing_clip=1e-6)
    plain = TD3(NET, NET, discount=DISCOUNT, steps=STEPS, smoothing_noise=0.0)
    ours, exact = (eqx.filter_jit(one._returns)(state.targets, batch(1), jr.key(1)) for one in (noisy, plain))
    np.testing.assert_allclose(ours, exact, atol=1e-4)
    assert not np.array_equal(ours, exact)


def test_actor_and_targets_move_at_every_second_update(algorithm, state):
    update = eqx.filter_jit(algorithm.update)
    first, before = update(state, batch(0), jr.key(2))
    second, after = update(first, batch(1), jr.key(3))

    def moved(old, new) -> bool:
        return any(not np.array_equal(a, b) for a, b in zip(*map(jax.tree.leaves, (old, new)), strict=True))

    parts = [eqx.filter((s.networks.actor, s.targets), eqx.is_array) for s in (state, first, second)]
    assert not moved(parts[0], parts[1]) and moved(parts[1][0], parts[2][0]) and moved(parts[1][1], parts[2][1])
    assert (float(before["train/actor_loss"].count), float(after["train/actor_loss"].count)) == (0.0, 1.0)
    pairs = zip(
        *(jax.tree.leaves(eqx.filter(x, eqx.is_array)) for x in (first.targets, second.networks, second.targets)),
        strict=True,
    )
    for old, online, new in pairs:
        np.testing.assert_allclose(new, 0.75 * old + 0.25 * online, rtol=1e-5, atol=1e-6)


def test_the_critics_gradient_is_that_of_the_mean_square(algorithm, state):
    """By a finite difference of the loss along the gradient, in float64."""
    rows = batch(3)
    target = algorithm._returns(state.targets, rows, jr.key(2))

    def loss(critic):
        seen = jnp.concatenate([rows.obs[:, 0], rows.action[:, 0], rows.goal], axis=1)
        return jnp.mean((jax.vmap(critic)(seen)[..., 0] - target[:, None]) ** 2)

    _, metrics = eqx.filter_jit(algorithm.update)(state, rows, jr.key(2))
    value, grads = eqx.filter_value_and_grad(loss)(state.networks.critic)
    norm = np.sqrt(sum(float(jnp.sum(g**2)) for g in jax.tree.leaves(grads)))
    assert float(metrics["train/critic_loss"]) == pytest.approx(float(value), rel=1e-5)
    assert float(metrics["train/grad_norm_critic"]) == pytest.approx(norm, rel=1e-4)


def test_the_value_is_the_smaller_one_of_the_deterministic_action(algorithm, state):
    obs, goal = jnp.array([0.1, -0.2, 0.3]), jnp.array([0.5, -0.5])
    action, _ = algorithm.policy(state.networks).act((), obs, goal, jr.key(0))
    both = state.networks.critic(jnp.concatenate([obs, action, goal]))
    assert both.shape == (2, 1)
    np.testing.assert_allclose(algorithm.value(state.networks, obs, goal), both.min(), rtol=1e-6)


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ({"discount": 1.0}, "`discount` of TD3 must be a number above 0 and below 1; got 1.0."),
        ({"tau": 0.0}, "`tau` of TD3 must be a number above 0 and at most 1; got 0.0."),
        ({"steps": 0}, "`steps` of TD3 must be an integer >= 1; got 0."),
        ({"exploration_noise": -0.1}, "`exploration_noise` of TD3 must be a number of at least 0; got -0.1."),
    ],
)
def test_wrong_numbers_are_refused(arguments, sentence):
    with pytest.raises(ValueError) as caught:
        TD3(NET, NET, **arguments)
    assert str(caught.value) == sentence
