"""Dense and Layer: initialisation, values by hand, what the backward pass keeps."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import nets


@pytest.mark.parametrize("in_size", [1, 7, 256])
def test_weights_fill_plus_minus_one_over_sqrt_fan_in_and_biases_are_zero(in_size):
    dense = nets.Dense(in_size, 4096, key=jr.key(in_size))
    bound = 1 / np.sqrt(in_size)
    weight = np.asarray(dense.weight, np.float64)
    assert weight.shape == (in_size, 4096) and dense.weight.dtype == jnp.float32
    assert 0.99 * bound < np.abs(weight).max() <= bound * (1 + 1e-6)
    # The variance of a uniform law; its estimate from n draws strays by bound^2 sqrt(4/45 / n).
    assert weight.var() == pytest.approx(bound**2 / 3, abs=5 * bound**2 * np.sqrt(4 / 45 / weight.size))
    assert weight.mean() == pytest.approx(0, abs=5 * bound / np.sqrt(3 * weight.size))
    np.testing.assert_array_equal(dense.bias, np.zeros(4096, np.float32))


def test_dense_is_affine():
    dense = nets.Dense(2, 3, key=jr.key(0))
    weight, bias = jnp.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]), jnp.array([0.5, 0.0, -0.5])
    dense = eqx.tree_at(lambda d: (d.weight, d.bias), dense, (weight, bias))
    np.testing.assert_array_equal(dense(jnp.array([1.0, -1.0])), [-8.5, -18.0, -27.5])


def test_epsilon_of_the_norm_is_1e_6():
    # An output of ±1e-3 has variance 1e-6: normalised, ±1/sqrt(2). With Equinox's 1e-5 it would be ±0.30.
    layer = nets.Layer(1, 2, activation=lambda z: z, key=jr.key(0))
    layer = eqx.tree_at(lambda layer: layer.dense.weight, layer, jnp.array([[1e-3, -1e-3]]))
    np.testing.assert_allclose(layer(jnp.ones(1)), [np.sqrt(0.5), -np.sqrt(0.5)], rtol=1e-5)


def test_norm_starts_plain_and_activation_is_swish():
    layer = nets.Layer(3, 2, key=jr.key(0))
    np.testing.assert_array_equal(layer.norm.weight, np.ones(2))
    np.testing.assert_array_equal(layer.norm.bias, np.zeros(2))
    # Two numbers far apart normalise to ±1, whatever they are.
    swish = 1 / (1 + np.exp(-1)), -1 / (1 + np.exp(1))
    np.testing.assert_allclose(np.sort(layer(1e3 * jnp.ones(3)))[::-1], swish, rtol=1e-4)
    np.testing.assert_array_equal(nets.relu(jnp.array([-1.0, 2.0])), [0, 2])


def test_layer_keeps_only_input_and_output_of_its_dense():
    layer = nets.Layer(3, 5, key=jr.key(0))
    _, pullback = jax.vjp(lambda layer, x: jax.vmap(layer)(x), layer, jnp.ones((7, 3)))
    kept = sorted(leaf.shape for leaf in jax.tree.leaves(pullback) if leaf.shape[:1] == (7,))
    assert kept == [(7,), (7,), (7, 3), (7, 5)]  # and a mean and a deviation of every example
