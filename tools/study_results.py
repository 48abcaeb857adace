"""What a study found: the runs' curves and final scores, cell by cell, in study.json and as a table."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import learning_curve
import numpy as np
import pages
import run_directory
from exits import UserError
from learning_curve import LATE, SCORE
from study_grid import Run

import crl
import evaluation

_PROFILE = np.linspace(0, 1, 101)  # scores for which the share of runs above is told


def collect(runs: Sequence[Run], origin: dict[str, Any], thresholds: Sequence[float] = ()) -> dict[str, Any]:
    """Everything that is compared, of the runs that are finished; `missing` names the others.

    Of a run: `final`, the mean of its last `LATE` evaluations; `area`, the mean height of its curve; where it first
    `reached` each of `thresholds`, which are half of the best cell's final score if none are given. Of a cell: means
    over seeds with Student's interval, interquartile mean with a bootstrap's, performance profile, and how it differs
    from the first cell (Welch); `above_first` is whether it is better for sure, with as many comparisons as there are
    other cells. `critical` is the cell that rises most above the one before it, if it does so for sure; only on one
    axis of rising numbers.

    Raises:
        UserError: the runs of a cell cannot be compared, or their metrics are damaged.
    """
    done = [run for run in runs if _finished(run)]
    cells = [_cell(name, done) for name in dict.fromkeys(run.cell.name for run in done)]
    if cells:
        _compare(cells)
    half = max((cell["final"]["mean"] for cell in cells), default=0.0) / 2
    thresholds = [*thresholds] or ([half] if half else [])
    for run in (run for cell in cells for run in cell["runs"]):
        run["reached"] = [learning_curve.reached(run["curve"], threshold) for threshold in thresholds]
    return {
        "missing": [run.name for run in runs if run not in done],
        "what": f"{SCORE}, mean of the last {LATE} evaluations of a run",
        "interval": "95 %, over seeds",
        "thresholds": thresholds,
        "axes": list(runs[0].cell.values),
        "critical": _critical(cells) if _rising([cell["values"] for cell in cells]) else None,
        "origin": origin,
        "cells": cells,
    }


def write(found: dict[str, Any], out: Path) -> Path:
    """Writes `study.json`."""
    return crl.Folder(out).write_json(pages.STUDY, found)


def table(found: dict[str, Any]) -> str:
    """A line for every cell."""
    wide = max(len(cell["name"]) for cell in found["cells"])
    lines = [
        f"{found['what']}; 95 % intervals over seeds",
        f"{'cell':<{wide}} {'n':>2}  {'final':<22} {'against the first'}",
    ]
    for cell in found["cells"]:
        against = ""
        if "beyond_first" in cell:
            times = f"{cell['over_first']:.2f} times, " if cell["over_first"] is not None else ""
            against = f"{times}{shown(cell['beyond_first'], '+.3f')}"
        lines.append(f"{cell['name']:<{wide}} {len(cell['runs']):>2}  {shown(cell['final'], '.3f'):<22} {against}")
    return "\n".join(lines)


def _finished(run: Run) -> bool:
    return run_directory.finished(run.directory, run.cell.configuration)


def _rising(values: Sequence[dict[str, str]]) -> bool:
    """Whether cells stand on one axis of numbers that rise, where a step up means something."""
    if not values or len(values[0]) != 1:
        return False
    try:
        numbers = [float(value) for each in values for value in each.values()]
    except ValueError:
        return False
    return all(one < other for one, other in itertools.pairwise(numbers))


def _cell(name: str, runs: Sequence[Run]) -> dict[str, Any]:
    mine = [run for run in runs if run.cell.name == name]
    lines = [learning_curve.evaluations(run.directory) for run in mine]
    # A run that went on with another distance between evaluations has steps that the others lack.
    common = set.intersection(*({line["env_steps"] for line in each} for each in lines))
    if not common:
        raise UserError(f"The runs of cell {name} were never evaluated at the same env steps; they cannot be compared.")
    found = [
        _run(run, [line for line in each if line["env_steps"] in common]) for run, each in zip(mine, lines, strict=True)
    ]
    finals = np.array([one["final"] for one in found])
    return {
        "name": name,
        "values": mine[0].cell.values,
        "final": estimate(evaluation.student(finals)),
        **distribution(finals),
        "area": estimate(evaluation.student([one["area"] for one in found])),
        "curve": _mean_curve(found),
        "seconds": float(np.mean([one["seconds"] for one in found])),
        "parameters": found[0]["parameters"],
        "runs": found,
    }


def _run(run: Run, lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    meta = pages.checked(crl.Folder(run.directory), run_directory.META, evaluation.Metadata.from_json)
    return {"seed": run.seed, "parameters": meta and meta.parameters, **learning_curve.summary(lines)}


def _mean_curve(runs: Sequence[dict[str, Any]]) -> dict[str, list[float | None]]:
    """Of the runs' curves, which share their steps."""
    steps = {"env_steps": runs[0]["curve"]["env_steps"]}
    at = [estimate(evaluation.student(scores)) for scores in zip(*(run["curve"][SCORE] for run in runs), strict=True)]
    return steps | {name: [one[name] for one in at] for name in ("mean", "ci_low", "ci_high")}


def _compare(cells: Sequence[dict[str, Any]]) -> None:
    """Adds to each cell how it differs from the first, and from the one before."""
    finals, others = [[run["final"] for run in cell["runs"]] for cell in cells], len(cells) - 1
    for cell, ours, before in zip(cells[1:], finals[1:], finals, strict=False):
        cell |= beyond(ours, finals[0])
        cell["over_first"] = cell["final"]["mean"] / cells[0]["final"]["mean"] if cells[0]["final"]["mean"] else None
        cell["beyond_before"] = estimate(evaluation.welch(ours, before))
        # Of many cells the best looks better than the first by chance more often than one cell would.
        cell["above_first"] = bool(evaluation.welch(ours, finals[0], others).low > 0)
        cell["above_before"] = bool(evaluation.welch(ours, before, others).low > 0)


def _critical(cells: Sequence[dict[str, Any]]) -> str | None:
    risen = [cell for cell in cells[1:] if cell["above_before"]]
    return max(risen, key=lambda cell: cell["beyond_before"]["mean"])["name"] if risen else None


def distribution(scores: Sequence[float] | np.ndarray) -> dict[str, Any]:
    """`iqm` and `profile` of the runs of a cell, with bootstrap intervals."""
    values = np.asarray(scores, float)[None]
    above = [estimate(share) for share in evaluation.profile(values, _PROFILE)]
    return {
        "iqm": estimate(evaluation.stratified(values)),
        "profile": {"scores": _PROFILE.tolist(), "above": above},
    }


def beyond(ours: Sequence[float], first: Sequence[float]) -> dict[str, Any]:
    """How a cell's runs differ from the first cell's: difference of means, and how likely a run of it is the better."""
    better = evaluation.improvement(np.array([ours], float), np.array([first], float))
    return {"beyond_first": estimate(evaluation.welch(ours, first)), "better_than_first": estimate(better)}


def estimate(found: evaluation.Estimate) -> dict[str, float | None]:
    """As JSON has it, which knows no NaN."""
    numbers = (float(number) if np.isfinite(number) else None for number in found)
    return dict(zip(("mean", "ci_low", "ci_high"), numbers, strict=True))


def shown(value: dict[str, float | None], form: str) -> str:
    """Mean and interval, each number as `form` says."""
    mean, low, high = (
        "?" if number is None else format(number, form) for number in (value["mean"], value["ci_low"], value["ci_high"])
    )
    return f"{mean} [{low}, {high}]"
