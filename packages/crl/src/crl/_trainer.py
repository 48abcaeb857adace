"""The two halves of a training step, acting and learning, as pure functions of one state."""

from dataclasses import replace
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Int, Key, PyTree

from envs import AbstractEnv

from ._algorithm import AbstractAlgorithm, Mean, Metrics
from ._batch import Batch, BatchSpec
from ._data import AbstractData
from ._goal_law import AbstractGoalLaw
from ._mesh import data_mesh
from ._numbers import Integer, integer
from ._repeat import repeat, summed
from ._sampling import blank_batch


class TrainState(eqx.Module):
    """All there is to a run between two steps: a checkpoint is this pytree.

    Attributes:
        agent: the algorithm's state.
        data: the state of the source of data: environments and replay, say.
        collects: how many times data were collected.
        updates: gradient steps taken.
        totals: metrics summed over the updates since the last `collect`.
        key: constant over the run; every draw is folded in from it by a step number, so none can repeat.
    """

    agent: Any
    data: Any
    collects: Int[Array, ""]
    updates: Int[Array, ""]
    totals: dict[str, Mean]
    key: Key[Array, ""]


@eqx.filter_jit
def traced_update(algorithm: AbstractAlgorithm, agent: Any, batch: Batch, key: Key[Array, ""]) -> tuple[Any, Metrics]:
    """`algorithm.update`, traced once for all who ask what it computes, not once for each."""
    return algorithm.update(agent, batch, key)


class Trainer(eqx.Module):
    """Collects data, then updates the agent `updates_per_collect` times, and so on.

    The defaults are the paper's (section 4.1, table 7): 800 updates of 512 after every collect.

    Attributes:
        env: the task.
        algorithm: what learns.
        data: where batches come from.
        goals: the law of the goals that the critic is trained on; `goals.geometric.Geometric()` in the paper.
        actor_goals: the law of the actor's; `None` for the critic's own draws.
        batch_size: steps in a batch, drawn for every update anew; a multiple of `devices`.
        updates_per_collect: gradient steps after one `collect`.
        devices: how many devices share environments, replay and batch (mesh axis `data`).
    """

    env: AbstractEnv
    algorithm: AbstractAlgorithm
    data: AbstractData
    goals: AbstractGoalLaw
    actor_goals: AbstractGoalLaw | None
    batch_size: int
    updates_per_collect: int
    devices: int

    def __init__(
        self,
        env: AbstractEnv,
        algorithm: AbstractAlgorithm,
        data: AbstractData,
        goals: AbstractGoalLaw,
        actor_goals: AbstractGoalLaw | None = None,
        batch_size: Integer = 512,
        updates_per_collect: Integer = 800,
        devices: Integer = 1,
    ):
        law = "a law of goals (in gin: @geometric.Geometric())"
        for name, value, kind, accepted in (
            ("env", env, AbstractEnv, "an environment (in gin: @envs.PointMaze())"),
            ("algorithm", algorithm, AbstractAlgorithm, "an algorithm (in gin: @contrastive.ContrastiveRL())"),
            ("data", data, AbstractData, "a source of data (in gin: @online.Online())"),
            ("goals", goals, AbstractGoalLaw, law),
            ("actor_goals", actor_goals, AbstractGoalLaw | None, f"{law} or None"),
        ):
            if not isinstance(value, kind):
                raise ValueError(f"`{name}` of Trainer must be {accepted}; got {value!r}.")
        sizes = {"batch_size": batch_size, "updates_per_collect": updates_per_collect, "devices": devices}
        sizes = {name: integer(value, f"`{name}` of Trainer") for name, value in sizes.items()}
        batch_size, updates_per_collect, devices = sizes.values()
        if batch_size % devices:
            raise ValueError(f"`batch_size` of Trainer must be a multiple of `devices` {devices}; got {batch_size}.")
        data.check(batch_size, devices)
        self.env, self.algorithm, self.data, self.goals, self.actor_goals = env, algorithm, data, goals, actor_goals
        self.batch_size, self.updates_per_collect, self.devices = batch_size, updates_per_collect, devices

    @property
    def spec(self) -> BatchSpec:
        """What the algorithm reads of a batch."""
        reads = self.algorithm.horizon, self.algorithm.lookahead, self.algorithm.sequence
        return BatchSpec(self.batch_size, *reads, self.goals, self.actor_goals, self.devices)

    @property
    def steps_per_collect(self) -> int:
        """Environment steps in one `collect`, all environments together."""
        return self.data.steps_per_collect

    def updates_due(self, collects: int) -> int:
        """How many updates a run owes after so many collects: none before the replay is prefilled."""
        return self.updates_per_collect * max(0, collects - self.data.collects_before_updates + 1)

    def blank_batch(self) -> Batch:
        """A batch of zeros in the sizes of the task."""
        return blank_batch(self.env, self.spec)

    def agent(self, key: Key[Array, ""]) -> Any:
        """The fresh agent of `init`; a program that the persistent cache holds, as no program with physics in it."""
        _, build, _, start = jr.split(key, 4)
        return self.algorithm.start(self.algorithm.build(self.env, build), start)

    def init(self, key: Key[Array, ""], agent: Any = None) -> TrainState:
        """A fresh agent, or the one given, and data before the first collect."""
        run, _, data, _ = jr.split(key, 4)
        agent = self.agent(key) if agent is None else agent
        # As `learn` will see them: arrays that know another mesh, or none, would be traced anew.
        like = [jax.tree.map(partial(_on_mesh, self.devices), x) for x in (agent, self.blank_batch(), key)]
        metrics = eqx.filter_eval_shape(traced_update, self.algorithm, *like)[1]
        explorer = self.algorithm.explorer(self.algorithm.networks(agent))
        return TrainState(
            agent=agent,
            data=self.data.init(self.env, explorer, self.devices, data),
            collects=jnp.int32(0),
            updates=jnp.int32(0),
            totals=jax.tree.map(lambda x: jnp.zeros((), x.dtype), eqx.filter_eval_shape(summed, metrics)),
            key=run,
        )

    def shardings(self, state: PyTree, lead: int = 0) -> PyTree:
        """Where the arrays of a state lie: the data as their source says, the rest on every device.

        `lead`: how many axes every array of the state has before its own.
        """
        specs = jax.tree.map(lambda _: P(), state)
        specs = eqx.tree_at(lambda s: s.data, specs, self.data.specs(state.data, lead))
        return jax.tree.map(partial(NamedSharding, data_mesh(self.devices)), specs)

    def collect(self, state: TrainState) -> TrainState:
        """Acts in every environment and stores what happened."""
        act, _ = jr.split(state.key)
        explorer = self.algorithm.explorer(self.algorithm.networks(state.agent))
        data = self.data.collect(self.env, state.data, explorer, self.devices, jr.fold_in(act, state.collects))
        totals = jax.tree.map(jnp.zeros_like, state.totals)
        return replace(state, data=data, totals=totals, collects=state.collects + 1)

    def learn(self, state: TrainState, updates: Int[Array, ""], together: str | None = None) -> TrainState:
        """Updates the agent `updates` times on batches drawn one by one; see `repeat`."""
        _, learn = jr.split(state.key)
        draw = self.data.sampler(self.env, state.data, self.spec)

        def update(agent: Any, number: Int[Array, ""]) -> tuple[Any, Metrics]:
            sample, step = jr.split(jr.fold_in(learn, number))
            return traced_update(self.algorithm, agent, draw(sample), step)

        agent, totals, done = repeat(update, state.agent, state.totals, state.updates, updates, together)
        return replace(state, agent=agent, totals=totals, updates=state.updates + done)


def _on_mesh(devices: int, x: Any) -> Any:
    sharding = NamedSharding(data_mesh(devices), P())
    return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding) if eqx.is_array(x) else x
