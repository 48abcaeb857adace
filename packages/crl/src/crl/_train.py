"""The host-side training loop."""

import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import equinox as eqx

from ._callback import AbstractCallback, Callbacks, Printed
from ._checkpoint import CheckpointError
from ._compiled import CompiledSteps, fresh_state
from ._numbers import Integer
from ._open_files import refuse_too_few_files
from ._recorder import Evaluate, Recorder, Speed, counts
from ._run import Run, restore, to_devices
from ._schedule import check_schedule, clock
from ._seeds import Seeds
from ._signals import BrokenOff, Signals
from ._tracker import Started, Tracker, Trackers
from ._trainer import Trainer, TrainState


class Interrupted(Exception):
    """A signal asked the run to stop and its state is saved; `signal` is the number."""

    def __init__(self, number: int):
        super().__init__(f"Stopped by {signal.Signals(number).name}; the same command resumes from here.")
        self.signal = number


def train(
    trainer: Trainer,
    env_steps: Integer | None = None,
    eval_every: Integer = 1_000_000,
    evaluate: Evaluate | None = None,
    seed: Integer = 0,
    checkpoint_minutes: float = 10.0,
    call_seconds: float = 5.0,
    trackers: Sequence[Tracker] = (),
    seeds: tuple[Integer, ...] = (),
    updates: Integer | None = None,
    *,
    callbacks: Sequence[AbstractCallback] | None = None,
    config: Mapping[str, Any] | None = None,
    run: Run | Sequence[Run],
) -> list[TrainState]:
    """Trains for so many environment steps or updates, or resumes what `run` holds; interruptions change no result.

    In the main thread, a signal that asks it to stop lets it save first; in another, signals are the caller's.

    Args:
        trainer: the task, the algorithm and the sizes of a training step.
        env_steps: environment steps in all, rounded up to whole training steps; `None` where `updates` are given.
        eval_every: environment steps, or updates, between evaluations; each leaves a snapshot of the agent.
        evaluate: scores the deterministic policy, by numbers under names of their own; `evaluation.Evaluator` in the
            configs.
        seed: of every draw of the run, where `seeds` is empty.
        checkpoint_minutes: between two saved states.
        call_seconds: how long one call of the learner may take about; signals and saves wait for its end. An
            evaluation that a signal breaks off is done again when the run resumes.
        trackers: called with every line of metrics as well, which has a "seed" where there are `seeds`; see
            `AbstractTracker`. One that raises is told of and left out.
        seeds: trained side by side in one program, see `Seeds`, and all stopped by one that diverges.
        updates: gradient steps in all instead of `env_steps`, rounded up to whole training steps; the run is then
            counted, evaluated and its snapshots named by updates.
        callbacks: get progress and messages for the user; by default, messages are printed.
        config: what the run was configured with, by name, for the trackers.
        run: where everything is written; of `seeds`, one for each.

    Returns:
        The last state of every seed.

    Raises:
        ValueError: an argument that makes no sense.
        NonFinite: training diverged; the states saved before stay.
        Interrupted: one of `STOP_SIGNALS` came, and the state is saved.
    """
    schedule = check_schedule(env_steps, updates, eval_every, seed, checkpoint_minutes, call_seconds, seeds)
    checkpoint_seconds = 60 * schedule.checkpoint_minutes
    timer = clock(trainer, schedule.env_steps, schedule.updates, schedule.eval_every)
    refuse_too_few_files(len(schedule.seeds) or 1)
    runs = (run,) if isinstance(run, Run) else tuple(run)
    if len(runs) != (len(schedule.seeds) or 1):
        raise ValueError(f"`run` of train must be one for each of {len(schedule.seeds) or 1} seeds; got {len(runs)}.")
    chosen = Seeds(schedule.seeds or (schedule.seed,), bool(schedule.seeds))
    watching = Callbacks((Printed(),) if callbacks is None else callbacks)
    following = Trackers(trackers, watching.noticed)
    with Signals() as signals:
        scoring = evaluate and signals.breaking_off(evaluate)
        recorder = Recorder(timer, chosen, runs, scoring, following, watching, signals)
        recorder.show("start", 0)
        state, steps = _start(trainer, recorder)
        for number, one in zip(chosen.numbers, runs, strict=True):
            following.started(Started(one.directory, one.identity, number, chosen.vmapped, config or {}))
        chunk, compiled = 1, False
        saved_at, speed = time.monotonic(), Speed(*recorder.counts(state))
        while True:
            collects, made = counts(state)
            moment = timer.env_steps(collects), made
            step, due = timer.step(collects), trainer.updates_due(collects) - made
            if due > 0:
                recorder.show("train" if compiled else "compile", step)
                began, asked = time.monotonic(), min(chunk, due)
                state = steps.learn(state, asked)
                done = counts(state)[1] - made
                recorder.check(state, done, asked)
                if compiled:  # else it is the compilation that took so long
                    chunk = max(1, int(done * schedule.call_seconds / (time.monotonic() - began)))
                compiled = True
            elif recorder.logged < moment and timer.record_due(collects):
                with suppress(BrokenOff):
                    recorder.log(state, speed.until(*moment))
                    speed = Speed(*moment)
            elif collects >= timer.collects:
                recorder.save(state, wait=True)
                return chosen.split(state)
            else:
                recorder.show("prefill" if trainer.updates_due(collects) == 0 else "train", step)
                state = steps.collect(state)
            if signals.caught:
                recorder.save(state, wait=True)
                raise Interrupted(signals.caught[0])
            if time.monotonic() - saved_at > checkpoint_seconds:
                if not recorder.save(state):
                    watching.noticed("The last checkpoint is still being written; this one is skipped.")
                saved_at = time.monotonic()


def _start(trainer: Trainer, recorder: Recorder) -> tuple[TrainState, CompiledSteps]:
    """The state to begin with, on its devices: the runs' own, or a fresh one; and the steps from there."""
    seeds = recorder.seeds
    like = eqx.filter_eval_shape(seeds.over(trainer.init), seeds.keys())
    states, sentences = restore(recorder.runs, eqx.filter_eval_shape(lambda state: seeds.one(state, 0), like))
    for sentence in sentences:
        recorder.callbacks.noticed(sentence)
    steps = CompiledSteps(trainer, seeds, like)
    if states is None:
        state = fresh_state(trainer, seeds, like)
    else:
        state = seeds.join(states)
        step = recorder.clock.step(counts(state)[0])
        for run in recorder.runs:
            if run.clock != step:
                raise CheckpointError(
                    f"{run.directory} holds a run at step {run.clock} of its clock, which would be step {step} here: a "
                    "run is counted in environment steps, or in updates, from beginning to end."
                )
        env_steps, updates = recorder.counts(state)
        recorder.callbacks.noticed(f"Resumed at env step {env_steps:,} and update {updates:,}.")
    return to_devices(state, trainer.shardings(state, seeds.lead)), steps
