"""One seed or several in one program."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Key, PyTree

Result = TypeVar("Result")

_AXIS = "seed"


class Seeds(eqx.Module):
    """What turns functions of one seed's state into functions of the states of all of them.

    Several seeds are trained under `jax.vmap`: every array of their state has a leading axis, one entry a seed. Each
    draws the numbers that it draws by itself. What is computed from them agrees to rounding: a batched matrix product
    may add in another order.

    Attributes:
        numbers: the seeds.
        vmapped: whether the state has the leading axis; `False` for a single seed.
    """

    numbers: tuple[int, ...]
    vmapped: bool

    @property
    def axis(self) -> str | None:
        """The name of the axis of `jax.vmap`, for what all seeds do together."""
        return _AXIS if self.vmapped else None

    @property
    def lead(self) -> int:
        """How many axes the arrays of a state have before their own."""
        return int(self.vmapped)

    def keys(self) -> Key[Array, "..."]:
        """The key from which the run of each seed is drawn."""
        keys = [jr.split(jr.key(number))[0] for number in self.numbers]
        return jnp.stack(keys) if self.vmapped else keys[0]

    def over(self, function: Callable[..., Result]) -> Callable[..., Result]:
        """A function of one seed's keys and state, of those of all seeds."""
        return eqx.filter_vmap(function, axis_name=_AXIS) if self.vmapped else function

    def one(self, state: PyTree, index: int) -> Any:
        """The state of a seed, by its place among them: a copy where there are several."""
        if not self.vmapped:
            return state
        arrays, static = eqx.partition(state, eqx.is_array)
        return eqx.combine(jax.tree.map(lambda x: x[index], arrays), static)

    def split(self, state: PyTree) -> list[Any]:
        """The state of each seed."""
        return [self.one(state, index) for index in range(len(self.numbers))]

    def join(self, states: Sequence[PyTree]) -> Any:
        """The state of all."""
        if not self.vmapped:
            return states[0]
        arrays, static = zip(*(eqx.partition(state, eqx.is_array) for state in states), strict=True)
        return eqx.combine(jax.tree.map(lambda *xs: jnp.stack(xs), *arrays), static[0])
