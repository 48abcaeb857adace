"""Modules without numbers, modules with any numbers, and what is in a traced program."""

from collections.abc import Callable, Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.extend.core import jaxprs_in_params


def abstract(build: Callable):
    """What `build(key=key)` makes, its arrays shapes only: enough to count, trace, lower and compile."""
    return eqx.filter_eval_shape(lambda key: build(key=key), jr.key(0))


def random(build: Callable, seed: int):
    """What `build(key=key)` makes, every array normal: no zero bias or unit scale hides a mistake.

    NumPy draws, with standard deviation 0.5: nothing is compiled.
    """
    rng = np.random.default_rng(seed)

    def draw(leaf):
        return jnp.asarray(rng.normal(scale=0.5, size=leaf.shape).astype(np.float32))

    return jax.tree.map(draw, abstract(build))


def equations(jaxpr) -> Iterator:
    """Each equation of a jaxpr once, those of the jaxprs inside it too."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in jaxprs_in_params(equation.params):
            yield from equations(inner)
