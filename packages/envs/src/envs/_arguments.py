"""Checks of constructor arguments: gin passes values of any type, so wrong ones are refused here.

NumPy's integers and floats count as numbers and are stored as Python's; truth values do not count.
"""

import math
import numbers
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

SMALLEST, LARGEST = 1e-6, 1e6  # of lengths, m, and forces: past them single precision can tell no place from another
_SHOWN = 300  # characters of a value in a message; a config may hold a million


def shown(value: object) -> str:
    """`repr(value)` for a message, in one line and cut where it is long."""
    try:
        text = " ".join(repr(value).splitlines())
    except ValueError:  # Python refuses to write an integer of more than 4,300 digits
        return f"a number of very many digits ({type(value).__name__})"
    return clipped(text)


def clipped(text: str) -> str:
    """`text` for a message: cut where it is long, and with what a terminal would obey written out."""
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text):,} characters)"


def real(value: object) -> float:
    """`value` as a Python float; NaN where it is no real number, infinite where it is too large for a float."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def integer(value: object) -> int | None:
    """`value` as a Python integer; None where it is none."""
    if isinstance(value, bool | np.bool_):
        return None
    try:
        return operator.index(value)  # pyright: ignore[reportArgumentType]
    except TypeError:
        return None


def listed(value: object) -> Sequence[Any]:
    """The elements of a tuple, list or array; none of anything else."""
    value = value.tolist() if isinstance(value, np.ndarray) else value
    return value if isinstance(value, tuple | list) else ()


def check_count(name: str, value: int) -> int:
    """Returns `value` if it is a positive integer below 2^31; raises ValueError otherwise."""
    number = integer(value)
    if number is None or not 1 <= number < 2**31:
        raise ValueError(f"`{name}` must be a positive integer below 2^31, not {shown(value)}.")
    return number


def check_length(name: str, value: float) -> float:
    """Returns `value`, in metres, if it is a positive number of usual size; raises ValueError otherwise."""
    return check_positive(name, value, "metres")


def check_positive(name: str, value: float, unit: str) -> float:
    """Returns `value`, in `unit`, if it is a number from 1e-6 to 1e6; raises ValueError otherwise."""
    number = real(value)
    if not 0 < number < math.inf:
        raise ValueError(f"`{name}` must be a positive number of {unit}, not {shown(value)}.")
    if not SMALLEST <= number <= LARGEST:
        raise ValueError(f"`{name}` must lie between {SMALLEST:g} and {LARGEST:g} {unit}, not {shown(value)}.")
    return number


def check_range(name: str, value: Sequence[float]) -> tuple[float, float]:
    """Returns `value`, a lower and a higher finite number of metres, as a tuple; raises ValueError otherwise."""
    given = [real(v) for v in listed(value)]
    if len(given) != 2 or not all(map(math.isfinite, given)) or not given[0] < given[1]:
        raise ValueError(
            f"`{name}` must be a lower and a higher number of metres, such as (0.2, 1.0), not {shown(value)}."
        )
    low, high = given
    return low, high


def check_choice(name: str, value: str, choices: Iterable[str]) -> str:
    """Returns `value` if it is one of `choices`; raises ValueError otherwise. `name` begins the sentence."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {shown(value)}.")
    return value
