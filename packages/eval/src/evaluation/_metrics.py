"""The history of a run, metric by metric."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

_LARGEST = 1e100  # beyond it squares overflow, and with them the ranges of charts


class Series(NamedTuple):
    """One metric over a run: its values, and the steps of `clock` they were taken at, in order."""

    steps: Float[np.ndarray, " point"]
    values: Float[np.ndarray, " point"]


def by_metric(records: Sequence[Mapping[str, Any]]) -> dict[str, Series]:
    """One series a metric (`group/name`); a value that is no finite number is left out."""
    points: dict[str, list[tuple[float, float]]] = {}
    counted = clock(records)
    for record in records:
        if not is_number(record.get(counted)):
            continue
        for name, value in record.items():
            if "/" in name and is_number(value):
                points.setdefault(name, []).append((record[counted], value))
    return {name: Series(*np.array(pairs, float).T) for name, pairs in points.items()}


def clock(records: Sequence[Mapping[str, Any]]) -> str:
    """What a run's metrics are shown over: "env_steps", or "updates" where it takes no environment steps."""
    ends = {name: [r[name] for r in records if is_number(r.get(name))] for name in ("env_steps", "updates")}
    return "updates" if ends["updates"] and max(ends["updates"]) > 0 and not any(ends["env_steps"]) else "env_steps"


CLOCKS = {"env_steps": "environment steps", "updates": "updates"}


def is_number(value: object) -> bool:
    """Whether a JSON value is a finite number of a size that can be drawn."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and (isinstance(value, int) or math.isfinite(value))
        and abs(value) <= _LARGEST
    )
