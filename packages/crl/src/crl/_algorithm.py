"""What the trainer needs to know of a learning algorithm, and nothing more."""

import abc
from typing import Generic, TypeVar

import equinox as eqx
import jax.random as jr
from jaxtyping import Array, Float, Key

from envs import AbstractEnv, AbstractPolicy

from ._batch import Batch

State = TypeVar("State")
Networks = TypeVar("Networks")


class Mean(eqx.Module):
    """A metric of an update as a mean over cases of which a batch may hold none.

    Attributes:
        total: the sum over the cases.
        count: how many there are; a record leaves out a metric without a case.
    """

    total: Float[Array, ""]
    count: Float[Array, ""]


Metrics = dict[str, Float[Array, ""] | Mean]
"""Scalars of an update, named `train/...`: the same names always. One that is not finite stops the run."""


class AbstractAlgorithm(eqx.Module, Generic[State, Networks]):
    """A goal-conditioned algorithm as pure functions of an explicit state.

    `Networks` is what acts and is evaluated: all that a snapshot stores. `State` is that and whatever learning needs
    besides: targets, optimisers, counters. Both are pytrees of the algorithm's own.
    """

    horizon: eqx.AbstractVar[int]
    """Steps in a row of `Batch.obs` and `Batch.action`: n of n-step returns, the length of an action chunk."""
    lookahead: eqx.AbstractVar[int]
    """Steps of `Batch.achieved` and `Batch.reached`."""
    sequence: eqx.AbstractVar[int]
    """Goals of `Batch.goal_sequence`."""

    @abc.abstractmethod
    def build(self, env: AbstractEnv, key: Key[Array, ""]) -> Networks:
        """Fresh networks for the sizes of `env`."""

    @abc.abstractmethod
    def start(self, networks: Networks, key: Key[Array, ""]) -> State:
        """The state in which learning begins from networks: targets are copies, optimisers fresh, counters 0."""

    @abc.abstractmethod
    def networks(self, state: State) -> Networks:
        """What acts and is evaluated."""

    @abc.abstractmethod
    def update(self, state: State, batch: Batch, key: Key[Array, ""]) -> tuple[State, Metrics]:
        """One gradient step on one batch."""

    @abc.abstractmethod
    def policy(self, networks: Networks) -> AbstractPolicy:
        """What is evaluated."""

    @abc.abstractmethod
    def explorer(self, networks: Networks) -> AbstractPolicy:
        """What fills the replay: `policy`, unless a method acts otherwise."""

    def init(self, env: AbstractEnv, key: Key[Array, ""]) -> State:
        """The state in which learning begins from scratch."""
        build, start = jr.split(key)
        return self.start(self.build(env, build), start)


class AbstractValueAlgorithm(AbstractAlgorithm[State, Networks]):
    """An algorithm that says how near a goal is: value maps and diagnostics ask for it by `isinstance`."""

    @abc.abstractmethod
    def value(self, networks: Networks, obs: Float[Array, " obs"], goal: Float[Array, " goal"]) -> Float[Array, ""]:
        """The value of one state for a goal, at the action, or chunk of them, that `policy` takes: larger is nearer."""
