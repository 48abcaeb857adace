"""Building blocks of `train`: initialisation, compilation, checkpoints, evaluation, logging."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial, wraps
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import psutil
from jaxtyping import Array, Key, PyTree

from envs import Policy

from ._mesh import on_one_device
from ._numbers import scalars
from ._progress import Display
from ._run import Run, restore, to_devices
from ._schedule import Clock, Schedule
from ._seeds import Seeds, Solo
from ._signals import Signals
from ._tracker import Started, Tracker, Trackers
from ._trainer import Trainer, TrainState

# Of programs that run a single time: half the time to compile.
_ONCE: dict[str, bool | str] = {"xla_backend_optimization_level": "0"}

# What every record has of itself, whatever is evaluated.
_OF_THE_RECORD = ("env_steps", "updates", "seconds", "seed")

Evaluate = Callable[[Policy, Key[Array, ""]], Mapping[str, Any]]


class NonFinite(ArithmeticError):
    """A loss, a gradient or a parameter became NaN or infinite."""


def evaluation_key(seed: int, step: int) -> Key[Array, ""]:
    """The key of the evaluation at a step of the run's clock: the same in training and on a saved checkpoint."""
    _, evaluation = jr.split(jr.key(seed))
    return jr.fold_in(evaluation, step)


def counts(state: TrainState) -> tuple[int, int]:
    """Collects and updates, which all seeds have in common."""
    collects, updates = (np.unique(np.asarray(x)).tolist() for x in (state.collects, state.updates))
    assert len(collects) == len(updates) == 1
    return collects[0], updates[0]


class CompiledSteps:
    """`collect` and `learn` of a program, each compiled once and in the background, from the shapes of a state.

    So the first evaluation and the filling of the replay do not wait for the learner's program, the slowest to compile.
    Both take over the arrays of the state they are given. Their results lie on the devices as `program.shardings` says:
    left to the compiler, they may not, and then a step would not take its own results.
    """

    def __init__(self, program: Solo | Seeds, like: TrainState):
        """`like`: a state of `jax.ShapeDtypeStruct`."""
        shapes, self._static = eqx.partition(like, lambda x: isinstance(x, jax.ShapeDtypeStruct))
        where = program.shardings(shapes)
        placed = jax.tree.map(lambda x, to: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=to), shapes, where)
        pool = ThreadPoolExecutor(1, "compile")
        self._collect = pool.submit(self._compile, program.collect, where, placed)  # it is needed first
        self._learn = pool.submit(self._compile, program.learn, where, placed, jnp.int32(1))
        pool.shutdown(wait=False)

    def collect(self, state: TrainState) -> TrainState:
        """See `Trainer.collect`."""
        return self._call(self._collect, state)

    def learn(self, state: TrainState, updates: int) -> TrainState:
        """See `Trainer.learn`."""
        return self._call(self._learn, state, jnp.int32(updates))

    def _compile(self, step: Callable, where: PyTree, *arguments: PyTree) -> Callable:
        @partial(jax.jit, donate_argnums=0, out_shardings=where)
        @wraps(step)
        def go(arrays: PyTree, *rest: Array) -> PyTree:
            return eqx.filter(step(eqx.combine(arrays, self._static), *rest), eqx.is_array)

        return go.lower(*arguments).compile()

    def _call(self, compiled: Future, state: TrainState, *rest: Array) -> TrainState:
        return eqx.combine(compiled.result()(eqx.filter(state, eqx.is_array), *rest), self._static)


class Loop:
    """What `train` does at each of its moments.

    Attributes:
        program: what is compiled.
        compiled: whether `learn` has run once.
    """

    def __init__(
        self,
        trainer: Trainer,
        clock: Clock,
        evaluate: Evaluate | None,
        schedule: Schedule,
        trackers: Sequence[Tracker],
        config: Mapping[str, Any],
        runs: Sequence[Run],
        signals: Signals,
        display: Display,
    ):
        self.trainer, self.clock, self.evaluate = trainer, clock, evaluate
        self.seeds, self.together = schedule.seeds or (schedule.seed,), bool(schedule.seeds)
        self.trackers, self.config = Trackers(trackers, display.say), config
        self.runs, self.signals, self.display = runs, signals, display
        self.program = Seeds(trainer) if self.together else Solo(trainer)
        self.compiled = False
        self.marked = (0, 0, time.monotonic())  # env steps, updates and time of the last record

    @property
    def logged(self) -> tuple[int, int]:
        """Environment steps and updates of the last record that all runs have."""
        return min(run.logged for run in self.runs)

    def counts(self, state: TrainState) -> tuple[int, int]:
        """Environment steps and updates."""
        collects, updates = counts(state)
        return self.clock.env_steps(collects), updates

    def start(self) -> tuple[TrainState, CompiledSteps]:
        """The state to begin with, on its devices: the runs' own, or a fresh one; and the steps from there."""
        self.display.show("start", 0)
        keys = jnp.stack([jr.split(jr.key(seed))[0] for seed in self.seeds])
        like = eqx.filter_eval_shape(self.program.init, keys)
        states, sentences = restore(self.runs, eqx.filter_eval_shape(lambda state: self.program.split(state)[0], like))
        for sentence in sentences:
            self.display.say(sentence)
        steps = CompiledSteps(self.program, like)
        if states is None:
            state = self._fresh(like, keys)
        else:
            state = self.program.join(states)
            self.display.say("Resumed at env step {:,} and update {:,}.".format(*self.counts(state)))
        self.marked = (*self.counts(state), time.monotonic())
        for seed, run in zip(self.seeds, self.runs, strict=True):
            self.trackers.started(Started(run.directory, run.identity, seed, self.together, self.config))
        return to_devices(state, self.program.shardings(state)), steps

    def _fresh(self, like: TrainState, keys: Key[Array, " seed"]) -> TrainState:
        """A new state, made where it belongs: the whole replay may be larger than one device."""
        shapes, static = eqx.partition(like, lambda x: isinstance(x, jax.ShapeDtypeStruct))

        def agent(keys: Key[Array, " seed"]) -> PyTree:
            return eqx.filter(self.program.agent(keys), eqx.is_array)

        def init(keys: Key[Array, " seed"], agent: PyTree) -> PyTree:
            return eqx.filter(self.program.init(keys, eqx.combine(agent, static.agent)), eqx.is_array)

        where = self.program.shardings(shapes)
        agents = jax.jit(agent, out_shardings=where.agent, compiler_options=_ONCE)(keys)
        fresh = jax.jit(init, out_shardings=where, donate_argnums=1, compiler_options=_ONCE)
        return eqx.combine(fresh(keys, agents), static)

    def save(self, state: TrainState, wait: bool = False) -> bool:
        """Writes the states to go on from; `False` where the last are still being written and `wait` is not set."""
        if not wait and any(run.busy for run in self.runs):
            return False
        step, moment = self.clock.step(counts(state)[0]), self.counts(state)
        with self.signals.saving():
            for run in self.runs:  # none drops an old state before all have the next
                run.wait()
            for i, run in enumerate(self.runs):  # one by one: a state taken from among others is a copy
                run.save(step, *moment, self.program.one(state, i))
            for run in self.runs if wait else ():
                run.wait()
        return True

    def check(self, state: TrainState, done: int, asked: int) -> None:
        """Stops the run at the first number that is not finite."""
        if done == asked and all(np.isfinite(sums.total).all() for sums in state.totals.values()):
            return
        bad = [name for name, sums in state.totals.items() if not np.isfinite(sums.total).all()]
        directories = " and ".join(str(run.directory) for run in self.runs)
        raise NonFinite(
            f"Update {counts(state)[1]} made {', '.join(bad)} NaN or infinite; the run stops and the last saved "
            f"state and snapshots in {directories} are good."
        )

    def log(self, state: TrainState) -> None:
        """Evaluates where that is due, leaves the snapshots, and writes the record of every seed."""
        moment = self.counts(state)
        speeds = self._speeds(*moment)
        for i, (seed, run) in enumerate(zip(self.seeds, self.runs, strict=True)):
            if run.logged < moment:
                self._log(seed, run, self.program.one(state, i), speeds)
        self.marked = (*moment, time.monotonic())

    def _log(self, seed: int, run: Run, state: TrainState, speeds: dict[str, int | float]) -> None:
        collects, updates = counts(state)
        step, env_steps = self.clock.step(collects), self.clock.env_steps(collects)
        sums = {name: (float(sums.total), float(sums.count)) for name, sums in state.totals.items()}
        metrics = {name: total / count for name, (total, count) in sums.items() if count}
        metrics |= speeds | self.trainer.data.metrics(state.data)
        metrics["memory/process_gb"] = psutil.Process().memory_info().rss / 1e9
        if self.clock.evaluation_due(collects):
            self.display.show("evaluate", step, metrics)
            algorithm = self.trainer.algorithm
            networks = on_one_device(algorithm.networks(state.agent))
            run.snapshot(step, env_steps, updates, networks)
            if self.evaluate is not None:
                found = self.evaluate(algorithm.policy(networks), evaluation_key(seed, step))
                metrics |= scalars(found, "what `evaluate` of train returns", _OF_THE_RECORD)
        record = run.log(step, env_steps, updates, metrics)
        self.trackers(record | {"seed": seed} if self.together else record)
        self.display.show("train", step, record)

    def _speeds(self, steps: int, updates: int) -> dict[str, int | float]:
        steps_then, updates_then, then = self.marked
        seconds = max(time.monotonic() - then, 1e-9)
        return {
            "speed/env_steps_per_second": (steps - steps_then) / seconds,
            "speed/updates_per_second": (updates - updates_then) / seconds,
        }
