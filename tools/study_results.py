"""What a study found: the runs' curves and final scores, cell by cell, in study.json and as a table."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import run_directory
from study_grid import Run

import crl
import evaluation

FILE = "study.json"
SCORE = "eval/time_at_goal_fraction"
LATE = 5  # evaluations at the end of a run whose mean is its final score: single ones flicker


def collect(runs: Sequence[Run], origin: dict[str, Any]) -> dict[str, Any]:
    """Everything that is compared, of the runs that are finished.

    Of a run: `final`, the mean of its last `LATE` evaluations; `area`, the mean height of its curve; `seconds`. Of a
    cell: mean over seeds with Student's interval, interquartile mean, and how it differs from the first cell (Welch).
    """
    cells = []
    for cell in dict.fromkeys(run.cell.name for run in runs):
        mine = [run for run in runs if run.cell.name == cell]
        found = [_run(run) for run in mine if (run.directory / run_directory.REPORT).is_file()]
        if found:
            finals = np.array([one["final"] for one in found])
            cells.append(
                {
                    "name": cell,
                    "values": mine[0].cell.values,
                    "final": _estimate(evaluation.student(finals)),
                    "iqm": float(evaluation.iqm(finals)),
                    "area": _estimate(evaluation.student([one["area"] for one in found])),
                    "runs": found,
                }
            )
    for cell in cells[1:]:
        ours, first = ([run["final"] for run in one["runs"]] for one in (cell, cells[0]))
        cell["beyond_first"] = _estimate(evaluation.welch(ours, first))
        cell["over_first"] = cell["final"]["mean"] / cells[0]["final"]["mean"] if cells[0]["final"]["mean"] else None
        cell["better_than_first"] = _estimate(evaluation.improvement(np.array([ours]), np.array([first])))
    what = f"{SCORE}, mean of the last {LATE} evaluations of a run"
    return {"what": what, "interval": "95 %, over seeds", "origin": origin, "cells": cells}


def write(found: dict[str, Any], out: Path) -> Path:
    """Writes `study.json`."""
    run_directory.write_json(out / FILE, found)
    return out / FILE


def table(found: dict[str, Any]) -> str:
    """A line for every cell."""
    lines = [
        f"{found['what']}; 95 % intervals over seeds",
        f"{'cell':<30} {'n':>2}  {'final':<22} {'against the first'}",
    ]
    for cell in found["cells"]:
        against = ""
        if "beyond_first" in cell:
            times = f"{cell['over_first']:.2f} times, " if cell["over_first"] is not None else ""
            against = f"{times}{_shown(cell['beyond_first'], '+.3f')}"
        lines.append(f"{cell['name']:<30} {len(cell['runs']):>2}  {_shown(cell['final'], '.3f'):<22} {against}")
    return "\n".join(lines)


def _run(run: Run) -> dict[str, Any]:
    lines = [line for line in crl.read_metrics(run.directory / "metrics.jsonl") if SCORE in line]
    steps, scores = (np.array([line[name] for line in lines], float) for name in ("env_steps", SCORE))
    meta = json.loads((run.directory / run_directory.META).read_text())
    return {
        "seed": run.seed,
        "final": float(scores[-LATE:].mean()),
        "area": evaluation.area(steps, scores),
        "updates": lines[-1]["updates"],
        "seconds": lines[-1]["seconds"],
        "parameters": meta.get("parameters"),
        "curve": {"env_steps": steps.tolist(), SCORE: scores.round(5).tolist()},
    }


def _estimate(estimate: evaluation.Estimate) -> dict[str, float | None]:
    """As JSON has it, which knows no NaN."""
    ends = (None if np.isnan(end) else float(end) for end in (estimate.low, estimate.high))
    return dict(zip(("mean", "ci_low", "ci_high"), (float(estimate.value), *ends), strict=True))


def _shown(value: dict[str, float | None], form: str) -> str:
    low, high = ("?" if end is None else format(end, form) for end in (value["ci_low"], value["ci_high"]))
    return f"{value['mean']:{form}} [{low}, {high}]"
