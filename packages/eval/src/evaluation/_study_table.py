"""A study in numbers: a row for every cell."""

from html import escape
from typing import Any

from evaluation._chart import quantity
from evaluation._study_charts import Cell, percent
from evaluation._tables import METRICS, amount, between, count


def study_table(cells: list[Cell], thresholds: list[float]) -> str:
    """Scores, comparisons with the first cell, costs; `thresholds` are the scores of the columns of steps."""
    head = (
        "",
        "Runs",
        "Final, %",
        "IQM, %",
        "Beyond the first, %",
        "Better than the first, %",
        "Mean of the curve, %",
        *(f"Steps to {100 * threshold:.0f}% (median)" for threshold in thresholds),
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
    better = cell.get("better_than_first")
    values = (
        str(len(cell["runs"])),
        percent(cell["final"]),
        percent(cell["iqm"]),
        percent(cell["beyond_first"]) if better else "–",
        percent(better) if better else "–",
        percent(cell["area"]),
        *(_steps(there) for there in zip(*(run["reached"] for run in cell["runs"]), strict=True)),
        f"{cell['seconds'] / 60:.1f}",
        f"{(cell['parameters'] or {}).get('all', 0):,}",
    )
    return f'<tr><th scope="row">{escape(cell["label"])}</th>{"".join(f"<td>{value}</td>" for value in values)}</tr>'


def _steps(runs: tuple[dict[str, float | None], ...]) -> str:
    """Where the middle one of a cell's runs first had a score, those that never had it last; of two, the slower."""
    there = sorted((run for run in runs if run["env_steps"] is not None), key=lambda run: run["env_steps"] or 0)
    steps, middle = "–", len(runs) // 2
    if len(there) > middle:
        at, updates, seconds = (there[middle][name] or 0 for name in ("env_steps", "updates", "seconds"))
        steps = f"{quantity(at)}, {quantity(updates)} updates, {seconds / 60:.1f} min"
    return f"{steps} <small>{len(there)} of {len(runs)}</small>"


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
