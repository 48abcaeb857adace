"""One seed or several in one program: what `train` runs, with the same functions for both."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key, PyTree

from ._trainer import Trainer, TrainState

_AXIS = "seed"


class Solo(eqx.Module):
    """A trainer of one seed.

    Attributes:
        trainer: what trains.
    """

    trainer: Trainer

    def agent(self, keys: Key[Array, " seed"]) -> Any:
        """A fresh agent from the one key."""
        return self.trainer.agent(keys[0])

    def init(self, keys: Key[Array, " seed"], agent: Any = None) -> TrainState:
        """A fresh state from the one key, with the agent given."""
        return self.trainer.init(keys[0], agent)

    def shardings(self, state: PyTree) -> PyTree:
        """Where the arrays of a state lie."""
        return self.trainer.shardings(state)

    def collect(self, state: TrainState) -> TrainState:
        """See `Trainer.collect`."""
        return self.trainer.collect(state)

    def learn(self, state: TrainState, updates: Int[Array, ""]) -> TrainState:
        """See `Trainer.learn`."""
        return self.trainer.learn(state, updates)

    def one(self, state: TrainState, index: int) -> TrainState:
        """The state of a seed, by its place among them."""
        return state

    def split(self, state: TrainState) -> list[TrainState]:
        """The state of each seed."""
        return [state]

    def join(self, states: Sequence[TrainState]) -> TrainState:
        """The state of all."""
        return states[0]


class Seeds(eqx.Module):
    """A trainer of several seeds under `jax.vmap`: every array of its state has a leading axis, one entry a seed.

    A seed draws the numbers that it draws alone. What is computed from them agrees to rounding: a batched matrix
    product may add in another order.

    Attributes:
        trainer: what trains.
    """

    trainer: Trainer

    def agent(self, keys: Key[Array, " seed"]) -> Any:
        """A fresh agent for every key."""
        return eqx.filter_vmap(self.trainer.agent)(keys)

    def init(self, keys: Key[Array, " seed"], agent: Any = None) -> TrainState:
        """A fresh state for every key, with the agents given."""
        return eqx.filter_vmap(self.trainer.init)(keys, agent)

    def shardings(self, state: PyTree) -> PyTree:
        """Where the arrays of a state lie: every seed's as those of a state alone."""
        return self.trainer.shardings(state, lead=1)

    def collect(self, state: TrainState) -> TrainState:
        """See `Trainer.collect`."""
        return _mapped(self.trainer.collect, state)

    def learn(self, state: TrainState, updates: Int[Array, ""]) -> TrainState:
        """See `Trainer.learn`; all seeds stop behind an update in which one of them is not finite."""
        return _mapped(lambda state: self.trainer.learn(state, updates, together=_AXIS), state)

    def one(self, state: TrainState, index: int) -> TrainState:
        """The state of a seed, by its place among them: a copy."""
        arrays, static = eqx.partition(state, eqx.is_array)
        return eqx.combine(jax.tree.map(lambda x: x[index], arrays), static)

    def split(self, state: TrainState) -> list[TrainState]:
        """The state of each seed: a copy of all."""
        return [self.one(state, index) for index in range(len(state.updates))]

    def join(self, states: Sequence[TrainState]) -> TrainState:
        """The state of all."""
        arrays, static = zip(*(eqx.partition(state, eqx.is_array) for state in states), strict=True)
        return eqx.combine(jax.tree.map(lambda *xs: jnp.stack(xs), *arrays), static[0])


def _mapped(step, state: TrainState) -> TrainState:
    arrays, static = eqx.partition(state, eqx.is_array)

    @partial(jax.vmap, axis_name=_AXIS)
    def mapped(arrays: PyTree) -> PyTree:
        return eqx.filter(step(eqx.combine(arrays, static)), eqx.is_array)

    return eqx.combine(mapped(arrays), static)
