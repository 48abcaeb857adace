"""How long it takes until the first update: what is compiled and made, with an empty cache and with a full one."""

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from absl import flags
from bench_alone import alone, since_start
from bench_sizes import depths, sizes

import crl
import envs
import nets
from crl.algorithms.contrastive import ContrastiveRL
from crl.data.online import Online
from crl.goals.geometric import Geometric

HEADER = f"{'depth':>5} {'cache':>5}   seconds: import   init collect  learn prefill update    all   compiled"
_STAGES = ("import", "init", "collect", "learn", "prefill", "update", "all")


def measurements(values: flags.FlagValues) -> Iterator[tuple[tuple[str, ...], dict[str, float]]]:
    """Every depth asked for, first with an empty cache and then with what that left."""
    rows = sizes(values, "envs", [64])[0]
    asked = depths(values, (4, 64, 1024))
    return _all(asked, rows)


def _all(asked: list[int], rows: int) -> Iterator[tuple[tuple[str, ...], dict[str, float]]]:
    first = None
    for depth in asked:
        with tempfile.TemporaryDirectory() as cache:
            for state in ("cold", "warm"):
                found = alone(measure, depth, rows, JAX_COMPILATION_CACHE_DIR=cache)
                if first is None:
                    first = found["collect"] + found["learn"]
                found["ratio"] = (found["collect"] + found["learn"]) / first
                yield (f"depth {depth}, {rows} envs, {state}", "compile"), found


def measure(depth: int, rows: int) -> dict[str, float]:
    """Seconds of each stage from the start of the process to the end of the first update, on the humanoid.

    `collect` and `learn` are the compilations of the two halves of a training step; `ratio` is that of their sum to
    the one of the first depth with an empty cache.
    """
    jax.devices()
    seconds = {"import": since_start()}
    network = partial(nets.ResidualMLP, depth=depth, remat=0)
    algorithm, data = ContrastiveRL(actor=network, critic=network), Online(num_envs=rows, capacity_per_env=1_000)
    trainer = crl.Trainer(envs.Humanoid(engine="native"), algorithm, data, Geometric(), batch_size=256)
    began = time.perf_counter()
    agent = eqx.filter_jit(lambda key: trainer.agent(key))(jr.key(0))
    state = eqx.filter_jit(lambda key, agent: trainer.init(key, agent))(jr.key(0), agent)
    jax.block_until_ready(state.data.replay.obs)
    seconds["init"], began = _lap(began)
    collect = _compiled(lambda state: trainer.collect(state), state)
    seconds["collect"], began = _lap(began)
    learn = _compiled(lambda state, updates: trainer.learn(state, updates), state, jnp.int32(1))
    seconds["learn"], began = _lap(began)
    for _ in range(data.collects_before_updates):
        state = collect(state)
    jax.block_until_ready(state.data.replay.obs)
    seconds["prefill"], began = _lap(began)
    jax.block_until_ready(learn(state, jnp.int32(1)).updates)
    seconds["update"], _ = _lap(began)
    return {"depth": depth} | seconds | {"all": since_start()}


def _compiled(step: Callable[..., crl.TrainState], *arguments: Any) -> Callable[..., crl.TrainState]:
    return eqx.filter_jit(step, donate="all").lower(*arguments).compile()


def _lap(began: float) -> tuple[float, float]:
    now = time.perf_counter()
    return now - began, now


def line(path: tuple[str, ...], found: dict[str, float]) -> str:
    """One line of the table."""
    seconds = " ".join(f"{found[stage]:>6.1f}" for stage in _STAGES)
    cache = path[0].split()[-1]
    return f"{found['depth']:>5} {cache:>5}            {seconds}   {found['ratio']:.2f} times the first"
