"""What depth costs in memory: one update, by what is kept for the backward pass."""

import math
from collections.abc import Iterator
from typing import Any

import jax
from absl import flags
from bench_alone import alone, held_bytes, peak_bytes
from bench_learner import update_of
from bench_sizes import depths, sizes

HEADER = (
    f"{'depth':>5} {'remat':>5}   GB: parameters  agent  while updating  process   while updating, beside the first"
)


def measurements(values: flags.FlagValues) -> Iterator[tuple[tuple[str, ...], dict[str, float]]]:
    """Every depth asked for with `remat` 0, 1 and near the root of its blocks."""
    batch, width = sizes(values, "batches", [512])[0], sizes(values, "widths", [256])[0]
    asked = depths(values, (64, 1024))
    return _all(asked, batch, width)


def _all(asked: list[int], batch: int, width: int) -> Iterator[tuple[tuple[str, ...], dict[str, float]]]:
    first = None
    for depth in asked:
        blocks = depth // 4
        root = max(k for k in range(1, math.isqrt(blocks) + 1) if blocks % k == 0)
        for remat in sorted({0, 1, root}):
            found = alone(measure, depth, remat, batch, width)
            first = first or found["while_updating"]
            found["ratio"] = found["while_updating"] / first
            yield (f"depth {depth}, remat {remat}, batch {batch}, width {width}", "memory"), found


def measure(depth: int, remat: int, batch: int, width: int) -> dict[str, float]:
    """Bytes of an update of contrastive RL with the humanoid's sizes.

    - `parameters`, `agent`: of the networks, and with Adam's moments.
    - `while_updating`: what XLA takes besides the agent: what is kept for the backward pass, and gradients.
    - `process`: what the process grew by, from before the agent was made to the most in two updates.
    """
    before = held_bytes()
    update, agent = update_of(depth, batch, width, remat)
    compiled = jax.jit(update, donate_argnums=0).lower(agent).compile()
    analysis: Any = compiled.memory_analysis()
    held = sum(x.nbytes for x in jax.tree.leaves(agent))
    parameters = sum(x.nbytes for x in jax.tree.leaves(agent.networks))
    for _ in range(2):
        agent = jax.block_until_ready(compiled(agent))
    return {
        "depth": depth,
        "remat": remat,
        "parameters": parameters,
        "agent": held,
        "while_updating": analysis.temp_size_in_bytes,
        "process": peak_bytes() - before,
    }


def line(path: tuple[str, ...], found: dict[str, float]) -> str:
    """One line of the table."""
    del path
    names = (("parameters", 14), ("agent", 6), ("while_updating", 15), ("process", 8))
    sizes = " ".join(f"{found[name] / 1e9:>{width}.2f}" for name, width in names)
    return f"{found['depth']:>5} {found['remat']:>5}   {sizes}   {found['ratio']:.2f} times"
