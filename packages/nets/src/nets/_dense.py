"""The affine map with the paper's initialisation."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from ._check import integer


class Dense(eqx.Module):
    """`x @ weight + bias` for one example `x`.

    Weights start uniform in ±1/sqrt(in_size) and biases at zero, as in the paper's released code (Flax's
    `variance_scaling(1/3, "fan_in", "uniform")`); `equinox.nn.Linear` would draw the bias too.

    Attributes:
        weight: [in_size, out_size]; in bfloat16 the product is of bfloat16 numbers, summed in the bias' type.
        bias: [out_size].
    """

    weight: Float[Array, "in_size out_size"]
    bias: Float[Array, " out_size"]

    def __init__(self, in_size: int, out_size: int, *, key: PRNGKeyArray):
        """Both sizes are integers >= 1; else `ValueError`."""
        in_size = integer("Dense", "in_size", in_size, 1)
        out_size = integer("Dense", "out_size", out_size, 1)
        bound = in_size**-0.5
        self.weight = jr.uniform(key, (in_size, out_size), minval=-bound, maxval=bound)
        self.bias = jnp.zeros(out_size)

    def __call__(self, x: Float[Array, " in_size"]) -> Float[Array, " out_size"]:
        """Maps `x`, [in_size], to [out_size]; `ValueError` for any other shape, a batch included."""
        expected = self.weight.shape[:1]
        if x.shape != expected:
            raise ValueError(f"Dense takes one example of shape {expected} (or jax.vmap); got {x.shape}.")
        product = jnp.matmul(x.astype(self.weight.dtype), self.weight, preferred_element_type=self.bias.dtype)
        return product + self.bias
