"""Checks of constructor arguments: gin passes values of any type, so wrong ones are refused here."""

import math


def check_count(name: str, value: int) -> int:
    """Returns `value` if it is a positive integer; raises ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"`{name}` must be a positive integer, not {value!r}.")
    return value


def check_length(name: str, value: float) -> float:
    """Returns `value`, in metres, if it is a positive finite number; raises ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"`{name}` must be a positive number of metres, not {value!r}.")
    return float(value)
