"""The host's side of training: what runs when, and what is written down."""

import math
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial, wraps

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import psutil
from jaxtyping import Array, Key, PyTree

from envs import Policy

from ._progress import Display
from ._run import Run, to_devices
from ._signals import BrokenOff, Signals
from ._trainer import Trainer, TrainState

Evaluate = Callable[[Policy, Key[Array, ""]], dict[str, int | float]]
Tracker = Callable[[dict[str, int | float]], None]


class Interrupted(Exception):
    """A signal asked the run to stop and its state is saved; `signal` is the number."""

    def __init__(self, number: int):
        super().__init__(f"Stopped by {signal.Signals(number).name}; the same command goes on from here.")
        self.signal = number


class NonFinite(ArithmeticError):
    """A loss, a gradient or a parameter became NaN or infinite."""


def evaluation_key(seed: int, env_steps: int) -> Key[Array, ""]:
    """The key of the evaluation after `env_steps`: the same in training and on a saved checkpoint."""
    _, evaluation = jr.split(jr.key(seed))
    return jr.fold_in(evaluation, env_steps)


def train(
    trainer: Trainer,
    env_steps: int,
    eval_every: int,
    evaluate: Evaluate | None = None,
    seed: int = 0,
    checkpoint_minutes: float = 10.0,
    call_seconds: float = 5.0,
    trackers: tuple[Tracker, ...] = (),
    *,
    run: Run,
) -> TrainState:
    """Trains until `env_steps`, or goes on with what `run` holds; the result does not depend on interruptions.

    Args:
        trainer: the task, the algorithm and the sizes of a training step.
        env_steps: environment steps in all, rounded up to whole training steps.
        eval_every: environment steps between evaluations; each leaves a snapshot of the agent.
        evaluate: scores the deterministic policy; `evaluation.Evaluator` in the configs.
        seed: of every draw of the run.
        checkpoint_minutes: between two saved states.
        call_seconds: how long one call of the learner may take about; signals and saves wait for its end. An
            evaluation that a signal breaks off is done again by the run that goes on.
        trackers: called with every line of metrics as well.
        run: where everything is written.

    Raises:
        ValueError: an argument that makes no sense.
        NonFinite: training diverged; the states saved before stay.
        Interrupted: SIGTERM or SIGUSR1 came, and the state is saved.
    """
    check_schedule(env_steps, eval_every, seed, checkpoint_minutes, call_seconds)
    with Signals() as signals, Display(env_steps) as display:
        evaluate = evaluate and signals.breaking_off(evaluate)
        loop = _Loop(trainer, evaluate, seed, eval_every, trackers, run, display)

        state = loop.start()
        collect, learn = compiled_steps(trainer, state)
        chunk, saved_at = 1, time.monotonic()
        while True:
            steps, updates = int(state.env_steps), int(state.updates)
            due = trainer.updates_due(steps) - updates
            if due > 0:
                began, first = time.monotonic(), not loop.compiled
                display.show("compile" if first else "train", steps)
                state = learn(state, jnp.int32(min(chunk, due)))
                done = int(state.updates) - updates
                loop.compiled = True
                loop.check(state, done, min(chunk, due))
                if not first:
                    chunk = max(1, int(done * call_seconds / (time.monotonic() - began)))
            elif run.logged < steps and loop.line_due(steps, env_steps):
                with suppress(BrokenOff):
                    loop.log(state, env_steps)
            elif steps >= env_steps:
                run.save(state, wait=True)
                return state
            else:
                display.show("prefill" if trainer.updates_due(steps) == 0 else "train", steps)
                state = collect(state)
            if signals.caught:
                run.save(state, wait=True)
                raise Interrupted(signals.caught[0])
            if time.monotonic() - saved_at > 60 * checkpoint_minutes:
                if not run.save(state):
                    display.say("The last checkpoint is still being written; this one is skipped.")
                saved_at = time.monotonic()


def check_schedule(env_steps: int, eval_every: int, seed: int, checkpoint_minutes: float, call_seconds: float) -> None:
    """Raises `ValueError` for numbers `train` cannot work with."""
    for name, value in (("env_steps", env_steps), ("eval_every", eval_every), ("seed", seed)):
        least = 0 if name == "seed" else 1
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**31:
            raise ValueError(f"`{name}` of train must be an integer from {least} to 2^31 - 1; got {value!r}.")
    for name, value in (("checkpoint_minutes", checkpoint_minutes), ("call_seconds", call_seconds)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
            raise ValueError(f"`{name}` of train must be a number above 0; got {value!r}.")


def compiled_steps(trainer: Trainer, state: TrainState) -> tuple[Callable, Callable]:
    """`trainer.collect` and `trainer.learn`, each compiled once for states like `state`, whose arrays they take over.

    Their results lie on the devices as `trainer.shardings` says. Left to the compiler, they may not, and then the
    same step is compiled once for fresh or restored states and once more for its own results.
    """
    arrays, static = eqx.partition(state, eqx.is_array)
    where = trainer.shardings(arrays)

    def compiled(step: Callable) -> Callable:
        @partial(jax.jit, donate_argnums=0, out_shardings=where)
        @wraps(step)
        def program(arrays: PyTree, *rest: Array) -> PyTree:
            return eqx.filter(step(eqx.combine(arrays, static), *rest), eqx.is_array)

        return lambda state, *rest: eqx.combine(program(eqx.filter(state, eqx.is_array), *rest), static)

    return compiled(trainer.collect), compiled(trainer.learn)


class _Loop:
    """The parts of `train` that are not the order of things."""

    def __init__(self, trainer: Trainer, evaluate, seed: int, eval_every: int, trackers, run: Run, display: Display):
        self.trainer, self.evaluate, self.seed, self.eval_every = trainer, evaluate, seed, eval_every
        self.trackers, self.run, self.display = trackers, run, display
        self.compiled = False
        self.marked = (0, 0, time.monotonic())  # env steps, updates and time of the last line

    def start(self) -> TrainState:
        """The state to begin with, on its devices: the run's own, or a fresh one."""
        self.display.show("start", 0)
        key, _ = jr.split(jr.key(self.seed))
        like = eqx.filter_eval_shape(self.trainer.init, key)
        state, damaged = self.run.restore(like)
        for sentence in damaged:
            self.display.say(f"{sentence} An older one is used.")
        if state is None:
            state = self._fresh(like, key)
        else:
            self.display.say(f"Going on from {int(state.env_steps):,} steps and {int(state.updates):,} updates.")
        self.marked = (int(state.env_steps), int(state.updates), time.monotonic())
        return to_devices(state, self.trainer.shardings(state))

    def _fresh(self, like: TrainState, key: Key[Array, ""]) -> TrainState:
        """A new state, made where it belongs: the whole replay may be larger than one device."""
        shapes, static = eqx.partition(like, lambda x: isinstance(x, jax.ShapeDtypeStruct))

        def init(key: Key[Array, ""]) -> PyTree:
            return eqx.filter(self.trainer.init(key), eqx.is_array)

        return eqx.combine(jax.jit(init, out_shardings=self.trainer.shardings(shapes))(key), static)

    def check(self, state: TrainState, done: int, asked: int) -> None:
        """Stops the run at the first number that is not finite."""
        if done == asked and all(np.isfinite(total) for total in state.totals.values()):
            return
        bad = [name for name, total in state.totals.items() if not np.isfinite(total)]
        raise NonFinite(
            f"Update {int(state.updates)} made {', '.join(bad)} NaN or infinite; the run stops and the last saved "
            f"state and snapshots in {self.run.directory} are good."
        )

    def evaluation_due(self, steps: int, total: int) -> bool:
        """Whether `steps` is the first moment behind a multiple of `eval_every`, the start or the end."""
        before = steps - self.trainer.steps_per_collect
        return steps == 0 or steps >= total or steps // self.eval_every > before // self.eval_every

    def line_due(self, steps: int, total: int) -> bool:
        """Whether this moment leaves a line: it was evaluated or learned at."""
        return self.evaluation_due(steps, total) or self.trainer.updates_due(steps) > 0

    def log(self, state: TrainState, total: int) -> None:
        """Evaluates where that is due, leaves the snapshot, and writes the line of this moment."""
        steps, updates = int(state.env_steps), int(state.updates)
        totals = {name: float(total) for name, total in state.totals.items()}
        count, unstable = totals.pop("updates"), totals.pop("train/unstable")
        metrics = {name: total / count for name, total in totals.items()} if count else {}
        metrics |= self._speeds(steps, updates) | {
            "train/unstable": unstable,
            "replay/fill": float(state.replay.fill) / self.trainer.capacity,
            "memory/process_gb": psutil.Process().memory_info().rss / 1e9,
        }
        if self.evaluation_due(steps, total):
            self.display.show("evaluate", steps, metrics)
            agent = state.agent.acting()
            self.run.snapshot(steps, agent)
            if self.evaluate is not None:
                policy = eqx.Partial(self.trainer.algorithm.policy, agent)
                metrics |= self.evaluate(policy, evaluation_key(self.seed, steps))
        line = self.run.log(steps, updates, metrics)
        self.marked = (steps, updates, time.monotonic())
        for tracker in self.trackers:
            tracker(line)
        self.display.show("train", steps, line)

    def _speeds(self, steps: int, updates: int) -> dict[str, int | float]:
        steps_then, updates_then, then = self.marked
        seconds = max(time.monotonic() - then, 1e-9)
        return {
            "speed/env_steps_per_second": (steps - steps_then) / seconds,
            "speed/updates_per_second": (updates - updates_then) / seconds,
        }
