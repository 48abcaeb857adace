"""ResidualMLP: the paper's parameter counts, its text in NumPy, plain matrix products under vmap."""

import json
import statistics
import sys
import time
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import naive
import numpy as np
import processes
import pytest
from environment import users_environment
from tracing import abstract, equations, random

import nets

# Sizes of state, goal, action; depth and width; parameters of phi(s, a), psi(g) and actor(s, g): counted from
# the paper's released code.
HUMANOID, ANT_MAZE, ARM = (268, 3, 17), (29, 2, 8), (17, 3, 5)
COUNTS = [
    (HUMANOID, 4, 256, 355_392, 283_200, 344_098),
    (HUMANOID, 8, 256, 620_608, 548_416, 609_314),
    (HUMANOID, 16, 256, 1_151_040, 1_078_848, 1_139_746),
    (HUMANOID, 32, 256, 2_211_904, 2_139_712, 2_200_610),
    (HUMANOID, 64, 256, 4_333_632, 4_261_440, 4_322_338),
    (HUMANOID, 256, 256, 17_064_000, 16_991_808, 17_052_706),
    (HUMANOID, 1024, 256, 67_985_472, 67_913_280, 67_974_178),
    (HUMANOID, 4, 2048, 17_522_752, 16_945_216, 17_432_610),
    (ANT_MAZE, 4, 256, 291_904, 282_944, 278_032),
    (ANT_MAZE, 8, 256, 557_120, 548_160, 543_248),
    (ANT_MAZE, 16, 256, 1_087_552, 1_078_592, 1_073_680),
    (ANT_MAZE, 32, 256, 2_148_416, 2_139_456, 2_134_544),
    (ANT_MAZE, 64, 256, 4_270_144, 4_261_184, 4_256_272),
    (ANT_MAZE, 4, 2048, 17_014_848, 16_943_168, 16_904_208),
    (ARM, 4, 256, 288_064, 283_200, 273_674),
    (ARM, 8, 256, 553_280, 548_416, 538_890),
    (ARM, 16, 256, 1_083_712, 1_078_848, 1_069_322),
    (ARM, 32, 256, 2_144_576, 2_139_712, 2_130_186),
    (ARM, 64, 256, 4_266_304, 4_261_440, 4_251_914),
    (ARM, 4, 2048, 16_984_128, 16_945_216, 16_869_386),
]


def parameters(*sizes) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(abstract(partial(nets.ResidualMLP, *sizes))))


@pytest.mark.parametrize("sizes, depth, width, phi, psi, actor", COUNTS)
def test_parameters_are_the_papers(sizes, depth, width, phi, psi, actor):
    state, goal, action = sizes
    assert parameters(state + action, 64, width, depth) == phi
    assert parameters(goal, 64, width, depth) == psi
    assert parameters(state + goal, 2 * action, width, depth) == actor


def test_parameters_of_the_deepest_run():
    # Critics of depth 1024 with an actor of 512: 169,925,282 in all.
    assert parameters(268 + 3, 2 * 17, 256, 512) == 34_026_530


def as_naive(net: nets.ResidualMLP) -> naive.Network:
    """The same arrays (or gradients) in the order of the paper's text."""

    def layer(made, i=...):
        arrays = made.dense.weight, made.dense.bias, made.norm.weight, made.norm.bias
        return [np.asarray(a, np.float64)[i] for a in arrays]

    body = net.blocks.blocks.body
    inner = [layer(made, i) for i in range(net.blocks.depth) for made in body]
    head = [np.asarray(a, np.float64) for a in (net.head.weight, net.head.bias)]
    return [layer(net.stem), *inner, head]


@pytest.mark.parametrize("depth, remat", [(0, 0), (0, 1), (4, 0), (8, 0), (8, 1), (16, 2)])
def test_value_and_gradients_are_those_of_the_text(depth, remat):
    net = random(partial(nets.ResidualMLP, 3, 2, 6, depth, remat=remat), seed=depth)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(5, 3)).astype(np.float32)
    weights = rng.normal(size=(5, 2)).astype(np.float32)

    def scalar(net, x):
        y = jax.vmap(net)(x)
        return jnp.sum(weights * y), y

    (d_net, d_x), y = jax.jit(jax.grad(scalar, (0, 1), has_aux=True))(net, x)
    expected, saved = naive.forward(as_naive(net), np.asarray(x, np.float64))
    d_x_expected, d_net_expected = naive.backward(as_naive(net), saved, np.asarray(weights, np.float64))
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(d_x, d_x_expected, rtol=1e-3, atol=1e-4)
    for ours, text in zip(naive.flat(as_naive(d_net)), naive.flat(d_net_expected), strict=True):
        np.testing.assert_allclose(ours, text, rtol=1e-3, atol=1e-4)


def forward(net, x):
    return jax.vmap(net)(x)


def large(remat=0):
    """A network and a batch of 512, without numbers."""
    net = abstract(partial(nets.ResidualMLP, 29, 16, 64, 32, remat=remat))
    return net, jax.ShapeDtypeStruct((512, 29), jnp.float32)


@pytest.mark.parametrize("remat", [0, 1, 2])
def test_a_batch_is_plain_matrix_products(remat):
    found = list(equations(jax.make_jaxpr(forward)(*large(remat)).jaxpr))
    products = [e.params["dimension_numbers"] for e in found if e.primitive.name == "dot_general"]
    # Stem, one block of four layers, head: each [512, in] x [in, out], no batch dimension in the product.
    assert products == [(((1,), (0,)), ((), ()))] * 6
    assert not [e for e in found if e.primitive.name == "transpose"]


def test_the_compiled_batch_transposes_nothing():
    assert " transpose(" not in jax.jit(forward).lower(*large()).compile().as_text()


def test_parts_are_drawn_from_different_keys_and_the_same_key_draws_the_same():
    build = partial(nets.ResidualMLP, 6, 6, 6, 8)
    net, again, other = build(key=jr.key(0)), build(key=jr.key(0)), build(key=jr.key(1))
    one, two = (layer.dense.weight for layer in net.blocks.blocks.body[:2])
    matrices = [net.stem.dense.weight, one[0], one[1], two[0], net.head.weight, other.stem.dense.weight]
    assert len({np.asarray(m).tobytes() for m in matrices}) == len(matrices)
    assert eqx.tree_equal(net, again)


def test_block_types_and_activations_are_plug_in():
    calls = []

    def block(width, *, key):  # As a config library wraps a class: a function, not the class.
        calls.append(width)
        return nets.ResidualBlock(width, layers=2, activation=nets.relu, key=key)

    net = nets.ResidualMLP(3, 2, 8, depth=6, block=block, activation=nets.relu, key=jr.key(0))
    assert net.blocks.depth == 3 and len(net.blocks.blocks.body) == 2 and set(calls) == {8}
    assert net.stem.activation is net.blocks.blocks.body[1].activation is nets.relu
    assert net(jnp.ones(3)).shape == (2,)


@pytest.mark.proof
def test_compile_time_does_not_grow_with_depth():
    # In a process of its own, because the suite switches LLVM's optimisation off.
    done = processes.finish([sys.executable, __file__], env=users_environment(), stderr=None)
    median = {int(depth): value for depth, value in json.loads(done.stdout).items()}
    print("CPU seconds to trace and compile value_and_grad:")
    print(*(f"depth {depth}: {value:.2f}" for depth, value in median.items()), sep=", ")
    assert median[1024] < 1.5 * median[4]
    # XLA dissolves a loop of one iteration, so that depth 4, one block, is a smaller program than all others.
    assert median[1024] < 1.2 * median[8]


def compile_seconds() -> dict[int, float]:
    """By depth, at the paper's sizes: CPU time, for the machine may be busy; medians of interleaved repetitions."""
    batch, seconds = jax.ShapeDtypeStruct((512, 271), jnp.float32), {}
    for _ in range(10):
        for depth in (4, 8, 64, 1024):
            net = abstract(partial(nets.ResidualMLP, 271, 64, 256, depth))
            start = time.process_time()
            # A new function each time, so that no cache of JAX answers.
            loss = jax.value_and_grad(lambda net, x: jnp.mean(forward(net, x) ** 2))
            jax.jit(loss).lower(net, batch).compile()
            seconds.setdefault(depth, []).append(time.process_time() - start)
    # The first repetition pays for what is loaded once.
    return {depth: statistics.median(values[1:]) for depth, values in seconds.items()}


if __name__ == "__main__":
    print(json.dumps(compile_seconds()))
