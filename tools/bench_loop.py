"""The whole loop, acting and learning on the humanoid: what a step costs as environments and depth grow."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import bench_physics
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import matplotlib
import numpy as np
from absl import flags
from bench_alone import alone, held_bytes, peak_bytes, since_start
from bench_learner import chain, gradient, rate
from bench_sizes import depths, sizes
from bench_turns import in_turns, ratio, shown
from matplotlib.figure import Figure

import crl
import envs
import nets
from crl.algorithms.contrastive import ContrastiveRL
from crl.data.online import Online
from crl.goals.geometric import Geometric

HEADER = f"{'envs':>5} {'depth':>5}   env steps/s updates/s  acting   GB  first update"
UPDATES_PER_STEP = 249 / 3_968  # 249 updates of 256 after 62 steps of 64 environments
BATCH, WIDTH = 256, 256
TURNS = 5
_SECONDS = 1.0  # of learning in a turn, about


def measurements(values: flags.FlagValues) -> Iterator[tuple[tuple[str, ...], dict[str, float]]]:
    """Every number of environments at every depth asked for, each in a process of its own."""
    rows, asked = sizes(values, "envs", [64]), depths(values, (4,))
    return (
        ((f"{row} envs, depth {depth}", "loop"), alone(measure, row, depth) | {"envs": row, "depth": depth})
        for depth in asked
        for row in rows
    )


def measure(rows: int, depth: int) -> dict[str, float]:
    """Environment steps and updates per second of a cycle: 62 steps of all environments, then its updates.

    - `acting`: environment steps per second while acting; beside a plain loop of MuJoCo's batch, `plain`.
    - `learning`: updates per second while learning; beside the chain of matrix products of the networks' blocks as
      many as an update has, `chain`.
    - `env_steps`, `updates`: of both in turn. `ratio`: the time that `plain` and `chain` would take of that.
    - `process`: bytes, at the most. `first_update`: seconds from the start of the process.
    """
    before = held_bytes()
    network = partial(nets.ResidualMLP, depth=depth, width=WIDTH)
    algorithm = ContrastiveRL(actor=network, critic=network)
    data = Online(num_envs=rows, capacity_per_env=1_000, prefill_per_env=62)
    trainer = crl.Trainer(envs.Humanoid(engine="native"), algorithm, data, Geometric(), batch_size=BATCH)
    state = eqx.filter_jit(lambda key: trainer.init(key))(jr.key(0))
    collect = eqx.filter_jit(lambda state: trainer.collect(state), donate="all")
    learn = eqx.filter_jit(lambda state, updates: trainer.learn(state, updates), donate="all")
    state = learn(collect(state), jnp.int32(1))
    jax.block_until_ready(state.updates)
    first_update = since_start()
    held = [state]
    per_update = crl.plan(trainer, trainer.steps_per_collect, trainer.steps_per_collect).flops_per_update

    def turn(step: Callable[..., Any], *arguments: Any) -> float:
        return _timed(lambda: held.__setitem__(0, step(held[0], *arguments)), held)

    def acting() -> float:
        return trainer.steps_per_collect / turn(collect)

    batch_of_updates = max(1, round(_SECONDS / turn(learn, jnp.int32(2)) * 2))

    def learning() -> float:
        return batch_of_updates / turn(learn, jnp.int32(batch_of_updates))

    process = peak_bytes() - before
    acting()
    learning()
    plain = bench_physics.plain_loop(trainer.env, bench_physics.Acting(trainer.env, rows))
    y = jr.normal(jr.key(1), (BATCH, WIDTH))
    weights = jr.normal(jr.key(2), (max(depth, 4), WIDTH, WIDTH)) / WIDTH**0.5
    products = 6 * BATCH * WIDTH**2 * len(weights)
    chained = rate(products, gradient(chain, y), (weights, y))
    act, loop, update, flops = in_turns([acting, plain, learning, chained], TURNS)
    chain_updates = flops * 1e9 / per_update
    ours = 1 / act + UPDATES_PER_STEP / update
    floor = 1 / loop + UPDATES_PER_STEP / chain_updates
    return {
        "env_steps": float(1 / np.median(ours)),
        "updates": float(UPDATES_PER_STEP / np.median(ours)),
        "acting": float(np.median(act)),
        "plain": float(np.median(loop)),
        "learning": float(np.median(update)),
        "chain": float(np.median(chain_updates)),
        "process": process,
        "first_update": first_update,
    } | ratio(1 / ours, 1 / floor)


def _timed(call: Callable[[], Any], held: list[crl.TrainState]) -> float:
    began = time.perf_counter()
    call()
    jax.block_until_ready(held[0].updates)
    jax.block_until_ready(held[0].collects)
    return time.perf_counter() - began


def line(path: tuple[str, ...], found: dict[str, float]) -> str:
    """One line of the table."""
    del path
    numbers = f"{found['env_steps']:>11,.0f} {found['updates']:>9.1f} {found['acting']:>7,.0f}"
    memory = f"{found['process'] / 1e9:>4.1f} {found['first_update']:>6.1f} s"
    return f"{found['envs']:>5} {found['depth']:>5}   {numbers} {memory}        {shown(found, 'of both floors')}"


def draw(found: list[dict[str, float]]) -> Figure:
    """Cost of an environment step, by environments for every depth and by depth for every number of environments."""
    with matplotlib.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        pairs = (("envs", "depth"), ("depth", "envs"))
        for axes, (along, other) in zip(figure.subplots(1, 2, sharey=True), pairs, strict=True):
            for value in sorted({point[other] for point in found}):
                points = sorted((p[along], 1e6 / p["env_steps"], 1e6 / p["acting"]) for p in found if p[other] == value)
                x, whole, acting = zip(*points, strict=True)
                (drawn,) = axes.loglog(x, whole, marker="o", label=f"{other} {value}")
                axes.loglog(x, acting, color=drawn.get_color(), linestyle=":")
            axes.set_xlabel(along)
            ticks = sorted({point[along] for point in found})
            axes.set_xticks(ticks, labels=[str(tick) for tick in ticks])
            axes.minorticks_off()
            axes.legend(frameon=False)
        figure.axes[0].set_ylabel("microseconds per env step (dotted: acting alone)")
    return figure
