"""What a run would take: parameters, work, memory and disk, known before anything is compiled."""

import math
import operator
import shutil
from dataclasses import dataclass
from pathlib import Path

import equinox as eqx
import jax
import jax.random as jr
from jaxtyping import PyTree

from ._cost import matmul_flops, peak_bytes
from ._memory import host_memory_available, memory_available
from ._mesh import data_mesh
from ._numbers import Integer, integer
from ._open_files import refuse_too_few_files
from ._schedule import clock
from ._trainer import Trainer, traced_update


@dataclass(frozen=True)
class Plan:
    """The size of a run.

    Attributes:
        parameters: numbers learned, by network.
        flops_per_update: matrix work of one update.
        env_steps, updates, collects: totals of the run.
        env_steps_per_update: environment steps taken for one gradient step.
        data_bytes: what batches are drawn from, with the environments that make it.
        agent_bytes: the state of the algorithm: networks, optimisers, targets.
        update_bytes: peak memory of one update in addition to the state: an upper bound.
        snapshot_bytes: one agent snapshot on disk.
        snapshots: how many the run leaves.
        devices: that share the replay and the batch.
        seeds: trained together; all but the parameters, the steps and the updates are those of all of them.
    """

    parameters: dict[str, int]
    flops_per_update: int
    env_steps: int
    updates: int
    collects: int
    env_steps_per_update: float
    data_bytes: int
    agent_bytes: int
    update_bytes: int
    snapshot_bytes: int
    snapshots: int
    devices: int
    seeds: int

    @property
    def state_bytes(self) -> int:
        """One resume state, in memory and on disk."""
        return self.data_bytes + self.agent_bytes

    @property
    def memory(self) -> dict[str, int]:
        """What each device holds while learning, by part, in bytes. CPU devices share one memory, with the host."""
        shared = 1 if _on_cpu() else self.devices
        parts = {
            "replay and environments": self.data_bytes // shared,
            "networks and optimiser": self.agent_bytes,
            "one update, at most": self.update_bytes // shared,
        }
        if _on_cpu():
            parts["copy while saving"] = self.copy_bytes
        elif self.seeds > 1:
            parts["states of the seeds apart, at the end"] = self.data_bytes // shared + self.agent_bytes
        return parts

    @property
    def memory_bytes(self) -> int:
        """All of `memory`."""
        return sum(self.memory.values())

    @property
    def copy_bytes(self) -> int:
        """On the host while a state is saved: what is written, and one of several seeds as it is taken out."""
        return self.state_bytes + (self.state_bytes // self.seeds if self.seeds > 1 else 0)

    @property
    def disk_bytes(self) -> int:
        """Two resume states, a third while it replaces one of them, and the snapshots."""
        return 3 * self.state_bytes + self.snapshots * self.snapshot_bytes

    def rows(self) -> list[tuple[str, str]]:
        """The plan as (what, how much), for a person."""
        return [
            *((f"parameters, {name}", f"{count:,}") for name, count in self.parameters.items()),
            ("parameters, all", f"{sum(self.parameters.values()):,}"),
            *([("seeds", f"{self.seeds}")] if self.seeds > 1 else []),
            ("matrix work of one update", f"{self.flops_per_update / 1e9:,.3g} GFLOP"),
            ("env steps", f"{self.env_steps:,}"),
            ("updates", f"{self.updates:,}"),
            ("env steps per update", f"{self.env_steps_per_update:,.3g}"),
            ("matrix work of the run", f"{self.flops_per_update * self.updates / 1e15:,.3g} PFLOP"),
            *((f"memory: {part}", _gb(size)) for part, size in self.memory.items()),
            (
                f"memory: in all{', on each device' if self.devices > 1 and not _on_cpu() else ''}",
                _gb(self.memory_bytes),
            ),
            *([] if _on_cpu() else [("host memory: copy while saving", _gb(self.copy_bytes))]),
            ("disk: one resume state", _gb(self.state_bytes)),
            ("disk: in all", _gb(self.disk_bytes)),
        ]

    def refuse_if_too_large(self, directory: Path) -> None:
        """Raises `ValueError` for too few devices or open files, or too little memory or disk under `directory`."""
        data_mesh(self.devices)
        refuse_too_few_files(self.seeds)
        available = memory_available()
        if self.memory_bytes > available:
            raise ValueError(
                f"This run needs about {_gb(self.memory_bytes)} of memory and {_gb(available)} are free: lower "
                f"the replay's `capacity_per_env` or `num_envs` or the depth, or set `remat` of the networks."
            )
        host = host_memory_available()
        if not _on_cpu() and self.copy_bytes > host:
            raise ValueError(
                f"This run needs about {_gb(self.copy_bytes)} of the host's memory to save its state and {_gb(host)} "
                f"are free: lower the replay's `capacity_per_env` or `num_envs`."
            )
        there = next(parent for parent in (directory, *directory.absolute().parents) if parent.exists())
        held = sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())  # by a run gone on with
        free = shutil.disk_usage(there).free
        if self.disk_bytes - held > free:
            raise ValueError(
                f"This run needs about {_gb(self.disk_bytes - held)} of disk and {_gb(free)} are free under {there}."
            )


def plan(
    trainer: Trainer,
    env_steps: Integer | None = None,
    eval_every: Integer = 1_000_000,
    seeds: int = 1,
    updates: Integer | None = None,
) -> Plan:
    """The plan of a run of `env_steps` or `updates` that is evaluated every `eval_every` of them, for so many seeds.

    Raises:
        ValueError: more environment steps or updates than can be counted.
    """
    every = integer(eval_every, "`eval_every` of plan")
    env_steps, updates = (None if total is None else operator.index(total) for total in (env_steps, updates))
    run = clock(trainer, env_steps, updates, every)
    key = jr.key(0)
    state = eqx.filter_eval_shape(trainer.init, key)
    arrays, static = _split(state.agent)
    update = jax.make_jaxpr(
        lambda arrays, batch, key: eqx.filter(
            traced_update(trainer.algorithm, eqx.combine(arrays, static), batch, key), eqx.is_array
        )
    )(arrays, eqx.filter_eval_shape(trainer.blank_batch), key).jaxpr
    networks = trainer.algorithm.networks(state.agent)
    agent_bytes = seeds * _tree_bytes(state.agent)
    return Plan(
        parameters=_parameters(networks),
        flops_per_update=seeds * matmul_flops(update),
        env_steps=run.env_steps(run.collects),
        updates=trainer.updates_due(run.collects),
        collects=run.collects,
        env_steps_per_update=trainer.steps_per_collect / trainer.updates_per_collect,
        data_bytes=seeds * _tree_bytes(state.data),
        agent_bytes=agent_bytes,
        update_bytes=seeds * peak_bytes(update) - agent_bytes,
        snapshot_bytes=seeds * _tree_bytes(networks),
        snapshots=2 + min(run.collects, run.step(run.collects) // every),
        devices=trainer.devices,
        seeds=seeds,
    )


def _on_cpu() -> bool:
    return jax.default_backend() == "cpu"


def _split(tree: PyTree) -> tuple[PyTree, PyTree]:
    return eqx.partition(tree, lambda x: isinstance(x, jax.ShapeDtypeStruct))


def _parameters(networks: PyTree) -> dict[str, int]:
    """Numbers in each network (what can be called) and in each array beside them, by name: the last of the names that
    lead there, or all of them where several end alike."""
    parts = jax.tree_util.tree_leaves_with_path(_split(networks)[0], is_leaf=callable)
    paths = [[part.name for part in path if hasattr(part, "name")] for path, _ in parts]
    ends = [path[-1] if path else "networks" for path in paths]
    names = [end if ends.count(end) == 1 else " ".join(path) for end, path in zip(ends, paths, strict=True)]
    counts: dict[str, int] = {}
    for name, (_, part) in zip(names, parts, strict=True):
        counts[name] = counts.get(name, 0) + sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(part))
    return counts


def _tree_bytes(tree: PyTree) -> int:
    leaves = jax.tree.leaves(_split(tree)[0])
    return sum(math.prod(x.shape) * x.dtype.itemsize for x in leaves)


def _gb(size: int) -> str:
    return f"{size / 1e9:,.2f} GB"
