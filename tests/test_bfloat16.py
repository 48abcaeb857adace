"""Matrix products in bfloat16: what is computed in it, what is not, and that it still learns the same."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tracing import equations

import crl
import envs
import nets


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


def update(compute: str) -> tuple[crl.Agent, dict[str, jax.Array]]:
    build = partial(nets.ResidualMLP, width=32, depth=4)
    algorithm = crl.ContrastiveRL(actor=build, critic=build, embedding=8, compute=compute)
    agent = algorithm.init(envs.PointMaze(), jr.key(0))
    batch = crl.Batch(*(jr.normal(jr.key(k), (32, size)) for k, size in enumerate((4, 2, 2))))
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
