"""Where batches come from."""

import abc
from collections.abc import Callable
from typing import Generic, TypeVar

import equinox as eqx
from jaxtyping import Array, Key, PyTree

from envs import AbstractEnv, AbstractPolicy

from ._batch import Batch, BatchSpec

DataState = TypeVar("DataState")


class AbstractData(eqx.Module, Generic[DataState]):
    """A source of batches as pure functions of an explicit state, which is part of what a checkpoint holds."""

    @property
    @abc.abstractmethod
    def steps_per_collect(self) -> int:
        """Environment steps in one `collect`, all environments together; 0 where none are taken."""

    @property
    @abc.abstractmethod
    def collects_before_updates(self) -> int:
        """How many times data are collected before the first update."""

    @abc.abstractmethod
    def check(self, batch_size: int, devices: int) -> None:
        """Raises `ValueError` where batches of that size cannot be drawn, or data not shared by so many devices."""

    @abc.abstractmethod
    def init(self, env: AbstractEnv, policy: AbstractPolicy, devices: int, key: Key[Array, ""]) -> DataState:
        """The state before the first `collect`. `policy` is one of those that will act."""

    @abc.abstractmethod
    def specs(self, state: DataState, lead: int = 0) -> PyTree:
        """Partition specs of a state on the data mesh. `lead`: how many axes every array has before its own."""

    @abc.abstractmethod
    def collect(
        self, env: AbstractEnv, state: DataState, policy: AbstractPolicy, devices: int, key: Key[Array, ""]
    ) -> DataState:
        """Acts with `policy` and stores what happened."""

    @abc.abstractmethod
    def sampler(self, env: AbstractEnv, state: DataState, spec: BatchSpec) -> Callable[[Key[Array, ""]], Batch]:
        """What draws batches, each with a key."""

    @abc.abstractmethod
    def metrics(self, state: DataState) -> dict[str, float]:
        """Numbers for the record after a `collect`, by names with a group of their own, such as `replay/fill`."""
