"""Checks of constructor arguments: gin passes values of any type, so wrong ones are refused here."""

import math
from collections.abc import Sequence


def check_count(name: str, value: int) -> int:
    """Returns `value` if it is a positive integer below 2^31; raises ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**31:
        raise ValueError(f"`{name}` must be a positive integer below 2^31, not {value!r}.")
    return value


def check_length(name: str, value: float) -> float:
    """Returns `value`, in metres, if it is a positive finite number; raises ValueError otherwise."""
    return check_positive(name, value, "metres")


def check_positive(name: str, value: float, unit: str) -> float:
    """Returns `value`, in `unit`, if it is a positive finite number; raises ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"`{name}` must be a positive number of {unit}, not {value!r}.")
    return float(value)


def check_range(name: str, value: Sequence[float]) -> tuple[float, float]:
    """Returns `value`, a lower and a higher finite number of metres, as a tuple; raises ValueError otherwise."""
    numbers = isinstance(value, tuple | list) and all(
        isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in value
    )
    if not numbers or len(value) != 2 or not value[0] < value[1]:
        raise ValueError(f"`{name}` must be a lower and a higher number of metres, such as (0.2, 1.0), not {value!r}.")
    low, high = value
    return float(low), float(high)
