"""The history of a run, metric by metric."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

_LARGEST = 1e100  # beyond it squares overflow, and with them the ranges of charts


class Series(NamedTuple):
    """One metric over a run: its values, and the environment steps they were taken at, in order."""

    steps: Float[np.ndarray, " point"]
    values: Float[np.ndarray, " point"]


def by_metric(records: Sequence[Mapping[str, Any]]) -> dict[str, Series]:
    """One series a metric (`group/name`); a value that is no finite number is left out."""
    points: dict[str, list[tuple[float, float]]] = {}
    for record in records:
        if not is_number(record.get("env_steps")):
            continue
        for name, value in record.items():
            if "/" in name and is_number(value):
                points.setdefault(name, []).append((record["env_steps"], value))
    return {name: Series(*np.array(pairs, float).T) for name, pairs in points.items()}


def is_number(value: object) -> bool:
    """Whether a JSON value is a finite number of a size that can be drawn."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and (isinstance(value, int) or math.isfinite(value))
        and abs(value) <= _LARGEST
    )
