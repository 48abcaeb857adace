"""Dense, LayerNorm, activation: the layer that the paper repeats up to 1,024 times."""

import equinox as eqx
import jax
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from ._by_name import ByName
from ._check import function, integer, shown
from ._dense import Dense
from ._normalise import EPSILON, Activation, normalise

# Named here so that a config can say `nets.swish` without importing from JAX.
swish = jax.nn.silu
relu = jax.nn.relu


class Layer(ByName):
    """`activation(LayerNorm(Dense(x)))` for one example `x` (the paper's figure 2).

    The norm divides by sqrt(variance + 1e-6), as Flax does (Equinox's default is 1e-5), then scales by 1 and
    shifts by 0 until it learns otherwise. Gradients are reverse-mode only.

    Attributes:
        norm: `None` in a layer without, `activation(Dense(x))` (the paper's figure 16).
    """

    dense: Dense
    norm: eqx.nn.LayerNorm | None
    activation: Activation = eqx.field(static=True)

    def __init__(
        self, in_size: int, out_size: int, activation: Activation = swish, norm: bool = True, *, key: PRNGKeyArray
    ):
        """Sizes as in `Dense`; `activation` acts on each number; `norm`: whether there is a LayerNorm.

        `ValueError` where `activation` cannot be called or `norm` is neither True nor False.
        """
        if not isinstance(norm, bool):
            raise ValueError(f"`norm` of Layer must be True or False; got {shown(norm)}.")
        self.dense = Dense(in_size, out_size, key=key)
        self.norm = eqx.nn.LayerNorm(out_size, eps=EPSILON) if norm else None
        self.activation = function("Layer", "activation", activation)

    def __call__(self, x: Float[Array, " in_size"]) -> Float[Array, " out_size"]:
        """Maps `x`, [in_size], to [out_size]."""
        if self.norm is None:
            return self.activation(self.dense(x))
        return normalise(self.activation, self.dense(x), self.norm.weight, self.norm.bias)


def draw_layers(
    owner: str, width: int, layers: int, activation: Activation, norm: bool, key: PRNGKeyArray
) -> tuple[Layer, ...]:
    """The layers of a block called `owner`, each [width] to [width]; layer i is that of key i of `split(key, layers)`.

    `ValueError` unless `width` and `layers` are integers >= 1; `activation` and `norm` as in `Layer`.
    """
    width, layers = integer(owner, "width", width, 1), integer(owner, "layers", layers, 1)
    # Drawn side by side, which gives the same numbers and a fourth of the program to compile.
    drawn = eqx.filter_vmap(lambda k: Layer(width, width, activation, norm, key=k))(jr.split(key, layers))
    return tuple(jax.tree.map(lambda a, i=i: a[i], drawn) for i in range(layers))
