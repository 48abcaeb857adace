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
_PROFILE = np.linspace(0, 1, 41)  # scores for which the share of runs above is told
_KEPT = ("env_steps", "updates", "seconds")


def collect(runs: Sequence[Run], origin: dict[str, Any]) -> dict[str, Any]:
    """Everything that is compared, of the runs that are finished.

    Of a run: `final`, the mean of its last `LATE` evaluations; `area`, the mean height of its curve; where it first
    `reached` the threshold, half of the best cell's final score. Of a cell: means over seeds with Student's interval,
    interquartile mean, performance profile, and how it differs from the first cell (Welch). `critical` is the cell
    that rises most above the one before it, where the interval of this difference is above 0; only with one axis.
    """
    cells = [cell for name in dict.fromkeys(run.cell.name for run in runs) if (cell := _cell(name, runs))]
    if cells:
        _compare(cells)
    threshold = max((cell["final"]["mean"] for cell in cells), default=0.0) / 2
    for run in (run for cell in cells for run in cell["runs"]):
        scores = np.array(run["curve"][SCORE])
        curve = {name: np.array(run["curve"][name], float) for name in _KEPT}
        run["reached"] = {name: evaluation.reached(at, scores, threshold) for name, at in curve.items()}
    return {
        "what": f"{SCORE}, mean of the last {LATE} evaluations of a run",
        "interval": "95 %, over seeds",
        "threshold": threshold,
        "axes": list(runs[0].cell.values),
        "critical": _critical(cells) if len(runs[0].cell.values) == 1 else None,
        "origin": origin,
        "cells": cells,
    }


def write(found: dict[str, Any], out: Path) -> Path:
    """Writes `study.json`."""
    run_directory.write_json(out / FILE, found)
    return out / FILE


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


def _cell(name: str, runs: Sequence[Run]) -> dict[str, Any] | None:
    mine = [run for run in runs if run.cell.name == name]
    found = [_run(run) for run in mine if (run.directory / run_directory.REPORT).is_file()]
    if not found:
        return None
    finals = np.array([one["final"] for one in found])
    return {
        "name": name,
        "values": mine[0].cell.values,
        "final": estimate(evaluation.student(finals)),
        "iqm": float(evaluation.iqm(finals)),
        "area": estimate(evaluation.student([one["area"] for one in found])),
        "profile": {
            "scores": _PROFILE.tolist(),
            "above": [estimate(share) for share in evaluation.profile(finals[None], _PROFILE)],
        },
        "curve": _mean_curve(found),
        "seconds": float(np.mean([one["seconds"] for one in found])),
        "parameters": found[0]["parameters"],
        "runs": found,
    }


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
        "curve": {name: [line[name] for line in lines] for name in (*_KEPT, SCORE)},
    }


def _mean_curve(runs: Sequence[dict[str, Any]]) -> dict[str, list[float | None]]:
    """Of the runs' curves, which share their steps; as far as the shortest."""
    length = min(len(run["curve"]["env_steps"]) for run in runs)
    at = [estimate(evaluation.student([run["curve"][SCORE][i] for run in runs])) for i in range(length)]
    steps = {"env_steps": runs[0]["curve"]["env_steps"][:length]}
    return steps | {name: [one[name] for one in at] for name in ("mean", "ci_low", "ci_high")}


def _compare(cells: Sequence[dict[str, Any]]) -> None:
    """Adds to each cell how it differs from the first, and from the one before."""
    finals = [[run["final"] for run in cell["runs"]] for cell in cells]
    for cell, ours, before in zip(cells[1:], finals[1:], finals, strict=False):
        cell["beyond_first"] = estimate(evaluation.welch(ours, finals[0]))
        cell["over_first"] = cell["final"]["mean"] / cells[0]["final"]["mean"] if cells[0]["final"]["mean"] else None
        cell["better_than_first"] = estimate(evaluation.improvement(np.array([ours]), np.array([finals[0]])))
        cell["beyond_before"] = estimate(evaluation.welch(ours, before))


def _critical(cells: Sequence[dict[str, Any]]) -> str | None:
    risen = [cell for cell in cells[1:] if (cell["beyond_before"]["ci_low"] or 0) > 0]
    return max(risen, key=lambda cell: cell["beyond_before"]["mean"])["name"] if risen else None


def estimate(found: evaluation.Estimate) -> dict[str, float | None]:
    """As JSON has it, which knows no NaN."""
    ends = (None if np.isnan(end) else float(end) for end in (found.low, found.high))
    return dict(zip(("mean", "ci_low", "ci_high"), (float(found.value), *ends), strict=True))


def shown(value: dict[str, float | None], form: str) -> str:
    """Mean and interval, each number as `form` says."""
    low, high = ("?" if end is None else format(end, form) for end in (value["ci_low"], value["ci_high"]))
    return f"{value['mean']:{form}} [{low}, {high}]"
