"""A run's learning curve, read from its metrics: final score, area, and where a score was first reached."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import run_directory

import crl
import evaluation

SCORE = "eval/time_at_goal_fraction"
LATE = 5  # evaluations at the end of a run whose mean is its final score: single ones flicker
_KEPT = ("env_steps", "updates", "seconds")


def evaluations(directory: Path) -> list[dict[str, Any]]:
    """The records of a run's metrics that are evaluations; `crl.FileError` where they are damaged."""
    return [record for record in crl.read_metrics(directory / run_directory.METRICS) if SCORE in record]


def summary(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of evaluations: `final`, the mean of the last `LATE`; `area`, the mean height of the curve; the `curve` itself;
    updates and seconds at its end."""
    curve = {name: [line[name] for line in lines] for name in (*_KEPT, SCORE)}
    steps, scores = np.array(curve[evaluation.clock(lines)], float), np.array(curve[SCORE], float)
    return {
        "final": float(scores[-LATE:].mean()),
        "area": evaluation.area(steps, scores),
        "updates": lines[-1]["updates"],
        "seconds": lines[-1]["seconds"],
        "curve": curve,
    }


def reached(curve: dict[str, list[float]], threshold: float) -> dict[str, float | None]:
    """After how many env steps, updates and seconds a curve first has a score; `None` where it never has."""
    scores = np.array(curve[SCORE])
    return {name: evaluation.reached(np.array(curve[name], float), scores, threshold) for name in _KEPT}
