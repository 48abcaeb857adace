"""Every network can be pickled and copied, and gives the same bits afterwards."""

import copy
import importlib
import inspect
import pickle
import pkgutil
from collections.abc import Callable
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import nets

WIDTH = 8


def found() -> set[type[eqx.Module]]:
    """Every final module that the package defines."""
    modules = [importlib.import_module(m.name) for m in pkgutil.iter_modules(nets.__path__, "nets.")]
    members = {c for m in modules for c in vars(m).values() if inspect.isclass(c) and issubclass(c, eqx.Module)}
    return {c for c in members if c.__module__.startswith("nets.") and callable(c) and not inspect.isabstract(c)}


BLOCKS = sorted((c for c in found() if issubclass(c, nets.AbstractBlock)), key=lambda c: c.__name__)
MAKE = {
    "Dense": partial(nets.Dense, WIDTH, 3),
    "Layer": partial(nets.Layer, WIDTH, 3),
    "Layer without norm": partial(nets.Layer, WIDTH, 3, norm=False),
    "Layer, relu": partial(nets.Layer, WIDTH, 3, nets.relu),
    "Layer, tanh": partial(nets.Layer, WIDTH, 3, jnp.tanh),  # a function of jax.jit that is not the default
    "Stacked": partial(nets.Stacked, partial(nets.ResidualBlock, WIDTH), 3),
    "Ensemble": partial(nets.Ensemble, WIDTH, 3, partial(nets.ResidualMLP, width=WIDTH), 2),
    **{c.__name__: partial(c, WIDTH) for c in BLOCKS},
    **{f"ResidualMLP, {c.__name__}": partial(nets.ResidualMLP, WIDTH, 3, WIDTH, 4, c) for c in BLOCKS},
}
AGAIN = {"pickle": lambda network: pickle.loads(pickle.dumps(network)), "deepcopy": copy.deepcopy}


def test_every_network_is_tried():
    made = {type(make(key=jr.key(0))) for make in MAKE.values()}
    assert {c for c in found() if c.__name__ != "ByName"} == made


@pytest.mark.parametrize("again", AGAIN.values(), ids=AGAIN)
@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_a_copy_of_a_network_gives_the_same_bits(make: Callable, again: Callable):
    network = make(key=jr.key(0))
    copied = again(network)
    assert jax.tree.structure(copied) == jax.tree.structure(network), "one compiled program serves both"
    x = jr.normal(jr.key(1), (WIDTH,))
    np.testing.assert_array_equal(jax.jit(copied.__call__)(x), jax.jit(network.__call__)(x))


def test_a_function_without_a_name_is_refused_by_pickle_and_copied():
    layer = nets.Layer(2, 2, lambda x: x, key=jr.key(0))
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(layer)
    assert copy.deepcopy(layer).activation is layer.activation
