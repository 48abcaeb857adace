"""The learning curve as one picture: how much of the time the agent is at its goal, and the algorithm's metrics."""

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import rc_context, rcParamsDefault
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator, PercentFormatter

from evaluation._learning import learning
from evaluation._metrics import CLOCKS, Series, by_metric, clock

# What the large panel shows: metric, label, colour.
REACHING = (
    ("eval/time_at_goal_fraction", "time at goal", "#0b8f79"),
    ("eval/success_any", "reached it at all", "#d07d14"),
    ("eval/success_end", "there at the end", "#4a72b0"),
)
_MOST_PANELS = 15  # small ones, five rows of three
_INK, _MUTED, _LINE = "#1d2733", "#6b7888", "#dfe4ea"
# Matplotlib reads a `matplotlibrc` of the working directory when it is imported, and that may be a stranger's.
_DEFAULTS = {name: value for name, value in rcParamsDefault.items() if not name.startswith("backend")}
STYLE: dict[Any, Any] = _DEFAULTS | {
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": _LINE,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "lines.solid_capstyle": "round",
}


def curve(records: Sequence[Mapping[str, Any]], title: str = "") -> bytes:
    """Draws the learning curve of a run as a PNG of 1600 pixels' width.

    The large panel shows how much of the time the agent is at its goal, up to 15 small ones the metrics `train/...`,
    losses first; a line below says how many are left out. A run without an evaluation yet gets a picture that says so.

    Args:
        records: the run's metrics: `env_steps` and numbers by name.
        title: stands above it.
    """
    with rc_context(STYLE):
        return png(curve_figure(records, title))


def curve_figure(records: Sequence[Mapping[str, Any]], title: str = "") -> Figure:
    """The figure that `curve` makes a picture of; its first axes are the large panel."""
    series = by_metric(records)
    small, left_out = learning(series, _MOST_PANELS)
    rows = -(-len(small) // 3)
    # A figure of its own, not pyplot's: nothing global is left behind, and no display is asked for.
    figure = Figure(figsize=(10, 4.4 + 1.75 * rows), dpi=160, layout="constrained", facecolor="white")
    grid = figure.add_gridspec(1 + rows, 6, height_ratios=[2.6, *[1.0] * rows])
    _reaching(figure.add_subplot(grid[0, :]), series, title, CLOCKS[clock(records)])
    for i, (label, one) in enumerate(small):
        _learning(figure.add_subplot(grid[1 + i // 3, 2 * (i % 3) : 2 * (i % 3) + 2]), one, label)
    if left_out:
        figure.supxlabel(left_out, x=0.99, ha="right", fontsize=9, color=_MUTED)
    return figure


def png(figure: Figure) -> bytes:
    """A figure as a PNG, by the style that is in force; a character that the font lacks is drawn as a box."""
    picture = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(picture)
    return picture.getvalue()


def literal(text: str) -> str:
    """A text that Matplotlib shows as it is: dollar signs would make it a formula, which may be a wrong one."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("$", r"\$")


def _reaching(axes: Axes, series: dict[str, Series], title: str, by: str) -> None:
    shown = [(series[name], label, colour) for name, label, colour in REACHING if name in series]
    axes.set_title(literal(title) or "Learning curve", loc="left", fontsize=14, pad=28)
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel(by, color=_MUTED)
    _engineer(axes)
    if not shown:
        axes.text(0.5, 0.5, "no evaluation yet", transform=axes.transAxes, ha="center", color=_MUTED)
        return
    for order, (one, label, colour) in enumerate(shown):
        style = {"lw": 2.6, "marker": "o", "ms": 4} if order == 0 else {"lw": 1.5, "marker": "o", "ms": 2.5}
        axes.plot(*one, color=colour, zorder=5 - order, clip_on=False, label=label, **style)
    axes.fill_between(*shown[0][0], color=shown[0][2], alpha=0.1, lw=0)
    # Above the panel: labels at the ends of lines would lie on one another once an agent has learned.
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=3, frameon=False, handlelength=1.4)


def _learning(axes: Axes, one: Series, label: str) -> None:
    axes.plot(*one, color="#3d5a80", lw=1.3, marker="o" if len(one.steps) == 1 else None, ms=3)
    axes.set_title(literal(label), loc="left", fontsize=10, color=_INK)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    _engineer(axes)
    axes.tick_params(labelsize=8)


def _engineer(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.margins(x=0.02)
