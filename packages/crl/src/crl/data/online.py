"""Steps of the policy that learns, in a ring."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from envs import AbstractEnv, AbstractPolicy, Episodes, EpisodeState, fresh_memory, rollout

from .._batch import Batch, BatchSpec
from .._data import AbstractData
from .._mesh import shard_envs, sharded
from .._numbers import Integer, integer
from .._replay import Replay
from .._sampling import sampler

_REPLAY_TYPES = {32: float, 16: jnp.float16}  # `float`: what JAX computes in


class OnlineState(eqx.Module):
    """Environments and the replay that they fill.

    Attributes:
        episodes: the environments, [env, ...].
        memory: of the policy, [env, ...].
        replay: the ring of recent steps.
        unstable: how many simulations exploded in the last `collect`.
    """

    episodes: EpisodeState
    memory: PyTree
    replay: Replay
    unstable: Int[Array, ""]


class Online(AbstractData[OnlineState]):
    """Acts for `unroll` steps in `num_envs` environments at a time; batches are drawn from the last steps of each.

    The defaults are the paper's (section 4.1, table 7).

    Attributes:
        num_envs: environments stepped side by side.
        unroll: steps of each environment in one `collect`.
        capacity_per_env: steps held of each environment.
        prefill_per_env: steps of each environment before the first update, rounded up to whole unrolls.
        replay_bits: of a number in the replay, 32 or 16; see `Replay`.
        warm_up: makes, from the size of an action, the policy that acts before the first update, such as
            `envs.UniformPolicy`; `None` for the agent itself. The agent takes over amid episodes, with a fresh memory.
    """

    num_envs: int
    unroll: int
    capacity_per_env: int
    prefill_per_env: int
    replay_bits: int
    warm_up: Callable[[int], AbstractPolicy] | None

    def __init__(
        self,
        num_envs: Integer = 512,
        unroll: Integer = 62,
        capacity_per_env: Integer = 10_000,
        prefill_per_env: Integer = 1_000,
        replay_bits: Integer = 32,
        warm_up: Callable[[int], AbstractPolicy] | None = None,
    ):
        sizes = {
            "num_envs": num_envs,
            "unroll": unroll,
            "capacity_per_env": capacity_per_env,
            "prefill_per_env": prefill_per_env,
        }
        num_envs, unroll, capacity, prefill = (integer(size, f"`{name}` of Online") for name, size in sizes.items())
        bits = integer(replay_bits, "`replay_bits` of Online", accepted="32 or 16")
        if bits not in _REPLAY_TYPES:
            raise ValueError(f"`replay_bits` of Online must be 32 or 16; got {replay_bits!r}.")
        for name, size in (("unroll", unroll), ("prefill_per_env", prefill)):
            if size > capacity:
                raise ValueError(f"`{name}` of Online must not exceed `capacity_per_env` {capacity}; got {size}.")
        if unroll < 2 and prefill < 2:
            raise ValueError(
                "`prefill_per_env` of Online must be at least 2 where `unroll` is 1: a goal lies a step ahead."
            )
        if warm_up is not None and not callable(warm_up):
            raise ValueError(f"`warm_up` of Online must make a policy, such as envs.UniformPolicy; got {warm_up!r}.")
        self.num_envs, self.unroll, self.replay_bits, self.warm_up = num_envs, unroll, bits, warm_up
        self.capacity_per_env, self.prefill_per_env = capacity, prefill

    @property
    def steps_per_collect(self) -> int:
        return self.unroll * self.num_envs

    @property
    def collects_before_updates(self) -> int:
        return -(-self.prefill_per_env // self.unroll)

    def check(self, batch_size: int, devices: int) -> None:
        held = self.capacity_per_env * self.num_envs
        if batch_size > held:
            raise ValueError(
                f"`batch_size` of Trainer must not exceed the replay's capacity_per_env x num_envs = {held} steps; "
                f"got {batch_size}."
            )
        if self.num_envs % devices:
            raise ValueError(
                f"`num_envs` of Online must be a multiple of `devices` {devices} of Trainer; got {self.num_envs}."
            )
        if self.num_envs * batch_size >= 2**31:
            raise ValueError(
                f"`num_envs` of Online x `batch_size` of Trainer must stay below 2^31; got {self.num_envs} x "
                f"{batch_size}."
            )

    def init(self, env: AbstractEnv, policy: AbstractPolicy, devices: int, key: Key[Array, ""]) -> OnlineState:
        del devices
        return OnlineState(
            episodes=Episodes(env).reset(jr.split(key, self.num_envs)),
            memory=fresh_memory(self._acting(env, policy, jnp.bool_(False)), self.num_envs),
            replay=Replay.empty(
                self.capacity_per_env,
                self.num_envs,
                env.obs_size,
                env.action_size,
                env.goal_size,
                _REPLAY_TYPES[self.replay_bits],
            ),
            unstable=jnp.int32(0),
        )

    def specs(self, state: OnlineState, lead: int = 0) -> PyTree:
        """Environments and replay are shared out over `data`."""
        parts = shard_envs((state.episodes, state.memory), lead), shard_envs(state.replay, lead + 1), P()
        return jax.tree.unflatten(jax.tree.structure(state), jax.tree.leaves(parts))

    def collect(
        self, env: AbstractEnv, state: OnlineState, policy: AbstractPolicy, devices: int, key: Key[Array, ""]
    ) -> OnlineState:
        keys = jr.split(key, self.num_envs)
        acting = self._acting(env, policy, state.replay.fill < self.prefill_per_env)

        def act(acting: AbstractPolicy, state: OnlineState, keys: Key[Array, " env"]):
            episodes, memory, trajectory = rollout(
                Episodes(env), state.episodes, acting, state.memory, self.unroll, keys
            )
            unstable = jnp.sum(trajectory.unstable, axis=0, dtype=jnp.int32)
            return replace(state, episodes=episodes, memory=memory, replay=state.replay.add(trajectory)), unstable

        specs = self.specs(state)
        state, unstable = sharded(act, devices, (P(), specs, P("data")), (specs, P("data")))(acting, state, keys)
        return replace(state, unstable=jnp.sum(unstable))

    def sampler(self, env: AbstractEnv, state: OnlineState, spec: BatchSpec) -> Callable[[Key[Array, ""]], Batch]:
        return sampler(env, state.replay, spec)

    def metrics(self, state: OnlineState) -> dict[str, float]:
        fill = float(state.replay.fill) / self.capacity_per_env
        return {"train/unstable": float(state.unstable), "replay/fill": fill}

    def _acting(self, env: AbstractEnv, policy: AbstractPolicy, filling: Bool[Array, ""]) -> AbstractPolicy:
        return policy if self.warm_up is None else _WarmUp(policy, self.warm_up(env.action_size), filling)


class _WarmUp(AbstractPolicy[tuple[Any, Any]]):
    """`first` while `filling`, then `policy`; each with its own memory."""

    policy: AbstractPolicy
    first: AbstractPolicy
    filling: Bool[Array, ""]

    def start(self) -> tuple[Any, Any]:
        return self.policy.start(), self.first.start()

    def act(
        self,
        memory: tuple[Any, Any],
        obs: Float[Array, " obs"],
        goal: Float[Array, " goal"],
        key: Key[Array, ""] | None,
    ) -> tuple[Float[Array, " action"], tuple[Any, Any]]:
        """`filling` is the same for all environments of a seed, so one of the two is computed for a single seed."""

        def one(which: int) -> Callable[[], tuple[Float[Array, " action"], tuple[Any, Any]]]:
            def act() -> tuple[Float[Array, " action"], tuple[Any, Any]]:
                action, now = (self.policy, self.first)[which].act(memory[which], obs, goal, key)
                return action, (now, memory[1]) if which == 0 else (memory[0], now)

            return act

        return jax.lax.cond(self.filling, one(1), one(0))
