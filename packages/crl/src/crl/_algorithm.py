"""What the trainer needs to know of a learning algorithm, and nothing more."""

import abc
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float, Key

from envs import AbstractEnv

from ._replay import Batch

Metrics = dict[str, Float[Array, ""]]


class Agent(eqx.Module):
    """Everything an algorithm learns.

    Attributes:
        networks: what acts and judges; any pytree. A snapshot holds this part alone.
        optimizer: what learning alone needs (moments, counters); `None` in an agent read from a snapshot.
    """

    networks: Any
    optimizer: Any

    def acting(self) -> "Agent":
        """What acts and judges, on one device: without optimiser, and off a training mesh."""
        arrays, rest = eqx.partition(Agent(self.networks, None), eqx.is_array)
        return eqx.combine(jax.device_put(arrays, jax.devices()[0]), rest)


class AbstractAlgorithm(eqx.Module):
    """A goal-conditioned algorithm as pure functions of an explicit `Agent`."""

    @abc.abstractmethod
    def init(self, env: AbstractEnv, key: Key[Array, ""]) -> Agent:
        """A fresh agent for the sizes of `env`."""

    @abc.abstractmethod
    def policy(
        self, agent: Agent, obs: Float[Array, " obs"], goal: Float[Array, " goal"], key: Key[Array, ""] | None
    ) -> Float[Array, " action"]:
        """The action, in [-1, 1], of one environment: a draw, or the deterministic one where `key` is `None`."""

    def explore(
        self, agent: Agent, obs: Float[Array, " obs"], goal: Float[Array, " goal"], key: Key[Array, ""] | None
    ) -> Float[Array, " action"]:
        """The action, in [-1, 1], of one environment that fills the replay; `policy` unless a method acts otherwise."""
        return self.policy(agent, obs, goal, key)

    @abc.abstractmethod
    def update(self, agent: Agent, batch: Batch, key: Key[Array, ""]) -> tuple[Agent, Metrics]:
        """One gradient step on one batch, and scalars named `train/...`."""

    @abc.abstractmethod
    def energy(
        self,
        agent: Agent,
        obs: Float[Array, " obs"],
        action: Float[Array, " action"],
        goal: Float[Array, " goal"],
    ) -> Float[Array, ""]:
        """How near `goal` is from (`obs`, `action`) by the critic: larger is nearer. For value maps."""
