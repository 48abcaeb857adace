"""A study in numbers: a row for every cell."""

from collections.abc import Sequence
from html import escape

from evaluation._chart import quantity
from evaluation._run_content import Spread
from evaluation._study_charts import Cell, percent
from evaluation._study_content import LaterCell, ReachedJSON
from evaluation._tables import METRICS, amount, between, count


def study_table(cells: list[Cell], thresholds: Sequence[float]) -> str:
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
    better, beyond = cell.get("better_than_first"), cell.get("beyond_first")
    values = (
        str(len(cell["runs"])),
        percent(cell["final"]),
        percent(cell["iqm"]),
        percent(beyond) if beyond else "–",
        percent(better) if better else "–",
        percent(cell["area"]),
        *(_steps(there) for there in zip(*(run["reached"] for run in cell["runs"]), strict=True)),
        f"{cell['seconds'] / 60:.1f}",
        f"{(cell['parameters'] or {}).get('all', 0):,}",
    )
    return f'<tr><th scope="row">{escape(cell["label"])}</th>{"".join(f"<td>{value}</td>" for value in values)}</tr>'


def _steps(runs: tuple[ReachedJSON, ...]) -> str:
    """Where the middle one of a cell's runs first had a score, those that never had it last; of two, the slower."""
    there = sorted((run for run in runs if run["env_steps"] is not None), key=lambda run: run["env_steps"] or 0)
    steps, middle = "–", len(runs) // 2
    if len(there) > middle:
        at, updates, seconds = (there[middle][name] or 0 for name in ("env_steps", "updates", "seconds"))
        steps = f"{quantity(at)}, {quantity(updates)} updates, {seconds / 60:.1f} min"
    return f"{steps} <small>{len(there)} of {len(runs)}</small>"


def tested_table(cells: Sequence[tuple[str, LaterCell]]) -> str:
    """What `tested.json` says of cells, each with its label: the last agents on more episodes."""
    metrics = [name for name in METRICS if name in cells[0][1].numbers]
    head = "".join(f"<th>{METRICS[name][0]}</th>" for name in metrics)
    rows = "".join(
        f'<tr><th scope="row">{escape(label)}</th>'
        + "".join(
            f"<td>{amount(name, entry['mean'])}<br><small>{between(name, entry)}</small></td>"
            for name, entry in ((name, cell.numbers.get(name, _UNKNOWN)) for name in metrics)
        )
        + "</tr>"
        for label, cell in cells
    )
    what = f"The last agent of every run on {count(cells[0][1].episodes)} episodes; 95% intervals over seeds."
    return (
        f'<div class="scroll"><table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        f'<p class="note">{what}</p>'
    )


_UNKNOWN: Spread = {"mean": None, "ci_low": None, "ci_high": None}

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


def inside_table(cells: Sequence[tuple[str, LaterCell]]) -> str:
    """What `inside.json` of a study says of cells, each with its label: means over seeds."""
    measures = [name for name in _INSIDE if name in cells[0][1].numbers]
    head = "".join(f"<th>{_INSIDE[name]}</th>" for name in measures)
    rows = "".join(
        f'<tr><th scope="row">{escape(label)}</th>'
        + "".join(f"<td>{_mean(entry)}<br><small>{_ends(entry)}</small></td>" for entry in entries)
        + "</tr>"
        for label, cell in cells
        for entries in [[cell.numbers.get(name, _UNKNOWN) for name in measures]]
    )
    return (
        f'<div class="scroll"><table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        f'<p class="note">{_INSIDE_NOTE}</p>'
    )


def _mean(entry: Spread) -> str:
    return "–" if entry["mean"] is None else f"{entry['mean']:.3g}"


def _ends(entry: Spread) -> str:
    low, high = entry.get("ci_low"), entry.get("ci_high")
    return "" if low is None or high is None else f"{low:.3g} to {high:.3g}"
