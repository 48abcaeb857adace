"""The history of a run: what `metrics.jsonl` says, metric by metric."""

import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Series(NamedTuple):
    """One metric over a run: its values, and the environment steps they were taken at, in order."""

    steps: Float[np.ndarray, " point"]
    values: Float[np.ndarray, " point"]


def read_lines(path: Path) -> list[dict]:
    """The lines of a `metrics.jsonl`; none where there is no file.

    A last line that a kill cut short is left out.

    Raises:
        ValueError: a line before the last is no JSON object.
    """
    if not path.is_file():
        return []
    lines = path.read_text().splitlines()
    found = []
    for number, text in enumerate(lines, 1):
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            line = None
        if isinstance(line, dict):
            found.append(line)
        elif text.strip() and number < len(lines):
            raise ValueError(f"Line {number} of {path} is not a JSON object.")
    return found


def by_metric(lines: list[dict]) -> dict[str, Series]:
    """One series a metric (`group/name`); a value that is no finite number is left out."""
    points: dict[str, list[tuple[float, float]]] = {}
    for line in lines:
        if not is_number(line.get("env_steps")):
            continue
        for name, value in line.items():
            if "/" in name and is_number(value):
                points.setdefault(name, []).append((line["env_steps"], value))
    return {name: Series(*np.array(pairs, float).T) for name, pairs in points.items()}


def is_number(value: object) -> bool:
    """Whether a JSON value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
