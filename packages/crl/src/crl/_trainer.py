"""The two halves of a training step, acting and learning, as pure functions of one state."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Bool, Int, Key, PyTree

from envs import AbstractEnv, Episodes, EpisodeState, Stateless, rollout

from ._algorithm import AbstractAlgorithm, Agent, Metrics
from ._goals import GeometricGoals
from ._mesh import data_mesh, shard_envs
from ._numbers import Integer, integer
from ._replay import Batch, Replay

_REPLAY_TYPES = {32: float, 16: jnp.float16}  # `float`: what JAX computes in


class TrainState(eqx.Module):
    """All there is to a run between two moments: a checkpoint is this pytree.

    Attributes:
        agent: see `Agent`.
        env: the environments, [env, ...].
        replay: the ring of recent steps.
        env_steps: environment steps taken, all environments together.
        updates: gradient steps taken.
        totals: metrics summed over the updates since the last `collect`, with their number as "updates".
        key: constant over the run; every draw is folded in from it by a step number, so none can repeat.
    """

    agent: Agent
    env: EpisodeState
    replay: Replay
    env_steps: Int[Array, ""]
    updates: Int[Array, ""]
    totals: Metrics
    key: Key[Array, ""]


def _on_mesh(devices: int, x: Any) -> Any:
    sharding = NamedSharding(data_mesh(devices), P())
    return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding) if eqx.is_array(x) else x


@eqx.filter_jit
def traced_update(algorithm: AbstractAlgorithm, agent: Agent, batch: Batch, key: Key[Array, ""]):
    """`algorithm.update`, traced once for all who ask what it computes, not once for each."""
    return algorithm.update(agent, batch, key)


class Trainer(eqx.Module):
    """Acts for `unroll` steps in `num_envs` environments, then updates the agent `updates` times, and so on.

    The defaults are the paper's (section 4.1, table 7): 512 environments x 62 steps for 800 updates of 512.

    Attributes:
        env: the task.
        algorithm: what learns.
        num_envs: environments stepped side by side; a multiple of `devices`.
        unroll: steps of each environment in one `collect`.
        updates: gradient steps after one `collect`.
        batch_size: steps in a batch, drawn for every update anew; a multiple of `devices`.
        capacity: rows of the replay: steps held of each environment.
        prefill: steps of each environment before the first update, rounded up to whole unrolls.
        goals: the law of hindsight goals.
        devices: how many devices share environments, replay and batch (mesh axis `data`).
        replay_bits: of a number in the replay, 32 or 16; see `Replay`.
    """

    env: AbstractEnv
    algorithm: AbstractAlgorithm
    num_envs: int
    unroll: int
    updates: int
    batch_size: int
    capacity: int
    prefill: int
    goals: GeometricGoals
    devices: int
    replay_bits: int

    def __init__(
        self,
        env: AbstractEnv,
        algorithm: AbstractAlgorithm,
        num_envs: Integer = 512,
        unroll: Integer = 62,
        updates: Integer = 800,
        batch_size: Integer = 512,
        capacity: Integer = 10_000,
        prefill: Integer = 1_000,
        goals: GeometricGoals | None = None,
        devices: Integer = 1,
        replay_bits: Integer = 32,
    ):
        if not isinstance(env, AbstractEnv):
            raise ValueError(f"`env` of Trainer must be an environment (in gin: @envs.PointMaze()); got {env!r}.")
        if not isinstance(algorithm, AbstractAlgorithm):
            raise ValueError(
                f"`algorithm` of Trainer must be an algorithm (in gin: @crl.ContrastiveRL()); got {algorithm!r}."
            )
        if goals is not None and not isinstance(goals, GeometricGoals):
            raise ValueError(f"`goals` of Trainer must be @crl.GeometricGoals(); got {goals!r}.")
        sizes = {
            "num_envs": num_envs,
            "unroll": unroll,
            "updates": updates,
            "batch_size": batch_size,
            "capacity": capacity,
            "prefill": prefill,
            "devices": devices,
        }
        sizes = {name: integer(value, f"`{name}` of Trainer") for name, value in sizes.items()}
        bits = integer(replay_bits, "`replay_bits` of Trainer", accepted="32 or 16")
        if bits not in _REPLAY_TYPES:
            raise ValueError(f"`replay_bits` of Trainer must be 32 or 16; got {replay_bits!r}.")
        num_envs, unroll, updates, batch_size, capacity, prefill, devices = sizes.values()
        if unroll > capacity:
            raise ValueError(f"`unroll` of Trainer must not exceed `capacity` {capacity}; got {unroll}.")
        if prefill > capacity:
            raise ValueError(f"`prefill` of Trainer must not exceed `capacity` {capacity}; got {prefill}.")
        if batch_size > capacity * num_envs:
            raise ValueError(
                f"`batch_size` of Trainer must not exceed the replay's capacity x num_envs = {capacity * num_envs} "
                f"steps; got {batch_size}."
            )
        if unroll < 2 and prefill < 2:
            raise ValueError("`prefill` of Trainer must be at least 2 where `unroll` is 1: a goal lies a step ahead.")
        for name in ("num_envs", "batch_size"):
            if sizes[name] % devices:
                raise ValueError(f"`{name}` of Trainer must be a multiple of `devices` {devices}; got {sizes[name]}.")
        if num_envs * batch_size >= 2**31:
            raise ValueError(
                f"`num_envs` x `batch_size` of Trainer must stay below 2^31; got {num_envs} x {batch_size}."
            )
        self.env, self.algorithm = env, algorithm
        self.num_envs, self.unroll, self.updates, self.batch_size = num_envs, unroll, updates, batch_size
        self.capacity, self.prefill, self.devices, self.replay_bits = capacity, prefill, devices, bits
        self.goals = GeometricGoals() if goals is None else goals

    @property
    def steps_per_collect(self) -> int:
        """Environment steps in one `collect`, all environments together."""
        return self.unroll * self.num_envs

    def updates_due(self, env_steps: int) -> int:
        """How many updates a run owes once it has taken `env_steps`: none before the replay is prefilled."""
        collects = env_steps // self.steps_per_collect
        return self.updates * max(0, collects - -(-self.prefill // self.unroll) + 1)

    def blank_batch(self) -> Batch:
        """A batch of zeros in the sizes of the task."""
        env = self.env
        return Batch(*(jnp.zeros((self.batch_size, size)) for size in (env.obs_size, env.action_size, env.goal_size)))

    def agent(self, key: Key[Array, ""]) -> Agent:
        """The fresh agent of `init`; a program that the persistent cache holds, as no program with physics in it."""
        return self.algorithm.init(self.env, jr.split(key, 3)[1])

    def init(self, key: Key[Array, ""], agent: Agent | None = None) -> TrainState:
        """A fresh agent, or the one given, fresh environments and an empty replay."""
        run, _, env_key = jr.split(key, 3)
        agent = self.agent(key) if agent is None else agent
        # As `learn` will see them: arrays that know another mesh, or none, would be traced anew.
        like = [jax.tree.map(partial(_on_mesh, self.devices), x) for x in (agent, self.blank_batch(), key)]
        metrics = eqx.filter_eval_shape(traced_update, self.algorithm, *like)[1]
        names = [*metrics, "train/unstable", "updates"]
        return TrainState(
            agent=agent,
            env=Episodes(self.env).reset(jr.split(env_key, self.num_envs)),
            replay=Replay.empty(
                self.capacity,
                self.num_envs,
                self.env.obs_size,
                self.env.action_size,
                self.env.goal_size,
                _REPLAY_TYPES[self.replay_bits],
            ),
            env_steps=jnp.int32(0),
            updates=jnp.int32(0),
            totals={name: jnp.zeros(()) for name in names},
            key=run,
        )

    def shardings(self, state: PyTree, lead: int = 0) -> PyTree:
        """Where the arrays of a state lie: environments and replay over `data`, the rest on every device.

        `lead`: how many axes every array of the state has before its own.
        """
        mesh = data_mesh(self.devices)
        specs = jax.tree.map(lambda _: P(), state)
        shared = shard_envs(state.env, lead), shard_envs(state.replay, lead + 1)
        specs = eqx.tree_at(lambda s: (s.env, s.replay), specs, shared)
        return jax.tree.map(partial(NamedSharding, mesh), specs)

    def collect(self, state: TrainState) -> TrainState:
        """Acts for `unroll` steps in every environment and stores what happened."""
        act, _ = jr.split(state.key)
        keys = jr.split(jr.fold_in(act, state.env_steps // self.steps_per_collect), self.num_envs)
        agent, static = eqx.partition(state.agent, eqx.is_array)

        def act_and_store(agent, env: EpisodeState, replay: Replay, keys: Key[Array, " env"]):
            policy = Stateless(partial(self.algorithm.explore, eqx.combine(agent, static)))
            env, _, trajectory = rollout(Episodes(self.env), env, policy, (), self.unroll, keys)
            unstable = jnp.sum(trajectory.unstable, axis=0, dtype=jnp.float32)
            return env, replay.add(trajectory), unstable

        env_spec, replay_spec = shard_envs(state.env, 0), shard_envs(state.replay, 1)
        env, replay, unstable = jax.shard_map(
            act_and_store,
            mesh=data_mesh(self.devices),
            in_specs=(P(), env_spec, replay_spec, P("data")),
            out_specs=(env_spec, replay_spec, P("data")),
            check_vma=False,
        )(agent, state.env, state.replay, keys)
        totals = jax.tree.map(jnp.zeros_like, state.totals)
        totals["train/unstable"] = jnp.sum(unstable).astype(totals["train/unstable"].dtype)
        return replace(state, env=env, replay=replay, totals=totals, env_steps=state.env_steps + self.steps_per_collect)

    def learn(self, state: TrainState, updates: Int[Array, ""], together: str | None = None) -> TrainState:
        """Updates the agent `updates` times on batches drawn one by one from the replay.

        The number is traced: one program serves every number, and n updates equal 1 + ... + 1, bit for bit. It stops
        behind an update with a metric that is not finite, so that `updates` tells which one it was.
        `together`: the name of an axis of `jax.vmap` along which all stop when one does.
        """
        _, learn = jr.split(state.key)
        sample = self._sampler(state.replay)
        agent, static = eqx.partition(state.agent, eqx.is_array)

        def more(carry) -> Bool[Array, ""]:
            _, _, done, finite = carry
            return (done < updates) & finite

        def one(carry):
            agent, totals, done, _ = carry
            draw, update = jr.split(jr.fold_in(learn, state.updates + done))
            agent, metrics = traced_update(self.algorithm, eqx.combine(agent, static), sample(draw), update)
            finite = jnp.all(jnp.isfinite(jnp.stack(jax.tree.leaves(metrics))))
            if together:  # the same for all, else `vmap` would copy all parameters in every update
                finite = jax.lax.pmin(finite.astype(jnp.int32), together) > 0
            metrics = metrics | {"updates": jnp.ones_like(totals["updates"])}
            totals = totals | {name: totals[name] + value for name, value in metrics.items()}
            return eqx.filter(agent, eqx.is_array), totals, done + 1, finite

        start = (agent, state.totals, jnp.int32(0), jnp.bool_(True))
        agent, totals, done, _ = jax.lax.while_loop(more, one, start)
        return replace(state, agent=eqx.combine(agent, static), totals=totals, updates=state.updates + done)

    def _sampler(self, replay: Replay) -> Callable[[Key[Array, ""]], Batch]:
        """Draws batches of which every device fills its own share from its own environments."""
        mesh, spec = data_mesh(self.devices), shard_envs(replay, 1)
        left = jax.shard_map(
            Replay.steps_left, mesh=mesh, in_specs=(spec,), out_specs=P(None, "data"), check_vma=False
        )(replay)

        def share(replay: Replay, left: Int[Array, "capacity env"], keys: Key[Array, " batch"]) -> Batch:
            return replay.sample(self.goals, keys, left, self.devices)

        draw = jax.shard_map(
            share,
            mesh=mesh,
            in_specs=(spec, P(None, "data"), P("data")),
            out_specs=P("data"),
            check_vma=False,
        )
        slots = jnp.arange(self.batch_size, dtype=jnp.int32)
        return lambda key: draw(replay, left, jax.vmap(partial(jr.fold_in, key))(slots))
