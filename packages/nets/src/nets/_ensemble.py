"""Several networks of one kind as one: twin critics, and the ensembles of methods that ask for more."""

from collections.abc import Callable
from typing import Generic, TypeVar

import equinox as eqx
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from ._check import integer, shown

Member = TypeVar("Member", bound=Callable)


class Ensemble(eqx.Module, Generic[Member]):
    """`size` networks with weights of their own, asked side by side, traced and compiled once whatever their number:

        jnp.stack([network(x) for network in networks])

    It is made as every other network, by `(in_size, out_size, key=key)` once `make` and `size` are bound:
    `partial(nets.Ensemble, make=nets.ResidualMLP, size=2)` is a twin critic wherever a network is to be named. The
    minimum of TD3 and SAC is `ensemble(x).min(0)`; the mean of the members' losses trains each by its own loss alone,
    times 1 / size.

    Attributes:
        members: one network whose every array has a leading axis `[size, ...]`; member i, made with key i of
            `jax.random.split(key, size)`, has the arrays `a[i]`.
        size: their number.
    """

    members: Member
    size: int = eqx.field(static=True)

    def __init__(self, in_size: int, out_size: int, make: Callable[..., Member], size: int = 2, *, key: PRNGKeyArray):
        """Draws the networks.

        Args:
            in_size, out_size: numbers of features of each member, each >= 1.
            make: `make(in_size, out_size, key=key)` draws one network, which maps [in_size] to [out_size].
            size: number of networks, >= 1.
            key: of all weights.

        Raises:
            ValueError: an argument is of the wrong type or out of range, or `make` makes nothing that can be called.
        """
        in_size = integer("Ensemble", "in_size", in_size, 1)
        out_size = integer("Ensemble", "out_size", out_size, 1)
        self.size = integer("Ensemble", "size", size, 1)
        accepted = "`make` of Ensemble must make a network of (in_size, out_size, key=key), as ResidualMLP; got"
        if not callable(make):
            raise ValueError(f"{accepted} {shown(make)}.")
        self.members = eqx.filter_vmap(lambda k: make(in_size, out_size, key=k))(jr.split(key, self.size))
        if not callable(self.members):
            raise ValueError(f"{accepted} {shown(make)}.")

    def __call__(self, x: Float[Array, " in_size"]) -> Float[Array, "size *output"]:
        """Maps one example `x`, [in_size], to the outputs of all members, [size, out_size]."""
        return eqx.filter_vmap(lambda member, x: member(x), in_axes=(eqx.if_array(0), None))(self.members, x)
