"""Stacked: the scan against a Python loop, `remat` and what it keeps, a program of one size at any depth."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tracing import abstract, equations, random

import nets

WIDTH, BATCH = 6, 5


def build(depth, remat=0, layers=1):
    return partial(nets.Stacked, partial(nets.ResidualBlock, WIDTH, layers), depth, remat)


def loop(stacked, x):
    """What a stack means: its blocks taken out one by one and applied one after the other."""
    for i in range(stacked.depth):
        x = jax.tree.map(lambda a, i=i: a[i], stacked.blocks)(x)
    return x


def value_and_grad(apply, stacked, x):
    return jax.jit(jax.value_and_grad(lambda s, x: jnp.sum(jnp.sin(apply(s, x))), argnums=(0, 1)))(stacked, x)


def test_scan_is_the_loop_in_value_and_gradient():
    x = jr.normal(jr.key(2), (BATCH, WIDTH))
    looped = value_and_grad(lambda s, x: jax.vmap(partial(loop, s))(x), random(build(4), seed=0), x)
    for remat in (0, 1, 2):
        scanned = value_and_grad(lambda s, x: jax.vmap(s)(x), random(build(4, remat), seed=0), x)
        for a, b in zip(jax.tree.leaves(scanned), jax.tree.leaves(looped), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


class Scale(nets.AbstractBlock):
    """`factor * x`: a stack of them is a product."""

    factor: jax.Array
    layers: int = eqx.field(static=True, default=1)

    def __init__(self, *, key):
        self.factor = jr.uniform(key, minval=0.5, maxval=2.0)

    def __call__(self, x):
        return self.factor * x


@pytest.mark.parametrize("remat", [0, 1, 4])
def test_stack_of_factors_is_their_product(remat):
    stacked = nets.Stacked(Scale, 8, remat, key=jr.key(3))
    factors = np.asarray(stacked.blocks.factor, np.float64)
    value, grad = jax.value_and_grad(lambda s: s(jnp.float32(3.0)))(stacked)
    np.testing.assert_allclose(value, 3 * factors.prod(), rtol=1e-6)
    np.testing.assert_allclose(grad.blocks.factor, 3 * factors.prod() / factors, rtol=1e-5)


def test_block_i_is_the_block_of_key_i_bit_for_bit():
    key, block = jr.key(4), partial(nets.ResidualBlock, WIDTH, 2)
    stacked = nets.Stacked(block, 3, key=key)
    for i, k in enumerate(jr.split(key, 3)):
        for alone, all_blocks in zip(*map(jax.tree.leaves, (block(key=k), stacked.blocks)), strict=True):
            np.testing.assert_array_equal(alone, np.asarray(all_blocks)[i])


@pytest.mark.parametrize("remat", [0, 1, 2])
def test_no_blocks_is_the_identity(remat):
    stacked, x = build(0, remat)(key=jr.key(5)), jnp.arange(6.0)
    np.testing.assert_array_equal(stacked(x), x)
    np.testing.assert_array_equal(jax.grad(lambda x: jnp.sum(stacked(x) ** 2))(x), 2 * x)


@pytest.mark.parametrize(
    "remat, kept",
    [
        (0, [(8, BATCH, WIDTH)] * 4),  # Input and output of both Dense layers of each block.
        (1, [(8, BATCH, WIDTH)]),  # The input of each block.
        (2, [(4, BATCH, WIDTH)]),  # The input of each second block.
        (4, [(2, BATCH, WIDTH)]),
        (8, [(1, BATCH, WIDTH)]),
    ],
)
def test_what_is_kept_for_the_backward_pass(remat, kept):
    stacked, x = abstract(build(8, remat, layers=2)), jax.ShapeDtypeStruct((BATCH, WIDTH), jnp.float32)

    def pullback(s, x):  # Its arrays are what the forward pass leaves to the backward pass.
        return jax.vjp(lambda s, x: jax.vmap(s)(x), s, x)[1]

    residuals = jax.make_jaxpr(pullback)(stacked, x).out_avals
    batched = [a.shape for a in residuals if BATCH in a.shape]
    assert [shape for shape in batched if WIDTH in shape] == kept
    # Without remat, a mean and a deviation of every example in both layers of each block.
    assert [shape for shape in batched if WIDTH not in shape] == [(8, BATCH)] * 4 * (remat == 0)


def arguments(depth, remat):
    """Of `gradient()`: a stack of the paper's blocks, and a batch."""
    return abstract(build(depth, remat, layers=4)), jax.ShapeDtypeStruct((BATCH, WIDTH), jnp.float32)


def gradient():
    """A fresh function each time, so that no cache of JAX answers."""
    return jax.jit(jax.value_and_grad(lambda s, x: jnp.sum(jax.vmap(s)(x) ** 2)))


@pytest.mark.parametrize("remat", [0, 1, 2])
def test_the_program_does_not_grow_with_depth(remat):
    def size(depth):
        return len(list(equations(jax.make_jaxpr(gradient())(*arguments(depth, remat)).jaxpr)))

    def lines(depth):
        return len(gradient().lower(*arguments(depth, remat)).as_text().splitlines())

    assert size(1024) == size(4)
    # Lowering shares equal functions, of which a few more may coincide at small depths.
    assert lines(1024) == pytest.approx(lines(4), rel=0.02)
