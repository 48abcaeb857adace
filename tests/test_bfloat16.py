"""Matrix products in bfloat16: what is computed in it, what is not, and that it still learns the same."""

from collections.abc import Callable
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import trainers
from tracing import equations

import envs
import nets
from crl.algorithms.contrastive import ContrastiveRL, State


def network(key: jax.Array) -> nets.ResidualMLP:
    return nets.ResidualMLP(5, 3, width=32, depth=8, key=key)


def test_only_the_products_are_in_bfloat16():
    half = nets.in_bfloat16(network(jr.key(0)))
    program = jax.make_jaxpr(lambda x: jax.vmap(half)(x))(jnp.ones((7, 5))).jaxpr
    found = list(equations(program))
    products = [e for e in found if e.primitive.name == "dot_general"]
    assert len(products) == 6  # stem, a block of four, head
    for product in products:
        assert {str(x.aval.dtype) for x in product.invars} == {"bfloat16"}
        assert product.outvars[0].aval.dtype == jnp.float32
    others = {str(v.aval.dtype) for e in found if e.primitive.name in ("rsqrt", "logistic", "add") for v in e.outvars}
    assert others <= {"float32", "int32"}


def test_a_product_is_that_of_the_rounded_numbers_summed_in_float32():
    dense, x = nets.Dense(300, 4, key=jr.key(0)), jr.normal(jr.key(1), (300,))
    rounded = [np.asarray(a.astype(jnp.bfloat16), np.float64) for a in (x, dense.weight)]
    np.testing.assert_allclose(nets.in_bfloat16(dense)(x), rounded[0] @ rounded[1], rtol=1e-5, atol=1e-6)
    assert np.abs(nets.in_bfloat16(dense)(x) - dense(x)).max() > 1e-4  # it is another number


def test_gradients_are_those_of_float32_to_the_precision_of_bfloat16_and_in_its_types():
    net, x = network(jr.key(0)), jr.normal(jr.key(1), (64, 5))

    def loss(net, cast):
        return jnp.mean(jax.vmap(cast(net))(x) ** 2)

    full, half = (eqx.filter_grad(partial(loss, cast=cast))(net) for cast in (lambda net: net, nets.in_bfloat16))
    for ours, exact in zip(jax.tree.leaves(half), jax.tree.leaves(full), strict=True):
        assert ours.dtype == jnp.float32
        assert np.linalg.norm(ours - exact) < 0.05 * np.linalg.norm(exact) + 1e-6


class Scaled(nets.AbstractBlock):
    """`dense(scale * x)`: an array of its own besides, which is a vector in each block and a matrix in a stack."""

    dense: nets.Dense
    scale: jax.Array
    norm: eqx.nn.LayerNorm
    layers: int = eqx.field(static=True, default=1)

    def __init__(self, width: int, *, key):
        self.dense, self.scale = nets.Dense(width, width, key=key), jnp.ones(width)
        self.norm = eqx.nn.LayerNorm((1, width))

    def __call__(self, x):
        return self.norm(self.dense(self.scale * x)[None])[0]


BLOCKS = {c for c in vars(nets).values() if isinstance(c, type) and issubclass(c, nets.AbstractBlock)}
OF_DENSE = [*sorted(BLOCKS - {nets.AbstractBlock, nets.HypersphericalBlock}, key=lambda c: c.__name__), Scaled]


@pytest.mark.parametrize("block", OF_DENSE)
def test_blocks_of_dense_layers_are_cast_alone_stacked_and_in_ensembles(block: type):
    mlp = partial(nets.ResidualMLP, width=8, depth=8, block=block)
    twin = partial(nets.Ensemble, make=mlp)
    makes = (partial(block, 8), partial(mlp, 8, 3), partial(twin, 8, 3), partial(nets.Ensemble, 8, 3, twin, 3))
    for make in makes:
        net = make(key=jr.key(0))
        half = nets.in_bfloat16(net)
        assert half(jnp.ones(8)).dtype == jnp.float32
        assert jax.tree.structure(half) == jax.tree.structure(net)
        found = jax.tree.leaves_with_path(half)
        assert any(leaf.dtype == jnp.bfloat16 for _, leaf in found)
        for path, leaf in found:
            is_weight = jax.tree_util.keystr(path).endswith((".dense.weight", ".head.weight"))
            assert leaf.dtype == (jnp.bfloat16 if is_weight else jnp.float32), path


ACCEPTED = "in_bfloat16 takes networks whose matrices are all weights of nets.Dense"
OTHERS = {
    "hyperspherical": (lambda key: nets.HypersphericalBlock(8, key=key), "HypersphericalBlock has others"),
    "hyperspherical between Dense": (
        lambda key: nets.ResidualMLP(5, 3, 8, 4, nets.HypersphericalBlock, key=key),
        "HypersphericalBlock has others",
    ),
    "Equinox's": (lambda key: eqx.nn.MLP(5, 3, 8, 1, key=key), "Linear has others"),
    "one of two": (
        lambda key: (nets.Dense(5, 3, key=key), eqx.nn.MLP(5, 3, 8, 1, key=key)),
        "Linear has others",
    ),
    "in an ensemble": (
        lambda key: nets.Ensemble(5, 3, partial(eqx.nn.MLP, width_size=8, depth=1), key=key),
        "Linear has others",
    ),
    "a convolution": (lambda key: eqx.nn.Conv1d(2, 3, 3, key=key), "Conv1d has others"),
    "bare arrays": (lambda key: {"w": jnp.ones((5, 3))}, "dict has others"),
    "no matrix": (lambda key: eqx.nn.LayerNorm(5), "LayerNorm has none"),
    "a function": (lambda key: lambda x: x, "function has none"),
}


@pytest.mark.parametrize(("make", "said"), OTHERS.values(), ids=OTHERS)
def test_layers_that_would_stay_in_full_precision_are_refused(make: Callable, said: str):
    with pytest.raises(ValueError) as refused:
        nets.in_bfloat16(make(key=jr.key(0)))
    assert str(refused.value) == f"{ACCEPTED}; {said}."


def test_networks_that_stay_in_full_precision_are_refused_in_an_update():
    with pytest.raises(ValueError) as refused:
        update("bfloat16", partial(eqx.nn.MLP, width_size=8, depth=1))
    assert str(refused.value) == f"{ACCEPTED}; Linear has others."


RESIDUAL = partial(nets.ResidualMLP, width=32, depth=4)


def update(compute: str, build: Callable = RESIDUAL) -> tuple[State, dict[str, jax.Array]]:
    algorithm = ContrastiveRL(actor=build, critic=build, embedding=8, compute=compute)
    agent = algorithm.init(envs.PointMaze(), jr.key(0))
    batch = trainers.batch(*(jr.normal(jr.key(k), (32, size)) for k, size in enumerate((4, 2, 2))))
    return eqx.filter_jit(algorithm.update)(agent, batch, jr.key(9))


def test_an_update_keeps_parameters_and_moments_in_float32():
    (half, ours), (full, exact) = update("bfloat16"), update("float32")
    assert jax.tree.map(jnp.shape, half) == jax.tree.map(jnp.shape, full)
    types = {str(x.dtype) for x in jax.tree.leaves(half)}
    assert types == {"float32", "int32"}
    for name in ("train/critic_loss", "train/actor_loss"):
        assert float(ours[name]) == pytest.approx(float(exact[name]), rel=0.03)
        assert float(ours[name]) != float(exact[name])


def test_other_types_are_refused():
    with pytest.raises(ValueError, match="`compute` of ContrastiveRL must be one of float32, bfloat16; got 'float16'"):
        update("float16")
