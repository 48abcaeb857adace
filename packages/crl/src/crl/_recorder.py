"""Building blocks of `train`: checkpoints, evaluation, logging."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.random as jr
import numpy as np
import psutil
from jaxtyping import Array, Key

from envs import Policy

from ._callback import Callbacks, Progress
from ._mesh import on_one_device
from ._numbers import scalars
from ._run import Run
from ._schedule import Clock
from ._seeds import Seeds
from ._signals import Signals
from ._tracker import Trackers
from ._trainer import TrainState

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


class Speed:
    """Environment steps and updates a second, from the counts with which it is made."""

    def __init__(self, env_steps: int, updates: int):
        self._then = env_steps, updates, time.monotonic()

    def until(self, env_steps: int, updates: int) -> dict[str, int | float]:
        """The speeds by name, up to these counts."""
        steps_then, updates_then, then = self._then
        seconds = max(time.monotonic() - then, 1e-9)
        return {
            "speed/env_steps_per_second": (env_steps - steps_then) / seconds,
            "speed/updates_per_second": (updates - updates_then) / seconds,
        }


class Recorder:
    """What a run leaves behind at its steps: states to resume from, snapshots, records.

    Attributes:
        clock: how far the run is.
        seeds: that are trained.
        runs: where each of them is written.
        evaluate: scores a policy; `None` for no evaluation.
        trackers: get every record.
        callbacks: are told what is done.
        signals: those that came while something was saved.
    """

    def __init__(
        self,
        clock: Clock,
        seeds: Seeds,
        runs: Sequence[Run],
        evaluate: Evaluate | None,
        trackers: Trackers,
        callbacks: Callbacks,
        signals: Signals,
    ):
        self.clock, self.seeds, self.runs, self.evaluate = clock, seeds, runs, evaluate
        self.trackers, self.callbacks, self.signals = trackers, callbacks, signals

    @property
    def logged(self) -> tuple[int, int]:
        """Environment steps and updates of the last record that all runs have."""
        return min(run.logged for run in self.runs)

    def counts(self, state: TrainState) -> tuple[int, int]:
        """Environment steps and updates."""
        collects, updates = counts(state)
        return self.clock.env_steps(collects), updates

    def show(self, stage: str, step: int, metrics: Mapping[str, int | float] | None = None) -> None:
        """Tells the callbacks where the run is."""
        self.callbacks.progressed(Progress(stage, step, self.clock.step(self.clock.collects), metrics or {}))

    def save(self, state: TrainState, wait: bool = False) -> bool:
        """Writes the states to resume from; `False` where the last are still being written and `wait` is not set."""
        if not wait and any(run.busy for run in self.runs):
            return False
        step, moment = self.clock.step(counts(state)[0]), self.counts(state)
        with self.signals.saving():
            for run in self.runs:  # none drops an old state before all have the next
                run.wait()
            for i, run in enumerate(self.runs):  # one by one: a state taken from among others is a copy
                run.save(step, *moment, self.seeds.one(state, i))
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

    def log(self, state: TrainState, speeds: Mapping[str, int | float]) -> None:
        """Evaluates where that is due, leaves the snapshots, and writes the record of every seed."""
        moment = self.counts(state)
        for i, (seed, run) in enumerate(zip(self.seeds.numbers, self.runs, strict=True)):
            if run.logged < moment:
                self._log(seed, run, self.seeds.one(state, i), speeds)

    def _log(self, seed: int, run: Run, state: TrainState, speeds: Mapping[str, int | float]) -> None:
        collects, updates = counts(state)
        step, env_steps, trainer = self.clock.step(collects), self.clock.env_steps(collects), self.clock.trainer
        sums = {name: (float(sums.total), float(sums.count)) for name, sums in state.totals.items()}
        metrics: dict[str, int | float] = {name: total / count for name, (total, count) in sums.items() if count}
        metrics |= dict(speeds) | trainer.data.metrics(state.data)
        metrics["memory/process_gb"] = psutil.Process().memory_info().rss / 1e9
        if self.clock.evaluation_due(collects):
            self.show("evaluate", step, metrics)
            networks = on_one_device(trainer.algorithm.networks(state.agent))
            run.snapshot(step, env_steps, updates, networks)
            if self.evaluate is not None:
                found = self.evaluate(trainer.algorithm.policy(networks), evaluation_key(seed, step))
                metrics |= scalars(found, "what `evaluate` of train returns", _OF_THE_RECORD)
        record = run.log(step, env_steps, updates, metrics)
        self.trackers(record | {"seed": seed} if self.seeds.vmapped else record)
        self.show("train", step, record)
