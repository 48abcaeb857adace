"""Several seeds in one program, beside as many processes at once."""

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags
from bench_alone import alone
from bench_learner import rate, update_of
from bench_sizes import depths, sizes

HEADER = f"{'depth':>5} {'batch':>5} {'width':>5}   updates/s: one seed, four in one program, four processes"
SEEDS = 4
SECONDS = 8.0


def measurements(values: flags.FlagValues) -> Iterator[tuple[tuple[str, ...], dict[str, float]]]:
    """Every depth, batch and width asked for."""
    asked, batches = depths(values, (8,)), sizes(values, "batches", [256])
    widths = sizes(values, "widths", [64])
    return (
        ((f"depth {depth}, batch {batch}, width {width}", "seeds"), measure(depth, batch, width))
        for depth in asked
        for batch in batches
        for width in widths
    )


def measure(depth: int, batch: int, width: int) -> dict[str, float]:
    """Updates per second of all seeds together; `ratio` is that of one program to that of processes."""
    size = (depth, batch, width)
    solo, together = (alone(updating, *size, seeds)["updates"] for seeds in (1, SEEDS))
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(SEEDS, mp_context=context) as pool:
        barrier = manager.Barrier(SEEDS)
        futures = [pool.submit(updating, *size, 1, barrier) for _ in range(SEEDS)]
        apart = sum(future.result()["updates"] for future in futures)
    shown: dict[str, float] = {"depth": depth, "batch": batch, "width": width}
    return shown | {"solo": solo, "together": together, "apart": apart, "ratio": together / apart}


def updating(depth: int, batch: int, width: int, seeds: int, barrier: Any = None) -> dict[str, float]:
    """Updates per second of a program of so many seeds, from when all who share the barrier are compiled."""
    update, agent = update_of(depth, batch, width)
    if seeds > 1:
        agent = jax.tree.map(lambda x: jnp.stack([x] * seeds), agent)
        update = jax.vmap(update)
    speed = rate(seeds * 1e9, update, agent)
    if barrier is not None:
        barrier.wait()
    began, found = time.perf_counter(), []
    while not found or time.perf_counter() - began < SECONDS:
        found.append(speed())
    return {"updates": float(np.median(found))}


def line(path: tuple[str, ...], found: dict[str, float]) -> str:
    """One line of the table."""
    del path
    where = f"{found['depth']:>5} {found['batch']:>5} {found['width']:>5}"
    speeds = f"{found['solo']:>19.1f} {found['together']:>20.1f} {found['apart']:>15.1f}"
    return f"{where}   {speeds}   one program is {found['ratio']:.2f} of four processes"
