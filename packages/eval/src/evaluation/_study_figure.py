"""The main figure of a study as one picture: learning curves, and the final score of every run."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, PercentFormatter

from evaluation._curve import STYLE, literal, png
from evaluation._study_charts import label, shown, top

_COLOURS = LinearSegmentedColormap.from_list("deeper", ["#e0a458", "#5f7f7a", "#0b5d7a"])


def study_figure(found: dict[str, Any], title: str = "") -> bytes:
    """Draws a study as a PNG of 1600 pixels' width.

    Args:
        found: what `study.json` holds, with one cell at least.
        title: stands above it.
    """
    cells = found["cells"]
    with rc_context(STYLE):
        figure = Figure(figsize=(10, 4.2), dpi=160, layout="constrained", facecolor="white")
        left, right = figure.subplots(1, 2)
        _curves(left, cells, found)
        _finals(right, cells, found)
        left.set_title(literal(title) or "Time at the goal", loc="left", fontsize=14)
        for axes in (left, right):
            axes.set_ylim(0, top(cells, found.get("published")))
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        return png(figure)


def _curves(axes: Axes, cells: list[dict[str, Any]], found: dict[str, Any]) -> None:
    published = found.get("published") or {"curves": {}}
    for order, cell in shown(cells):
        curve, colour, name = cell["curve"], _colour(order, cells), literal(label(cell, found["axes"]))
        axes.plot(curve["env_steps"], curve["mean"], color=colour, lw=2.2, label=name)
        if None not in curve["ci_low"]:
            low, high = (np.array(curve[end], float) for end in ("ci_low", "ci_high"))
            axes.fill_between(curve["env_steps"], low, high, color=colour, alpha=0.12, lw=0)
        if theirs := published["curves"].get(cell["name"]):
            style = {"lw": 1.4, "ls": (0, (3, 2)), "label": f"{name}, published"}
            axes.plot(theirs["env_steps"], theirs["mean"], color=colour, **style)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_xlabel("environment steps")
    axes.legend(loc="upper left", frameon=False, fontsize=9)


def _finals(axes: Axes, cells: list[dict[str, Any]], found: dict[str, Any]) -> None:
    for order, cell in enumerate(cells):
        colour, final = _colour(order, cells), cell["final"]
        runs = [run["final"] for run in cell["runs"]]
        axes.plot(order + 0.12 + 0.05 * np.arange(len(runs)), runs, "o", color=colour, ms=4, alpha=0.45, mew=0)
        if final["ci_low"] is not None:
            axes.plot([order, order], [final["ci_low"], final["ci_high"]], color=colour, lw=2.2)
        axes.plot(order, final["mean"], "o", color=colour, ms=9)
        if cell["name"] == found["critical"]:
            axes.axvline(order - 0.5, color="#0b8f79", lw=1.3, ls=(0, (4, 4)))
            height, words = axes.get_xaxis_transform(), literal(f"critical {found['axes'][0]}")
            axes.text(order - 0.45, 0.97, words, color="#0b8f79", va="top", transform=height)
    names, several = [label(cell, found["axes"]) for cell in cells], len(found["axes"]) > 1
    if several:  # there is no room for all words below each
        names = ["\n".join(cell["values"][axis] for axis in found["axes"]) for cell in cells]
        axes.set_xlabel(literal(", ".join(axis.replace("_", " ") for axis in found["axes"])))
    size = 8 if len(cells) > 5 and not several else 10
    axes.set_xticks(range(len(cells)), [literal(name) for name in names], fontsize=size)
    axes.set_xlim(-0.6, len(cells) - 0.4)
    axes.set_title("final score of every run", loc="left", fontsize=10)


def _colour(order: int, cells: Sequence[Any]) -> tuple[float, ...]:
    return _COLOURS(order / max(len(cells) - 1, 1))
