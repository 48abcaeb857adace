"""What depth does inside, as pictures: a critic's map of a maze, and layers, embedding and replay of an agent."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from evaluation._coverage import Coverage
from evaluation._curve import STYLE, png
from evaluation._path_lengths import Places
from evaluation._principal import Plane
from evaluation._value_map import ValueMap

_WALL, _INK, _GOAL = "#31475e", "#1d2733", "#d07d14"
_BY_BLOCK = {
    "stream": "norm of what a block is given",
    "branch": "norm of what it adds",
    "gradient": "norm of its gradient",
}
_NETWORKS = {"actor": "#d07d14", "phi": "#0b8f79", "psi": "#4a72b0"}


def value_map_figure(places: Places, shown: ValueMap) -> bytes:
    """Draws one goal's energy beside both true distances, as a PNG of 1600 pixels' width; near is bright in all three.

    Args:
        places: where the values belong.
        shown: the map.
    """
    panels = (
        ("energy of the critic", shown.energy, None),
        ("true path length", -shown.path, shown.path_correlation),
        ("straight line", -shown.straight, shown.straight_correlation),
    )
    with rc_context(STYLE):
        figure = Figure(figsize=(10, 3.9), dpi=160, layout="constrained", facecolor="white")
        for axes, (title, values, correlation) in zip(figure.subplots(1, 3), panels, strict=True):
            axes.imshow(_ranks(places.picture(values)), cmap="viridis", interpolation="nearest")
            row, column = (at[places.nearest(shown.goal)] for at in (places.rows, places.columns))
            axes.plot(column, row, "*", color="white", mec=_INK, ms=14)
            axes.set(xticks=[], yticks=[], facecolor=_WALL)
            axes.grid(False)
            axes.set_title(title, loc="left", fontsize=12)
            if correlation is not None:
                axes.set_xlabel(f"rank correlation with the energy: {correlation:.2f}", loc="left")
        return png(figure)


def inside_figure(
    layers: dict[str, Any],
    plane: Plane,
    ways: Sequence[Float[np.ndarray, "_ embedding"]],
    goals: Float[np.ndarray, "episode embedding"],
    covered: Coverage | None,
) -> bytes:
    """Draws layers, embedding and replay of an agent as a PNG of 1600 pixels' width.

    Args:
        layers: of every network by name: `stream`, norms of what its blocks are given; `branch`, of what each adds;
            `gradient`, of each block's gradient.
        plane: in which the embedding is shown.
        ways: phi(s, a) along some episodes, one array an episode, as long as that was.
        goals: psi of their goals.
        covered: the replay, where its task has a plane.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(10, 7.2), dpi=160, layout="constrained", facecolor="white")
        top, bottom = (figure.add_subfigure(row) for row in figure.add_gridspec(2, 1, height_ratios=(2, 3)))
        for axes, name in zip(top.subplots(1, 3), _BY_BLOCK, strict=True):
            _by_block(axes, layers, name)
        left, right = bottom.subplots(1, 2)
        _ways(left, plane, ways, goals)
        if covered is None:
            right.remove()
        else:
            _coverage(right, covered)
        return png(figure)


def _by_block(axes: Axes, layers: dict[str, Any], name: str) -> None:
    for network, numbers in layers.items():
        axes.plot(numbers[name], color=_NETWORKS.get(network, _INK), lw=1.8, marker="o", ms=3, label=network)
    axes.set_title(_BY_BLOCK[name], loc="left", fontsize=11)
    axes.set_xlabel("block")
    if name == "gradient":
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(-0.4, max(len(numbers[name]) for numbers in layers.values()) - 0.6)
    if name == "stream":
        axes.legend(frameon=False)


def _ways(axes: Axes, plane: Plane, ways: Sequence[np.ndarray], goals: np.ndarray) -> None:
    for way in map(plane.project, ways):
        pieces = LineCollection([*np.stack([way[:-1], way[1:]], axis=1)], cmap="viridis", lw=1.2, alpha=0.8)
        pieces.set_array(np.linspace(0, 1, len(way) - 1))
        axes.add_collection(pieces)
    axes.plot(*plane.project(goals).T, "*", color=_GOAL, mec="white", mew=0.6, ms=11, ls="none")
    axes.autoscale_view()
    axes.set_title("episodes in the embedding, dark to light; stars: goals", loc="left", fontsize=11)
    for axis, share in zip((axes.set_xlabel, axes.set_ylabel), plane.shares, strict=True):
        axis(f"{share:.0%} of the variance")


def _coverage(axes: Axes, covered: Coverage) -> None:
    (x, y), (rows, columns) = covered.corner, covered.counts.shape
    counts = np.ma.masked_equal(covered.counts, 0)
    # As a maze's text: x downwards, y to the right.
    box = (y, y + columns * covered.side, x + rows * covered.side, x)
    axes.imshow(counts, cmap="viridis", norm=LogNorm(), extent=box, interpolation="nearest")
    axes.grid(False)
    axes.set_title(f"replay: {covered.visited} squares of {covered.side:g} m", loc="left", fontsize=11)
    axes.set_xlabel(f"as spread out as {covered.effective:.0f} squares, all as full", loc="left")


def _ranks(picture: np.ndarray) -> np.ndarray:
    """Every number's place in their order, from 0 to 1: maps of different units are compared by eye."""
    there = np.isfinite(picture)
    _, order, counts = np.unique(picture[there], return_inverse=True, return_counts=True)
    ranks = np.full(picture.shape, np.nan)
    ranks[there] = (np.cumsum(counts) - (counts + 1) / 2)[order] / max(there.sum() - 1, 1)
    return ranks
