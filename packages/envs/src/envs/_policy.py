"""Policies: from an observation, a commanded goal and a memory of the episode to an action."""

import abc
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from envs._arguments import check_count

Memory = TypeVar("Memory")

Choice = Callable[[Float[Array, " obs"], Float[Array, " goal"], PRNGKeyArray | None], Float[Array, " action"]]
"""A policy without a memory as a plain function `(obs, goal, key) -> action`."""


class AbstractPolicy(eqx.Module, Generic[Memory]):
    """What acts in one environment; a pytree, so that a compiled program takes its arrays as arguments."""

    @abc.abstractmethod
    def start(self) -> Memory:
        """The memory at the start of every episode: any pytree of arrays; `()` for most policies."""

    @abc.abstractmethod
    def act(
        self, memory: Memory, obs: Float[Array, " obs"], goal: Float[Array, " goal"], key: PRNGKeyArray | None
    ) -> tuple[Float[Array, " action"], Memory]:
        """The action, in [-1, 1], and the memory for the next step.

        Without a key, the deterministic action.
        """


class Stateless(AbstractPolicy[tuple[()]]):
    """A plain function `(obs, goal, key) -> action` as a policy.

    A function that holds arrays, such as networks, must be a pytree: an `equinox.Partial` or `equinox.Module`.
    """

    choose: Choice

    def start(self) -> tuple[()]:
        return ()

    def act(
        self, memory: tuple[()], obs: Float[Array, " obs"], goal: Float[Array, " goal"], key: PRNGKeyArray | None
    ) -> tuple[Float[Array, " action"], tuple[()]]:
        return self.choose(obs, goal, key), memory


class Chunked(AbstractPolicy[tuple[Float[Array, "length action"], Int[Array, ""]]]):
    """Takes `length` actions at a time from `choose` and executes them open loop before it asks again.

    Every episode begins with a new chunk. The memory is the chunk, [length, action], and how many of its actions were
    taken.
    """

    choose: Callable[..., Float[Array, "length action"]]
    """`(obs, goal, key) -> actions [length, action]`."""
    length: int = eqx.field(static=True, converter=partial(check_count, "length"))
    action_size: int = eqx.field(static=True, converter=partial(check_count, "action_size"))

    def start(self) -> tuple[Float[Array, "length action"], Int[Array, ""]]:
        return jnp.zeros((self.length, self.action_size)), jnp.int32(self.length)

    def act(
        self,
        memory: tuple[Float[Array, "length action"], Int[Array, ""]],
        obs: Float[Array, " obs"],
        goal: Float[Array, " goal"],
        key: PRNGKeyArray | None,
    ) -> tuple[Float[Array, " action"], tuple[Float[Array, "length action"], Int[Array, ""]]]:
        chunk, taken = memory
        used_up = taken == self.length
        # Under `vmap` both branches of a `cond` are computed as well.
        chunk = jnp.where(used_up, self.choose(obs, goal, key).astype(chunk.dtype), chunk)
        taken = jnp.where(used_up, 0, taken)
        return chunk[taken], (chunk, taken + 1)


class Deterministic(AbstractPolicy[Memory]):
    """`policy` without noise: it never gets a key."""

    policy: AbstractPolicy[Memory]

    def start(self) -> Memory:
        return self.policy.start()

    def act(
        self, memory: Memory, obs: Float[Array, " obs"], goal: Float[Array, " goal"], key: PRNGKeyArray | None
    ) -> tuple[Float[Array, " action"], Memory]:
        del key
        return self.policy.act(memory, obs, goal, None)


class UniformPolicy(AbstractPolicy[tuple[()]]):
    """Draws every action uniformly from [-1, 1]: the chance level of a task."""

    action_size: int = eqx.field(static=True, converter=partial(check_count, "action_size"))

    def start(self) -> tuple[()]:
        return ()

    def act(
        self, memory: tuple[()], obs: Float[Array, " obs"], goal: Float[Array, " goal"], key: PRNGKeyArray | None
    ) -> tuple[Float[Array, " action"], tuple[()]]:
        """An action; raises `ValueError` without a key, for it has no deterministic action."""
        if key is None:
            raise ValueError("The uniform policy has no deterministic action: give it a key.")
        return jr.uniform(key, (self.action_size,), minval=-1.0, maxval=1.0), memory


class ZeroPolicy(AbstractPolicy[tuple[()]]):
    """Every action is zero: no torque for a walker, the middle of its range for a servo."""

    action_size: int = eqx.field(static=True, converter=partial(check_count, "action_size"))

    def start(self) -> tuple[()]:
        return ()

    def act(
        self, memory: tuple[()], obs: Float[Array, " obs"], goal: Float[Array, " goal"], key: PRNGKeyArray | None
    ) -> tuple[Float[Array, " action"], tuple[()]]:
        return jnp.zeros(self.action_size), memory


Policy = AbstractPolicy[Any] | Choice
"""What functions that run a policy take."""


def as_policy(policy: Policy) -> AbstractPolicy[Any]:
    """The policy itself, or a plain function `(obs, goal, key) -> action` as `Stateless`."""
    return policy if isinstance(policy, AbstractPolicy) else Stateless(policy)


def deterministic(policy: Policy) -> AbstractPolicy[Any]:
    """The policy, or the plain function, without noise."""
    return Deterministic(as_policy(policy))
