"""HypersphericalBlock against its formula and SimBa-v2's in NumPy; lengths stay 1 at any depth."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from naive import sigmoid
from tracing import abstract, random

import nets

WIDTH = 6


def unit(v: np.ndarray, axis: int = -1) -> np.ndarray:
    return v / np.sqrt((v**2).sum(axis, keepdims=True))


def swish(x: np.ndarray) -> np.ndarray:
    return x * sigmoid(x)


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def formula(block, x: np.ndarray, scales: np.ndarray, alpha: np.ndarray, activation) -> np.ndarray:
    """The block in float64 on a batch, [B, width], with the scales and the alpha that its parameters stand for."""
    h = unit(x)
    y = h
    for i, weight in enumerate(np.float64(block.weights)):
        y = y if i == 0 else activation(scales[i - 1] * y)
        y = unit(y @ unit(weight, axis=0))
    return unit(h + alpha * (y - h))


def batch(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(5, WIDTH)).astype(np.float32)


@pytest.mark.parametrize("layers", [2, 4])
@pytest.mark.parametrize("ours, plain", [(nets.swish, swish), (nets.relu, relu)])
def test_value_is_that_of_the_formula(layers, ours, plain):
    block = random(partial(nets.HypersphericalBlock, WIDTH, layers, ours, alpha=0.3), seed=layers)
    scales = np.float64(block.scales) * np.sqrt(WIDTH) / np.sqrt(2 / WIDTH)
    alpha = np.float64(block.alpha) * 0.3 / np.sqrt(1 / WIDTH)
    expected = formula(block, np.float64(batch()), scales, alpha, plain)
    np.testing.assert_allclose(jax.jit(jax.vmap(block))(batch()), expected, rtol=1e-4, atol=1e-5)


def test_at_the_start_scales_are_sqrt_width_and_alpha_is_as_given():
    block = nets.HypersphericalBlock(WIDTH, alpha=0.125, key=jr.key(0))
    expected = formula(block, np.float64(batch()), np.full((3, WIDTH), np.sqrt(WIDTH)), np.full(WIDTH, 0.125), swish)
    np.testing.assert_allclose(jax.vmap(block)(batch()), expected, rtol=1e-4, atol=1e-5)
    # What Adam sees: SimBa-v2's sizes.
    np.testing.assert_allclose(block.scales, np.full((3, WIDTH), np.sqrt(2 / WIDTH)), rtol=1e-6)
    np.testing.assert_allclose(block.alpha, np.full(WIDTH, WIDTH**-0.5), rtol=1e-6)


def test_weights_start_orthogonal_and_different():
    weights = np.asarray(nets.HypersphericalBlock(WIDTH, key=jr.key(0)).weights, np.float64)
    for weight in weights:
        np.testing.assert_allclose(weight.T @ weight, np.eye(WIDTH), atol=1e-6)
    assert len({weight.tobytes() for weight in weights}) == 4


def test_with_relu_and_two_layers_it_is_the_block_of_simba_v2():
    """Equations 11 and 12, the scale starting at sqrt(2 / width), no norm before it."""
    block = random(partial(nets.HypersphericalBlock, WIDTH, 2, nets.relu, alpha=0.25), seed=3)
    first, second = (unit(weight, axis=0) for weight in np.float64(block.weights))
    h = unit(np.float64(batch()))
    y = unit(relu(np.float64(block.scales[0]) * (h @ first)) @ second)
    alpha = np.float64(block.alpha) * 0.25 * np.sqrt(WIDTH)
    expected = unit((1 - alpha) * h + alpha * y)
    np.testing.assert_allclose(jax.vmap(block)(batch()), expected, rtol=1e-4, atol=1e-5)


def test_lengths_of_weights_and_inputs_do_not_matter():
    block = random(partial(nets.HypersphericalBlock, WIDTH), seed=4)
    longer = eqx.tree_at(lambda b: b.weights, block, block.weights * jnp.linspace(0.1, 9.0, WIDTH).reshape(1, 1, -1))
    y = jax.vmap(block)(batch())
    np.testing.assert_allclose(jax.vmap(longer)(1e3 * batch()), y, rtol=1e-4, atol=1e-5)
    slopes = jax.grad(lambda b: jnp.sum(jax.vmap(b)(batch()) ** 3))(block)
    along = np.sum(np.asarray(slopes.weights) * np.asarray(block.weights), axis=1)
    np.testing.assert_allclose(along, np.zeros_like(along), atol=1e-5)
    assert np.abs(slopes.weights).max() > 1e-2


@pytest.mark.parametrize("size", [1e-3, 1e3])
def test_at_depth_256_features_stay_finite_and_of_length_1(size):
    stack = partial(nets.Stacked, partial(nets.HypersphericalBlock, WIDTH), 64)
    stack = jax.tree.map(lambda a: size * a, random(stack, seed=5))

    def features(blocks, x):
        def one(x, block):
            return (y := jax.vmap(block)(x)), y

        return jax.lax.scan(one, x, blocks)[1]

    def scalar(blocks):
        y = features(blocks, size * batch())
        return jnp.sum(y[-1] ** 3), y

    slopes, y = jax.jit(jax.grad(scalar, has_aux=True))(stack.blocks)
    np.testing.assert_allclose(np.linalg.norm(y, axis=-1), np.ones((64, 5)), rtol=1e-5)
    np.testing.assert_allclose(jax.jit(jax.vmap(stack))(size * batch()), y[-1], rtol=1e-4, atol=1e-5)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))


def test_a_row_of_zeros_has_a_finite_gradient():
    block = random(partial(nets.HypersphericalBlock, WIDTH), seed=7)
    value, slopes = jax.jit(jax.value_and_grad(lambda b, x: jnp.sum(b(x) ** 3), (0, 1)))(block, jnp.zeros(WIDTH))
    assert value == 0 and all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))


def test_new_deep_networks_tell_inputs_apart():
    stack = nets.Stacked(partial(nets.HypersphericalBlock, 32, alpha=1 / 65), 64, key=jr.key(0))
    x = unit(np.random.default_rng(6).normal(size=(8, 32)))
    y = np.asarray(jax.vmap(stack)(x.astype(np.float32)))
    pairs = np.triu_indices(8, 1)
    assert (y @ y.T)[pairs].mean() < (x @ x.T)[pairs].mean() + 0.2


def test_it_is_a_block_of_residual_mlp():
    net = abstract(partial(nets.ResidualMLP, 3, 2, 8, 16, nets.HypersphericalBlock))
    assert net.blocks.depth == 4
    assert sum(leaf.size for leaf in jax.tree.leaves(net.blocks)) == 16 * (8 * 8 + 8)
