"""The yardstick itself: hand-written gradients of `naive` against central differences, Adam against optax."""

import jax
import naive
import numpy as np
import optax
import pytest

OBS, ACTION, GOAL, BATCH, WIDTH, EMBEDDING = 3, 2, 2, 4, 4, 3


def check_slopes(rng, loss, arrays, grads, h=1e-6, numbers=5):
    """Compares gradients with central differences of `loss()` by some random numbers of every array.

    The numbers are changed in place and put back.
    """
    for array, grad in zip(arrays, grads, strict=True):
        assert array.shape == grad.shape
        for place in rng.choice(array.size, min(numbers, array.size), replace=False):
            index = np.unravel_index(place, array.shape)
            kept = array[index]
            array[index] = kept + h
            up = loss()
            array[index] = kept - h
            down = loss()
            array[index] = kept
            np.testing.assert_allclose(grad[index], (up - down) / (2 * h), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("depth", [0, 4, 8])
def test_hand_written_gradients_equal_finite_differences(depth):
    rng = np.random.default_rng(depth)
    actor = naive.random_network(rng, OBS + GOAL, 2 * ACTION, WIDTH, depth)
    phi = naive.random_network(rng, OBS + ACTION, EMBEDDING, WIDTH, depth)
    psi = naive.random_network(rng, GOAL, EMBEDDING, WIDTH, depth)
    obs, goal = rng.normal(size=(BATCH, OBS)), rng.normal(size=(BATCH, GOAL))
    action, noise = rng.uniform(-1, 1, (BATCH, ACTION)), rng.normal(size=(BATCH, ACTION))

    def of_actor():
        return naive.actor_loss(actor, phi, psi, -0.3, obs, goal, noise)

    def of_critic():
        return naive.critic_loss(phi, psi, obs, action, goal)

    _, grad, log_pi = of_actor()
    check_slopes(rng, lambda: of_actor()[0], naive.flat(actor), naive.flat(grad))
    _, grad_phi, grad_psi, _ = of_critic()
    check_slopes(rng, lambda: of_critic()[0], naive.flat(phi, psi), naive.flat(grad_phi, grad_psi))
    _, grad = naive.alpha_loss(-0.3, log_pi, ACTION)
    up, down = (naive.alpha_loss(-0.3 + h, log_pi, ACTION)[0] for h in (1e-6, -1e-6))
    np.testing.assert_allclose(grad, (up - down) / 2e-6, rtol=1e-6)


def test_alpha_rises_when_the_policy_is_too_narrow():
    # Entropy (-log pi) below the target -|A|/2 means the descent direction of log_alpha is up.
    assert naive.alpha_loss(0.0, np.full(3, 5.0), 2)[1] < 0 < naive.alpha_loss(0.0, np.full(3, -5.0), 2)[1]


def test_density_of_the_squashed_gaussian_integrates_to_one():
    rng = np.random.default_rng(0)
    actor = naive.random_network(rng, OBS + GOAL, 2, WIDTH, 4)
    actor[-1] = [0.1 * a for a in actor[-1]]  # A narrow Gaussian: none of it falls where the 1e-6 matters.
    noise = np.linspace(-7, 7, 4001)
    obs, goal = np.tile(rng.normal(size=OBS), (4001, 1)), np.tile(rng.normal(size=GOAL), (4001, 1))
    action, log_pi, _ = naive.act(actor, obs, goal, noise[:, None])
    assert np.trapezoid(np.exp(log_pi), action[:, 0]) == pytest.approx(1.0, abs=1e-3)


def test_goal_matrix_by_hand():
    third = np.array([1.0, 0.5]) / 1.5
    expected = [[0, *third, 0, 0], [0, 0, 1, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1]]
    np.testing.assert_allclose(naive.goal_matrix([7, 7, 7, 8, 9], 0.5), expected)
    np.testing.assert_array_equal(naive.steps_left([7, 7, 7, 8, 9]), [2, 1, 0, 0, 0])


def test_adam_is_optax_default():
    rng = np.random.default_rng(1)
    arrays = [rng.normal(size=(3, 2)).astype(np.float32), rng.normal(size=4).astype(np.float32)]
    ours, theirs = [a.astype(np.float64) for a in arrays], arrays
    adam, optimiser = naive.Adam(ours), optax.adam(3e-4)
    state = optimiser.init(theirs)
    for _ in range(3):
        grads = [rng.normal(size=a.shape).astype(np.float32) for a in arrays]
        ours = adam(ours, grads)
        with jax.numpy_dtype_promotion("standard"):  # optax mixes its integer count with floats.
            updates, state = optimiser.update(grads, state)
        theirs = optax.apply_updates(theirs, updates)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
