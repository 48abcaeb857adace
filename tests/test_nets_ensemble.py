"""Ensemble: its members against a Python loop, its gradients, a program of one size at any number."""

from collections.abc import Callable
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tracing import abstract, equations, random

import nets

IN, OUT, BATCH = 5, 2, 4
MAKE = {
    "ResidualMLP": partial(nets.ResidualMLP, width=8, depth=8),
    "ResidualMLP, recomputed": partial(nets.ResidualMLP, width=8, depth=8, remat=1),
    "hyperspherical": partial(nets.ResidualMLP, width=8, depth=4, block=nets.HypersphericalBlock),
    "Equinox's MLP": partial(eqx.nn.MLP, width_size=8, depth=1),  # has a function that is no static field
}


def members(ensemble: nets.Ensemble) -> list[Callable]:
    """The networks one by one."""
    arrays, rest = eqx.partition(ensemble.members, eqx.is_array)
    return [eqx.combine(jax.tree.map(lambda a, i=i: a[i], arrays), rest) for i in range(ensemble.size)]


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_member_i_is_the_network_of_key_i(make: Callable):
    ensemble = nets.Ensemble(IN, OUT, make, 3, key=jr.key(0))
    assert all(a.shape[0] == 3 for a in jax.tree.leaves(eqx.filter(ensemble, eqx.is_array)))
    for member, key in zip(members(ensemble), jr.split(jr.key(0), 3), strict=True):
        alone = make(IN, OUT, key=key)
        assert jax.tree.structure(member) == jax.tree.structure(alone)
        for a, b in zip(*(jax.tree.leaves(eqx.filter(n, eqx.is_array)) for n in (member, alone)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_values_and_gradients_are_those_of_a_loop(make: Callable):
    x, size = jr.normal(jr.key(1), (BATCH, IN)), 3

    def looped(ensemble: nets.Ensemble, x):
        return jnp.stack([network(x) for network in members(ensemble)])

    def loss(apply, params, rest, x):
        y = jax.vmap(partial(apply, eqx.combine(params, rest)))(x)
        return jnp.sum(jnp.sin(y) * jnp.arange(1.0, 1 + size).reshape(1, size, 1)), y  # members weigh differently

    params, rest = eqx.partition(nets.Ensemble(IN, OUT, make, size, key=jr.key(0)), eqx.is_array)
    params = random(lambda key: params, seed=2)
    found, expected = (
        jax.jit(jax.value_and_grad(lambda p, x, a=apply: loss(a, p, rest, x), argnums=(0, 1), has_aux=True))(params, x)
        for apply in (lambda ensemble, x: ensemble(x), looped)
    )
    assert found[0][1].shape == (BATCH, size, OUT)
    for a, b in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_the_program_and_the_tracing_are_the_same_at_any_size():
    traced = []

    class Counted(eqx.Module):
        """A Dense that counts how often it is made and called."""

        dense: nets.Dense

        def __init__(self, in_size: int, out_size: int, *, key):
            traced.append("made")
            self.dense = nets.Dense(in_size, out_size, key=key)

        def __call__(self, x):
            traced.append("called")
            return self.dense(x)

    found = []
    for size in (1, 2, 64):
        traced.clear()
        ensemble = abstract(partial(nets.Ensemble, IN, OUT, Counted, size))
        program = eqx.filter_make_jaxpr(lambda e, x: jax.vmap(e)(x))(ensemble, jnp.ones((BATCH, IN)))[0]
        found.append(([e.primitive.name for e in equations(program.jaxpr)], traced.copy()))
        assert program.out_avals[0].shape == (BATCH, size, OUT)
    assert found[0] == found[1] == found[2]
    assert found[0][1] == ["made", "called"] and found[0][0].count("dot_general") == 1


def test_it_is_made_as_other_networks_are():
    twin = partial(nets.Ensemble, make=MAKE["ResidualMLP"])
    assert twin(IN, OUT, key=jr.key(0))(jnp.ones(IN)).shape == (2, OUT)
    nested = nets.Ensemble(IN, OUT, twin, 3, key=jr.key(0))
    assert nested(jnp.ones(IN)).shape == (3, 2, OUT)
