"""Networks without a part of the paper's, against the same sums in NumPy."""

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


def forward(net: nets.ResidualMLP, x: np.ndarray, activation, *, skip: bool) -> np.ndarray:
    """Stem, blocks, head of `net` in float64, [B, in] to [B, out]; a layer without a norm has none here."""

    def dense(x, made, i):
        return x @ np.float64(made.weight)[i] + np.float64(made.bias)[i]

    def layer(x, made, i=...):
        x = dense(x, made.dense, i)
        if made.norm is not None:
            x = x - x.mean(1, keepdims=True)
            x = x / np.sqrt((x**2).mean(1, keepdims=True) + 1e-6)
            x = x * np.float64(made.norm.weight)[i] + np.float64(made.norm.bias)[i]
        return activation(x)

    x = layer(np.float64(x), net.stem)
    for i in range(net.blocks.depth):
        y = x
        for made in net.blocks.blocks.body:
            y = layer(y, made, i)
        x = x + y if skip else y
    return dense(x, net.head, ...)


def swish(x):
    return x * sigmoid(x)


def check(build, activation, skip: bool) -> nets.ResidualMLP:
    net = random(build, seed=0)
    x = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
    expected = forward(net, x, activation, skip=skip)
    np.testing.assert_allclose(jax.jit(jax.vmap(net))(x), expected, rtol=1e-4, atol=1e-4)
    return net


@pytest.mark.parametrize("depth, layers", [(3, 1), (5, 1), (8, 4)])
def test_without_the_skip(depth, layers):
    net = check(partial(nets.ResidualMLP, 3, 2, 6, depth, partial(nets.PlainBlock, layers=layers)), swish, skip=False)
    assert net.blocks.depth == depth // layers and net.blocks.blocks.layers == layers


def test_where_plain_blocks_end_changes_nothing():
    whole = random(partial(nets.PlainBlock, 6, layers=4), seed=0)
    split = nets.Stacked(partial(nets.PlainBlock, 6, layers=1), 4, key=jr.key(0))
    split = eqx.tree_at(lambda s: s.blocks.body[0], split, jax.tree.map(lambda *a: jnp.stack(a), *whole.body))
    x = jr.normal(jr.key(1), (6,))
    np.testing.assert_allclose(split(x), whole(x), rtol=1e-6)
    residual = random(partial(nets.ResidualBlock, 6, layers=4), seed=0)  # draws the same numbers
    np.testing.assert_allclose(residual(x), x + whole(x), rtol=1e-6)


def relu(x):
    return np.maximum(x, 0)


@pytest.mark.parametrize("block", [nets.ResidualBlock, nets.PlainBlock])
@pytest.mark.parametrize("activation, plain", [(nets.swish, swish), (nets.relu, relu)])
@pytest.mark.parametrize("norm", [True, False])
def test_without_layer_norm_and_with_relu(block, activation, plain, norm):
    of_block = partial(block, layers=2, activation=activation, norm=norm)
    build = partial(nets.ResidualMLP, 3, 2, 6, 4, of_block, activation=activation, norm=norm)
    net = check(build, plain, skip=block is nets.ResidualBlock)
    layers = [net.stem, *net.blocks.blocks.body]
    assert [layer.norm is not None for layer in layers] == 3 * [norm]


def test_the_stem_and_the_blocks_have_norms_of_their_own():
    net = abstract(partial(nets.ResidualMLP, 3, 2, 6, 4, norm=False))
    assert net.stem.norm is None and net.blocks.blocks.body[0].norm is not None
    net = abstract(partial(nets.ResidualMLP, 3, 2, 6, 4, partial(nets.ResidualBlock, norm=False)))
    assert net.stem.norm is not None and net.blocks.blocks.body[0].norm is None
