"""LayerNorm and activation: the gradient that is written out, and which program each platform gets."""

from functools import partial

import jax
import jax.export
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import nets
from nets._normalise import normalise


def plain(activation, x, scale, shift):
    """The formula, for JAX to differentiate."""
    centred = x - jnp.mean(x)
    return activation(centred / jnp.sqrt(jnp.mean(centred**2) + 1e-6) * scale + shift)


def slopes(function, *operands):
    """Value, and gradients by all operands, of a batch with a cotangent that differs from number to number."""

    def scalar(x, scale, shift):
        y = jax.vmap(lambda x: function(x, scale, shift))(x)
        return jnp.sum(y * jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)), y

    return jax.jit(jax.value_and_grad(scalar, (0, 1, 2), has_aux=True))(*operands)


@pytest.fixture(params=["cpu", "default"])
def branch(request, monkeypatch):
    """What runs on a CPU, and what runs elsewhere."""
    monkeypatch.setattr(jax.lax, "platform_dependent", lambda *operands, **per: per[request.param](*operands))


@pytest.mark.parametrize("activation", [nets.swish, nets.relu, jnp.tanh])
def test_the_gradient_is_that_of_the_formula(branch, activation):
    with jax.enable_x64(True):
        keys = jr.split(jr.key(0), 3)
        operands = [
            jr.normal(key, shape, jnp.float64) for key, shape in zip(keys, ((7, 12), (12,), (12,)), strict=True)
        ]
        ours, expected = (slopes(partial(f, activation), *operands) for f in (normalise, plain))
        for found, wanted in zip(jax.tree.leaves(ours), jax.tree.leaves(expected), strict=True):
            assert found.dtype == jnp.float64
            np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-12)


def test_a_row_of_equal_numbers_has_a_finite_gradient(branch):
    (_, y), found = slopes(partial(normalise, nets.swish), jnp.full((2, 5), 3.0), jnp.ones(5), jnp.zeros(5))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))
    np.testing.assert_array_equal(y, np.zeros((2, 5)))


@pytest.mark.parametrize("platform, products", [("cpu", 2), ("cuda", 0), ("tpu", 0)])
def test_only_a_cpu_takes_means_by_products(platform, products):
    operands = jnp.ones((7, 12)), jnp.ones(12), jnp.zeros(12)
    program = jax.jit(jax.grad(lambda *o: jnp.sum(jax.vmap(partial(normalise, nets.swish), (0, None, None))(*o))))
    text = jax.export.export(program, platforms=[platform])(*operands).mlir_module()
    assert text.count("stablehlo.dot_general") == products
