"""What is taken for a number at the door: Python's own, NumPy's and JAX's; kept as Python's."""

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Any, SupportsIndex

import numpy as np

Integer = SupportsIndex


def integer(value: Any, name: str, least: int = 1, most: int | float = math.inf, accepted: str = "") -> int:
    """`value` as a plain `int`: a NumPy integer would go on into JSON, programs and names of directories.

    Args:
        value: an integer of any library; no bool, and no float however whole.
        name: what the user calls it, "`num_envs` of Trainer".
        least, most: the bounds, both allowed.
        accepted: what is accepted, where "an integer >= `least`" does not say it.

    Raises:
        ValueError: anything else.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not least <= number <= most:
        raise ValueError(f"{name} must be {accepted or f'an integer >= {least}'}; got {value!r}.")
    return number


def real(
    value: Any, name: str, accepted: str = "a number", holds: Callable[[float], bool] = lambda number: True
) -> float | int:
    """`value` as a plain `int` or `float`; infinities and NaN pass where `holds` lets them.

    Args:
        value: a number of any library; no bool.
        name: what the user calls it, "`discount` of TD3".
        accepted: what is accepted, in words.
        holds: whether a number is.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not holds(value):
        raise ValueError(f"{name} must be {accepted}; got {value!r}.")
    return value if isinstance(value, int) else float(value)


def scalar(value: Any, name: str) -> float:
    """`value` as a `float`: a number, or an array of one number and no axes, of any library.

    Raises:
        ValueError: it is none; `name` is what it is called.
    """
    try:
        if isinstance(value, str | bytes) or np.ndim(value) or np.iscomplexobj(value):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError) as e:
        raise ValueError(f"{name} must be one number; got {_short(value)}.") from e


def scalars(values: Any, name: str, taken: Iterable[str]) -> dict[str, float]:
    """Numbers by name, each as `scalar` has it.

    Args:
        values: a mapping from names to numbers.
        name: what it is called as a whole.
        taken: names that something else has.

    Raises:
        ValueError: it is no such mapping; the sentence names the first entry that is wrong.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{name} must be numbers by name, such as {{'eval/score': 1.0}}; got {_short(values)}.")
    for key in values:
        if not isinstance(key, str) or key in taken:
            raise ValueError(f"{name} must have names of their own that are strings; got {_short(key)}.")
    return {key: scalar(value, f"`{key}` of {name}") for key, value in values.items()}


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."
