"""How time, memory and speed of an update grow with depth, width and batch."""

from collections.abc import Iterator

import jax
import matplotlib
import numpy as np
from absl import flags
from bench_alone import alone, held_bytes, peak_bytes
from bench_learner import flops_of, rate, update_of
from bench_sizes import depths, sizes
from matplotlib.figure import Figure

HEADER = f"{'depth':>5} {'batch':>5} {'width':>5}   ms an update  GFLOP/s     GB"
BASE = {"depth": 16, "batch": 512, "width": 256}
TURNS = 3


def measurements(values: flags.FlagValues) -> Iterator[tuple[tuple[str, ...], dict[str, float]]]:
    """Depths, batches and widths, each along its own line through depth 16, batch 512, width 256."""
    lines = {
        "depth": depths(values, [4**k for k in range(1, 6)]),
        "batch": sizes(values, "batches", [128, 512, 1024, 4096]),
        "width": sizes(values, "widths", [64, 128, 256, 512, 1024, 2048]),
    }
    points = [BASE | {name: value} for name, line in lines.items() for value in line]
    unique = list({tuple(point.values()): point for point in points}.values())
    return (
        ((f"depth {p['depth']}, batch {p['batch']}, width {p['width']}", "scaling"), p | alone(measure, *p.values()))
        for p in unique
    )


def measure(depth: int, batch: int, width: int) -> dict[str, float]:
    """Seconds of an update with the humanoid's sizes, GFLOP/s of its matrix products, bytes of the process."""
    before = held_bytes()
    update, agent = update_of(depth, batch, width)
    speed = rate(flops_of(update, agent), update, agent, steps=2)
    gflops = float(np.median([speed() for _ in range(TURNS)]))
    jax.block_until_ready(agent)
    return {"seconds": flops_of(update, agent) / gflops / 1e9, "gflops": gflops, "process": peak_bytes() - before}


def line(path: tuple[str, ...], found: dict[str, float]) -> str:
    """One line of the table."""
    del path
    where = f"{found['depth']:>5} {found['batch']:>5} {found['width']:>5}"
    return f"{where}   {1e3 * found['seconds']:>12,.1f} {found['gflops']:>8.1f} {found['process'] / 1e9:>6.2f}"


def draw(found: list[dict[str, float]]) -> Figure:
    """Nine panels: seconds, bytes and speed, each along depth, width and batch; the rest as in `BASE`."""
    panels = (("seconds", "seconds an update"), ("process", "bytes"), ("gflops", "GFLOP/s"))
    with matplotlib.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(9, 7), layout="constrained")
        for row, (value, label) in zip(figure.subplots(3, 3, sharex="col", sharey="row"), panels, strict=True):
            for axes, along in zip(row, BASE, strict=True):
                others = {name: size for name, size in BASE.items() if name != along}
                on_line = [p for p in found if all(p[name] == size for name, size in others.items())]
                points = sorted((p[along], p[value]) for p in on_line)
                if points:
                    axes.plot(*zip(*points, strict=True), marker="o", color="#0b8f79")
                axes.set_xscale("log", base=2)
                if value != "gflops":
                    axes.set_yscale("log")
                if along == "depth":
                    axes.set_ylabel(label)
                if value == "gflops":
                    axes.set_xlabel(along)
        figure.axes[-1].set_ylim(bottom=0)  # of the row, which shares it, when all of it is drawn
        figure.suptitle("An update of contrastive RL, around " + ", ".join(f"{k} {v}" for k, v in BASE.items()))
    return figure
