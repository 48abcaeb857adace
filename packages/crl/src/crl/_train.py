"""The host-side training loop."""

import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ._loop import Evaluate, Loop, counts
from ._numbers import Integer
from ._open_files import refuse_too_few_files
from ._progress import Display
from ._run import Run
from ._schedule import check_schedule, clock
from ._signals import BrokenOff, Signals
from ._tracker import Tracker
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
            evaluation that a signal breaks off is done again by the run that goes on.
        trackers: called with every line of metrics as well, which has a "seed" where there are `seeds`; see
            `AbstractTracker`. One that raises is told of and left out.
        seeds: trained side by side in one program, see `Seeds`, and all stopped by one that diverges.
        updates: gradient steps in all instead of `env_steps`, rounded up to whole training steps; the run is then
            counted, evaluated and its snapshots named by updates.
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
    with Signals() as signals, Display(timer.step(timer.collects)) as display:
        evaluate = evaluate and signals.breaking_off(evaluate)
        loop = Loop(trainer, timer, evaluate, schedule, trackers, config or {}, runs, signals, display)

        state, compiled = loop.start()
        chunk, saved_at = 1, time.monotonic()
        while True:
            collects, made = counts(state)
            step, due = timer.step(collects), trainer.updates_due(collects) - made
            if due > 0:
                began, first = time.monotonic(), not loop.compiled
                display.show("compile" if first else "train", step)
                state = compiled.learn(state, min(chunk, due))
                done = counts(state)[1] - made
                loop.compiled = True
                loop.check(state, done, min(chunk, due))
                if not first:
                    chunk = max(1, int(done * schedule.call_seconds / (time.monotonic() - began)))
            elif loop.logged < loop.counts(state) and timer.record_due(collects):
                with suppress(BrokenOff):
                    loop.log(state)
            elif collects >= timer.collects:
                loop.save(state, wait=True)
                return loop.program.split(state)
            else:
                display.show("prefill" if trainer.updates_due(collects) == 0 else "train", step)
                state = compiled.collect(state)
            if signals.caught:
                loop.save(state, wait=True)
                raise Interrupted(signals.caught[0])
            if time.monotonic() - saved_at > checkpoint_seconds:
                if not loop.save(state):
                    display.say("The last checkpoint is still being written; this one is skipped.")
                saved_at = time.monotonic()
