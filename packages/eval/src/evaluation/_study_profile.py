"""Performance profiles of a study (Agarwal et al. 2021): of every cell, how many of its runs score above what."""

from html import escape

import numpy as np
from matplotlib.ticker import MaxNLocator

from evaluation._chart import labels, places
from evaluation._study_charts import Cell, colour, top


def profiles(cells: list[Cell]) -> str:
    """A figure as HTML: the score to the right, upwards the share of runs above it; the farther right, the better."""
    high = top(cells)
    x_ticks = [t for t in MaxNLocator(4).tick_values(0, high) if 0 <= t <= high]
    y_ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
    parts, legend = [], []
    for order, cell in enumerate(cells):
        profile = cell["profile"]
        scores, above = np.array(profile["scores"], float), np.array([one["mean"] for one in profile["above"]], float)
        shown = scores <= high + 1e-9
        x = places(list(scores[shown]), 0.0, high, False)
        y = places(list(above[shown]), 0.0, 1.0, True)
        points = "".join(f"H{a:.1f}V{b:.1f}" for a, b in zip(x, y, strict=True))
        first = y[0] if y else 1000.0
        parts.append(f'<path class="main" style="stroke:{colour(order, len(cells))}" d="M0 {first:.1f}{points}"/>')
        legend.append(f'<li style="--c:{colour(order, len(cells))}">{escape(cell["label"])}</li>')
    rules = "".join(f'<line x1="0" x2="1000" y1="{y:.1f}" y2="{y:.1f}"/>' for y in places(y_ticks, 0.0, 1.0, True))
    title = "Share of runs above a score"
    return (
        f'<figure class="chart percent profile"><figcaption><h3>{title}</h3><ul class="legend">{"".join(legend)}</ul>'
        f'</figcaption><div class="plot"><div class="y">{labels(y_ticks, 0.0, 1.0, True, True)}</div><svg viewBox="0 0 '
        f'1000 1000" preserveAspectRatio="none" role="img" aria-label="{title}"><g class="rules">{rules}</g>'
        f'{"".join(parts)}</svg><div class="x">{labels(x_ticks, 0.0, high, False, True)}</div></div></figure>'
    )
