"""The pictures of a study's page: curves with intervals, final scores of every run, and a grid of two axes."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, TypeVar

import numpy as np
from matplotlib.ticker import MaxNLocator

from evaluation._chart import Line, chart, labels, places
from evaluation._metrics import Series
from evaluation._study_content import CellJSON, EstimateJSON, PathJSON, PublishedJSON

_MOST_CURVES = 8  # in one chart; of more cells the best and the first are shown


class Cell(CellJSON):
    """A cell of a study with what charts and tables call it."""

    label: str


C = TypeVar("C", bound=Mapping[str, Any])


def labelled(cells: Sequence[CellJSON], axes: Sequence[str]) -> list[Cell]:
    """Cells with their labels."""
    return [{**cell, "label": label(cell, axes)} for cell in cells]


def colour(order: int, of: int) -> str:
    """A cell's colour in CSS, from light for the first to deep for the last."""
    return f"color-mix(in oklab, var(--deep) {100 * order / max(of - 1, 1):.0f}%, var(--shallow))"


def label(cell: Mapping[str, Any], axes: Sequence[str]) -> str:
    """Such as `depth 16` or `norm False`, or `residual` where a value says what it is."""
    values = ((axis.replace("_", " "), cell["values"][axis]) for axis in axes)
    return ", ".join(f"{axis} {value}" if _mute(value) else value for axis, value in values)


def shown(cells: Sequence[C]) -> list[tuple[int, C]]:
    """The cells that one chart has room for, with their places in the study."""
    if len(cells) <= _MOST_CURVES:
        return list(enumerate(cells))
    best = max(range(len(cells)), key=lambda i: cells[i]["final"]["mean"])
    return [(i, cells[i]) for i in sorted({0, best})]


def top(cells: Sequence[Mapping[str, Any]], published: PublishedJSON | None = None) -> float:
    """Where the axis of scores ends: a round number above all of them."""
    highest = max(max(run["final"] for run in cell["runs"]) for cell in cells)
    highest = max([highest, *(max(curve["mean"]) for curve in (published["curves"].values() if published else ()))])
    highest = max([highest, *(end for cell in cells for end in _highs(cell))])
    return _round_above(highest)


def curves(cells: list[Cell], published: PublishedJSON | None = None) -> str:
    """Mean learning curve of every cell with its interval over seeds, and what others published of it, if anything."""
    lines = []
    for order, cell in reversed(shown(cells)):
        lines.append(_line(cell["label"], colour(order, len(cells)), cell["curve"]["env_steps"], cell["curve"]))
        if published and cell["name"] in published["curves"]:
            theirs = published["curves"][cell["name"]]
            series = Series(*(np.array(theirs[name], float) for name in ("env_steps", "mean")))
            lines.append(Line(series, f"{cell['label']}, published", colour(order, len(cells))))
    return chart("Time at the goal", lines, percent=True, top=top(cells, published))


def by_path_length(cells: list[Cell], tested: Sequence[Sequence[PathJSON]]) -> str:
    """Time at the goal against how far it is, as `tested.json` says it of the cells, in their order."""
    lines, highest = [], 0.0
    for order, cell in reversed(shown(cells)):
        points = tested[order]
        times = [point["eval/time_at_goal_fraction"] for point in points]
        columns = {name: [time[name] for time in times] for name in ("mean", "ci_low", "ci_high")}
        x = [point["path_length"] for point in points]
        lines.append(_line(cell["label"], colour(order, len(cells)), x, columns))
        highest = max([highest, *(time["mean"] if time["ci_high"] is None else time["ci_high"] for time in times)])
    by = "length of the shortest way to it, m"
    return chart("Time at the goal", lines, percent=True, top=_round_above(highest), by=by, unit="m")


def finals(cells: list[Cell], critical: str | None) -> str:
    """Final score of every run as a dot, mean and interval of every cell, and where the score jumps."""
    high = top(cells)
    ticks = [t for t in MaxNLocator(4).tick_values(0, high) if 0 <= t <= high]
    heights = places(ticks, 0.0, high, True)
    parts = [f'<line x1="0" x2="1000" y1="{y:.1f}" y2="{y:.1f}"/>' for y in heights]
    names = []
    for order, cell in enumerate(cells):
        x, style = 1000 * (order + 0.5) / len(cells), f'style="stroke:{colour(order, len(cells))}"'
        if cell["name"] == critical:
            left = x - 500 / len(cells)
            parts.append(f'<path class="jump" d="M{left:.1f} 0V1000"/>')
            names.append(f'<b style="left:{left / 10:.1f}%">critical {escape(_axis(cell))}</b>')
        low, up = cell["final"]["ci_low"], cell["final"]["ci_high"]
        if low is not None and up is not None:
            ends = places([low, up], 0.0, high, True)
            parts.append(f'<path class="spread" {style} d="M{x:.1f} {ends[0]:.1f}V{ends[1]:.1f}"/>')
        for i, run in enumerate(cell["runs"]):  # beside the mean, else it would hide them
            aside = x + (60 + 18 * i) / len(cells)
            y = places([run["final"]], 0.0, high, True)[0]
            parts.append(f'<path class="run" {style} d="M{aside:.1f} {y:.1f}h0"/>')
        mean = places([cell["final"]["mean"]], 0.0, high, True)[0]
        parts.append(f'<path class="mean" {style} d="M{x:.1f} {mean:.1f}h0"><title>{_told(cell)}</title></path>')
        names.append(f'<span style="left:{x / 10:.1f}%">{escape(cell["label"])}</span>')
    title = "Final score of every run"
    return (
        f'<figure class="chart percent finals"><figcaption><h3>{title}</h3></figcaption><div class="plot">'
        f'<div class="y">{labels(ticks, 0.0, high, True, True)}</div><svg viewBox="0 0 1000 1000" '
        f'preserveAspectRatio="none" role="img" aria-label="{title}"><g class="rules">{parts[0]}'
        + "".join(parts[1 : len(ticks)])
        + f'</g>{"".join(parts[len(ticks) :])}</svg><div class="x">{"".join(names)}</div></div></figure>'
    )


def grid(cells: list[Cell], axes: Sequence[str]) -> str:
    """Final scores of a study of two axes: the first downwards, the second across; the darker, the better."""
    rows, columns = (list(dict.fromkeys(cell["values"][axis] for cell in cells)) for axis in axes)
    by_place = {tuple(cell["values"][axis] for axis in axes): cell for cell in cells}
    best = max(cell["final"]["mean"] for cell in cells) or 1.0
    words = [axis.replace("_", " ") for axis in axes]
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(
        f'<tr><th scope="row">{escape(row)}</th>'
        + "".join(_square(by_place.get((row, column)), best) for column in columns)
        + "</tr>"
        for row in rows
    )
    return (
        f'<figure class="chart"><figcaption><h3>Final score<small>{escape(words[0])} downwards, {escape(words[1])}'
        f' across</small></h3></figcaption><div class="scroll"><table class="grid"><thead><tr><th></th>{head}</tr>'
        f"</thead><tbody>{body}</tbody></table></div></figure>"
    )


def percent(estimate: EstimateJSON) -> str:
    """Mean and interval in percent; without an interval where there is none."""
    mean, low, high = (estimate[name] for name in ("mean", "ci_low", "ci_high"))
    between = "" if low is None or high is None else f" [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{100 * (mean or 0):.1f}{between}"


def _line(name: str, colour: str, x: Sequence[float | int], shares: Mapping[str, Any]) -> Line:
    """A mean with its interval, which has no width where it is unknown."""
    mean = np.array(shares["mean"], float)
    low, high = (_ends(shares[end], mean) for end in ("ci_low", "ci_high"))
    return Line(Series(np.array(x, float), mean), name, colour, low, high)


def _round_above(highest: float) -> float:
    return float(np.clip(np.ceil(highest * 1.05 * 20) / 20, 0.05, 1.0))


def _square(cell: Cell | None, best: float) -> str:
    if cell is None:
        return "<td>–</td>"
    share, mean = 100 * max(0.0, cell["final"]["mean"]) / best, 100 * cell["final"]["mean"]
    strength = "strong" if share > 50 else "weak"
    low, high = cell["final"]["ci_low"], cell["final"]["ci_high"]
    between = f"<small>± {50 * (high - low):.0f}</small>" if low is not None and high is not None else ""
    hint = f"{len(cell['runs'])} runs: {_told(cell)}"
    return f'<td class="{strength}" style="--share:{share:.0f}%" title="{hint}">{mean:.0f}%{between}</td>'


def _told(cell: Cell) -> str:
    return f"{escape(cell['label'])}: {percent(cell['final'])} % of the time at the goal"


def _mute(value: str) -> bool:
    return value[:1].isdigit() or value in ("True", "False", "None")


def _axis(cell: Cell) -> str:
    return next(iter(cell["values"])).replace("_", " ")


def _highs(cell: Mapping[str, Any]) -> list[float]:
    """What the pictures must have room for; an interval may reach beyond what a share can be."""
    ends = [cell["final"]["ci_high"], *cell["curve"]["mean"]]
    return [min(1.0, end) for end in ends if end is not None]


def _ends(values: list[float | None], middle: np.ndarray) -> np.ndarray:
    return np.array([there if end is None else end for end, there in zip(values, middle, strict=True)])
