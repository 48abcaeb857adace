"""A study in numbers: a row for every cell."""

from html import escape
from typing import Any

from evaluation._chart import quantity
from evaluation._study_charts import Cell, percent
from evaluation._tables import METRICS, amount, between, count


def study_table(cells: list[Cell], threshold: float | None) -> str:
    """Scores, comparisons with the first cell, costs; `threshold` is the score of the column of steps, if any."""
    head = (
        "",
        "Runs",
        "Final, %",
        "IQM, %",
        "Beyond the first, %",
        "Better than the first, %",
        "Mean of the curve, %",
        "Steps to a score" if threshold is None else f"Steps to {100 * threshold:.0f}% (median)",
        "Minutes",
        "Parameters",
    )
    rows = "".join(_row(cell) for cell in cells)
    return (
        '<div class="scroll"><table><thead><tr>'
        + "".join(f"<th>{name}</th>" for name in head)
        + f"</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(cell: Cell) -> str:
    reached = [run["reached"] for run in cell["runs"] if run["reached"]["env_steps"] is not None]
    reached.sort(key=lambda at: at["env_steps"])
    middle = len(cell["runs"]) // 2  # of all runs, those that never got there last; of two, the slower
    at = reached[middle] if len(reached) > middle else None
    steps = (
        f"{quantity(at['env_steps'])}, {quantity(at['updates'])} updates, {at['seconds'] / 60:.1f} min" if at else "–"
    )
    better = cell.get("better_than_first")
    values = (
        str(len(cell["runs"])),
        percent(cell["final"]),
        percent(cell["iqm"]),
        percent(cell["beyond_first"]) if better else "–",
        percent(better) if better else "–",
        percent(cell["area"]),
        f"{steps} <small>{len(reached)} of {len(cell['runs'])}</small>",
        f"{cell['seconds'] / 60:.1f}",
        f"{(cell['parameters'] or {}).get('all', 0):,}",
    )
    return f'<tr><th scope="row">{escape(cell["label"])}</th>{"".join(f"<td>{value}</td>" for value in values)}</tr>'


def tested_table(tested: dict[str, Any], names: dict[str, str]) -> str:
    """What `tested.json` says: the last agents on more episodes. `names` are the labels of cells by their names."""
    metrics = [name for name in METRICS if name in tested["cells"][0]]
    head = "".join(f"<th>{METRICS[name][0]}</th>" for name in metrics)
    rows = "".join(
        f'<tr><th scope="row">{escape(names.get(str(cell["name"]), str(cell["name"])))}</th>'
        + "".join(
            f"<td>{amount(name, cell[name]['mean'])}<br><small>{between(name, cell[name])}</small></td>"
            for name in metrics
        )
        + "</tr>"
        for cell in tested["cells"]
    )
    what = f"The last agent of every run on {count(tested['cells'][0]['episodes'])} episodes; 95% intervals over seeds."
    return (
        f'<div class="scroll"><table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        f'<p class="note">{what}</p>'
    )


_INSIDE = {
    "path": "Energy ~ path",
    "straight": "Energy ~ straight line",
    "effective": "Squares of the replay",
    "last_branch": "Last block adds",
    "gradient_ratio": "Gradient, first by last",
}

_INSIDE_NOTE = (
    "The last agent of every run; 95% intervals over seeds. ~ is a rank correlation over all places of the maze, with "
    "distances that are true or ignore walls. A replay is as spread out as that many squares, all as full. The last "
    "two are of phi: what its last block adds as a share of what it is given, and the gradient's norm of the first "
    "block by that of the last."
)


def inside_table(looked: dict[str, Any], names: dict[str, str]) -> str:
    """What `inside.json` of a study says: means over seeds. `names` are the labels of cells by their names."""
    measures = [name for name in _INSIDE if name in looked["cells"][0]]
    head = "".join(f"<th>{_INSIDE[name]}</th>" for name in measures)
    rows = "".join(
        f'<tr><th scope="row">{escape(names.get(str(cell["name"]), str(cell["name"])))}</th>'
        + "".join(f"<td>{cell[name]['mean']:.3g}<br><small>{_ends(cell[name])}</small></td>" for name in measures)
        + "</tr>"
        for cell in looked["cells"]
    )
    return (
        f'<div class="scroll"><table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        f'<p class="note">{_INSIDE_NOTE}</p>'
    )


def _ends(estimate: dict[str, float | None]) -> str:
    low, high = estimate["ci_low"], estimate["ci_high"]
    return "" if low is None or high is None else f"{low:.3g} to {high:.3g}"
