"""The host's side of training: what runs when."""

import math
import signal
import time
from collections.abc import Sequence
from contextlib import suppress

from ._loop import Evaluate, Loop, Tracker, counts
from ._progress import Display
from ._run import Run
from ._signals import BrokenOff, Signals
from ._trainer import Trainer, TrainState


class Interrupted(Exception):
    """A signal asked the run to stop and its state is saved; `signal` is the number."""

    def __init__(self, number: int):
        super().__init__(f"Stopped by {signal.Signals(number).name}; the same command goes on from here.")
        self.signal = number


def train(
    trainer: Trainer,
    env_steps: int,
    eval_every: int,
    evaluate: Evaluate | None = None,
    seed: int = 0,
    checkpoint_minutes: float = 10.0,
    call_seconds: float = 5.0,
    trackers: tuple[Tracker, ...] = (),
    seeds: tuple[int, ...] = (),
    *,
    run: Run | Sequence[Run],
) -> list[TrainState]:
    """Trains until `env_steps`, or goes on with what `run` holds; the result does not depend on interruptions.

    Args:
        trainer: the task, the algorithm and the sizes of a training step.
        env_steps: environment steps in all, rounded up to whole training steps.
        eval_every: environment steps between evaluations; each leaves a snapshot of the agent.
        evaluate: scores the deterministic policy; `evaluation.Evaluator` in the configs.
        seed: of every draw of the run, where `seeds` is empty.
        checkpoint_minutes: between two saved states.
        call_seconds: how long one call of the learner may take about; signals and saves wait for its end. An
            evaluation that a signal breaks off is done again by the run that goes on.
        trackers: called with every line of metrics as well, which has a "seed" where there are `seeds`.
        seeds: trained side by side in one program, see `Seeds`, and all stopped by one that diverges.
        run: where everything is written; of `seeds`, one for each.

    Returns:
        The last state of every seed.

    Raises:
        ValueError: an argument that makes no sense.
        NonFinite: training diverged; the states saved before stay.
        Interrupted: SIGTERM, SIGUSR1 or SIGHUP came, and the state is saved.
    """
    check_schedule(env_steps, eval_every, seed, checkpoint_minutes, call_seconds, seeds)
    with Signals() as signals, Display(env_steps) as display:
        evaluate = evaluate and signals.breaking_off(evaluate)
        runs = (run,) if isinstance(run, Run) else tuple(run)
        loop = Loop(trainer, evaluate, seeds or (seed,), bool(seeds), eval_every, trackers, runs, display)

        state, compiled = loop.start()
        chunk, saved_at = 1, time.monotonic()
        while True:
            steps, updates = counts(state)
            due = trainer.updates_due(steps) - updates
            if due > 0:
                began, first = time.monotonic(), not loop.compiled
                display.show("compile" if first else "train", steps)
                state = compiled.learn(state, min(chunk, due))
                done = counts(state)[1] - updates
                loop.compiled = True
                loop.check(state, done, min(chunk, due))
                if not first:
                    chunk = max(1, int(done * call_seconds / (time.monotonic() - began)))
            elif loop.logged < steps and loop.line_due(steps, env_steps):
                with suppress(BrokenOff):
                    loop.log(state, env_steps)
            elif steps >= env_steps:
                loop.save(state, wait=True)
                return loop.program.split(state)
            else:
                display.show("prefill" if trainer.updates_due(steps) == 0 else "train", steps)
                state = compiled.collect(state)
            if signals.caught:
                loop.save(state, wait=True)
                raise Interrupted(signals.caught[0])
            if time.monotonic() - saved_at > 60 * checkpoint_minutes:
                if not loop.save(state):
                    display.say("The last checkpoint is still being written; this one is skipped.")
                saved_at = time.monotonic()


def check_schedule(
    env_steps: int,
    eval_every: int,
    seed: int,
    checkpoint_minutes: float,
    call_seconds: float,
    seeds: tuple[int, ...] = (),
) -> None:
    """Raises `ValueError` for numbers `train` cannot work with."""
    for name, value in (("env_steps", env_steps), ("eval_every", eval_every), ("seed", seed)):
        least = 0 if name == "seed" else 1
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**31:
            raise ValueError(f"`{name}` of train must be an integer from {least} to 2^31 - 1; got {value!r}.")
    for name, value in (("checkpoint_minutes", checkpoint_minutes), ("call_seconds", call_seconds)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
            raise ValueError(f"`{name}` of train must be a number above 0; got {value!r}.")
    if not isinstance(seeds, tuple | list) or len(set(map(repr, seeds))) < len(seeds):
        raise ValueError(f"`seeds` of train must be different integers, such as (0, 1, 2); got {seeds!r}.")
    for value in seeds:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
            raise ValueError(f"`seeds` of train must be integers from 0 to 2^31 - 1; got {value!r}.")
