"""How many control steps a second an environment makes, beside a plain loop over the same model."""

import copy
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import mujoco
import mujoco.batch
import numpy as np
import parts
from absl import flags
from bench_turns import in_turns, ratio, shown
from exits import UserError

import envs

HEADER = f"{'task':<22} {'engine':<7} {'steps/s':>9}   beside"
TURNS = {"native": 25, "mjx": 5}  # a turn of MJX without caps takes seconds on a CPU
_ACTIONS = 16  # of every row, over and over
_KEYS = 64
_SECONDS = 0.2  # a call lasts about this long


def measurements(values: flags.FlagValues) -> Iterator[tuple[tuple[str, ...], dict[str, float]]]:
    """Every task asked for in every engine asked for; `UserError` for one that there is not."""
    for engine in values.engines:
        if engine not in TURNS:
            raise UserError(f"--engines {engine} is unknown; there are {', '.join(TURNS)}.")
    names = values.tasks or parts.names()
    for name in names:
        parts.file(name)
    return (
        (("tasks", name, engine), measure(parts.task(name, engine), values.rows))
        for name in names
        for engine in values.engines
    )


def measure(env: envs.AbstractEnv, rows: int) -> dict[str, float]:
    """Control steps a second of all rows together: under uniform actions, observations and resets included.

    The native engine is measured in turns with a plain loop of MuJoCo's own `Batch` over the same model, from the same
    states, under as many substeps of the same controls, on as many threads: no observation, no reset. `ratio` is ours
    to the loop's, the median of the turns, between its quartiles. MJX in a maze is measured in turns with itself
    without contact caps, which tries every pair of a body and a wall; and its compilation is timed.
    """
    began = time.perf_counter()
    ours = Acting(env, rows)
    found = {"rows": rows, "compile_seconds": time.perf_counter() - began}
    other = plain_loop(env, ours) if env.engine.name == "native" else _uncapped(env, rows)
    mine, *others = in_turns([ours, other] if other else [ours], TURNS[env.engine.name])
    found["steps_per_second"] = float(np.median(mine))
    if others:
        found |= {"beside": float(np.median(others[0]))} | ratio(mine, others[0])
    return found


class Acting:
    """A batch of environments under actions drawn before; a call goes on for some steps, returns steps per second."""

    def __init__(self, env: envs.AbstractEnv, rows: int):
        self.env, self.rows = env, rows
        episodes = envs.Episodes(env)
        self.actions = jr.uniform(jr.key(1), (_ACTIONS, rows, env.action_size), minval=-1.0, maxval=1.0)
        self.state = jax.jit(lambda keys: episodes.reset(keys))(jr.split(jr.key(0), rows))

        @jax.jit
        def act(state, actions, key, steps):
            # Made beforehand, as `envs.rollout` does: nothing but the environment is measured.
            keys = jr.split(key, (_KEYS, rows))
            return jax.lax.fori_loop(
                0, steps, lambda t, state: episodes.step(state, actions[t % _ACTIONS], keys[t % _KEYS]), state
            )

        self._act: Callable[..., Any] = act
        self._calls = 0
        self.steps = 1
        self()
        for seconds in (_SECONDS / 4, _SECONDS):  # a call of one step tells its length only roughly
            self.steps = max(1, round(seconds / self.rows * self()))
        self()

    def __call__(self) -> float:
        began = time.perf_counter()
        key = jr.fold_in(jr.key(2), self._calls)
        self._calls += 1
        self.state = jax.block_until_ready(self._act(self.state, self.actions, key, jnp.int32(self.steps)))
        return self.rows * self.steps / (time.perf_counter() - began)


def plain_loop(env: envs.AbstractEnv, ours: Acting) -> Callable[[], float]:
    """Steps per second of MuJoCo's batch alone, from the states where `ours` is, under actions drawn before."""
    model = env.engine.model
    substeps = round(env.control_step / model.opt.timestep)
    batch = mujoco.batch.Batch(model, ours.rows, min(len(os.sched_getaffinity(0)), ours.rows))
    controls = np.asarray(jax.vmap(jax.vmap(env.control))(ours.actions), np.float64)

    def go() -> float:
        physics = ours.state.env.physics
        for name in ("qpos", "qvel", "qacc_warmstart"):
            batch.bind(name)[:] = np.asarray(getattr(physics, name))
        began = time.perf_counter()
        for t in range(ours.steps):
            batch.bind("ctrl")[:] = controls[t % _ACTIONS]
            batch.step(nstep=substeps)
        return ours.rows * ours.steps / (time.perf_counter() - began)

    return go


def _uncapped(env: envs.AbstractEnv, rows: int) -> Callable[[], float] | None:
    """The same maze in MJX with contacts between everything and every wall; `None` elsewhere."""
    if env.maze is None:
        return None
    model = copy.copy(env.engine.model)
    model.numeric_data[:] = -1  # MJX takes a negative cap for none
    engine = envs.engine(model, env.engine.frame_skip, env.engine.fields, "mjx")
    swapped = eqx.tree_at(lambda e: e.engine, env, engine, is_leaf=lambda x: isinstance(x, envs.AbstractEngine))
    return Acting(swapped, rows)


def line(path: tuple[str, ...], found: dict[str, float]) -> str:
    """One line of the table."""
    _, name, engine = path
    what = {"native": "of a plain loop of MuJoCo's batch", "mjx": "times the same without contact caps"}[engine]
    said = [shown(found, what)] if "ratio" in found else []
    if engine == "mjx":
        said.append(f"compiled in {found['compile_seconds']:.0f} s")
    return f"{name:<22} {engine:<7} {found['steps_per_second']:>9,.0f}   {', '.join(said)}"
