"""Line charts for the report: lines in SVG that stretch with the page, labels in HTML that do not."""

import json
from html import escape
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.ticker import MaxNLocator

from evaluation._metrics import Series

MOST_POINTS = 400  # of a line; a page shows no more


class Line(NamedTuple):
    """A series, what to call it, its colour in CSS, and where there is one the interval around it."""

    series: Series
    label: str
    colour: str
    low: Float[np.ndarray, " point"] | None = None
    high: Float[np.ndarray, " point"] | None = None


def chart(
    title: str,
    lines: list[Line],
    percent: bool = False,
    top: float = 1.0,
    by: str = "environment steps",
    unit: str = "steps",
) -> str:
    """A figure as HTML: title, legend where there are several lines, axes over environment steps, or what `by` says.

    The values are in it as JSON, for the read-out under the pointer. `percent` fixes the range to 0 to `top`, in
    percent, and has `by` written beside the title. The first line is the main one; lines with intervals are all alike.
    """
    lines = [line if line.low is not None else line._replace(series=_thinned(line.series)) for line in lines]
    steps = np.concatenate([line.series.steps for line in lines])
    values = np.concatenate([line.series.values for line in lines])
    left, right = float(steps.min()), max(float(steps.max()), float(steps.min()) + 1.0)
    low, high = (0.0, top) if percent else _padded(float(values.min()), float(values.max()))
    y_ticks = [t for t in MaxNLocator(4 if percent else 3).tick_values(low, high) if low <= t <= high]
    x_ticks = [t for t in MaxNLocator(4).tick_values(left, right) if left <= t <= right]
    paths = []
    for order, line in reversed(list(enumerate(lines))):
        x = 1000 * (line.series.steps - left) / (right - left)
        y = 1000 * (1 - (line.series.values - low) / (high - low))
        points = "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))
        style = f'style="stroke:{line.colour}"'
        if line.low is not None and line.high is not None:
            ends = [1000 * (1 - (np.clip(end, low, high) - low) / (high - low)) for end in (line.low, line.high)]
            there = np.concatenate([x, x[::-1]]), np.concatenate([ends[0], ends[1][::-1]])
            area = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(*there, strict=True)) + "Z"
            paths.append(f'<path class="area" style="fill:{line.colour}" d="{area}"/>')
        elif order == 0 and percent:
            area = f"M{x[0]:.1f} 1000L{points}L{x[-1]:.1f} 1000Z"
            paths.append(f'<path class="area" style="fill:{line.colour}" d="{area}"/>')
        # A line of length 0 with round ends is a dot that the stretching leaves round.
        end = f"M{x[-1]:.1f} {y[-1]:.1f}h0"
        paths.append(
            f'<path class="{"main" if order == 0 or line.low is not None else "other"}" {style} d="M{points}"/>'
        )
        paths.append(f'<path class="dot" {style} d="{end}"/>')
    heights = places(y_ticks, low, high, True)
    rules = "".join(f'<line x1="0" x2="1000" y1="{y:.1f}" y2="{y:.1f}"/>' for y in heights)
    legend = "".join(f'<li style="--c:{line.colour}">{escape(line.label)}</li>' for line in lines)
    digits = 0 if unit == "steps" else 1
    content = {
        "percent": percent,
        "range": [left, right],
        "unit": unit,
        "lines": [
            [line.label, line.series.steps.round(digits).tolist(), list(map(_short, line.series.values))]
            for line in lines
        ],
    }
    data = json.dumps(content).replace("<", "\\u003c")  # no text can end the script element
    return (
        f'<figure class="chart{" percent" if percent else ""}"><figcaption>'
        + f"<h3>{escape(title)}<small>{f'by {escape(by)}' if percent else ''}</small></h3>"
        + (f'<ul class="legend">{legend}</ul>' if len(lines) > 1 else "")
        + f'</figcaption><div class="plot"><div class="y">{labels(y_ticks, low, high, True, percent)}</div>'
        + f'<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" role="img" aria-label="{escape(title)}">'
        + f'<g class="rules">{rules}</g>{"".join(paths)}</svg><div class="cursor" hidden></div>'
        + f'<output hidden></output><div class="x">{labels(x_ticks, left, right, False, False)}</div></div>'
        + f'<script type="application/json">{data}</script></figure>'
    )


def quantity(value: float | int) -> str:
    """A number in at most four digits: 1.2M, 340k, 12.3, 0.045."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def labels(ticks: list[float], low: float, high: float, upwards: bool, percent: bool) -> str:
    """The numbers beside an axis, as HTML."""
    side = "top" if upwards else "left"
    return "".join(
        f'<span style="{side}:{place / 10:.2f}%">{f"{tick:.0%}" if percent else quantity(tick)}</span>'
        for tick, place in zip(ticks, places(ticks, low, high, upwards), strict=True)
    )


def places(ticks: list[float], low: float, high: float, upwards: bool) -> list[float]:
    """Where values are in a plot of 1,000 by 1,000."""
    shares = [(tick - low) / (high - low) for tick in ticks]
    return [1000 * (1 - share if upwards else share) for share in shares]


def _padded(low: float, high: float) -> tuple[float, float]:
    room = 0.06 * (high - low) or max(0.1 * abs(high), 0.1)
    return low - room, high + room


def _thinned(series: Series) -> Series:
    """Means of neighbours where there are more points than a page can show."""
    size = -(-len(series.steps) // MOST_POINTS)
    groups = [np.arange(i, min(i + size, len(series.steps))) for i in range(0, len(series.steps), size)]
    return Series(*(np.array([part[group].mean() for group in groups]) for part in series))


def _short(value: float) -> float:
    return float(f"{value:.5g}")
