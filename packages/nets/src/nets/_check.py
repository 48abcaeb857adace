"""The checks of arguments: config files pass wrong types silently, so constructors look."""

from collections.abc import Callable
from math import inf, nan
from numbers import Real
from operator import index
from typing import TypeVar

_SHOWN = 300  # characters of a value in a message

Function = TypeVar("Function", bound=Callable)


def integer(owner: str, name: str, value: object, low: int, high: int | None = None) -> int:
    """`value` as an int; `ValueError` unless it is an integer (no bool) with `low` <= value <= `high`."""
    try:
        number = None if isinstance(value, bool) else index(value)  # pyright: ignore[reportArgumentType]
    except TypeError:
        number = None
    if number is None or number < low or (high is not None and number > high):
        accepted = f">= {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"`{name}` of {owner} must be an integer {accepted}; got {shown(value)}.")
    return number


def real(value: object) -> float:
    """`value` as a float; NaN where it is no real number (a bool is none), infinite where it is too large."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return nan
    try:
        return float(value)
    except OverflowError:
        return inf


def shown(value: object) -> str:
    """`repr(value)` for a message, in one line and cut where it is long."""
    try:
        text = " ".join(repr(value).splitlines())
    except ValueError:  # Python refuses to write an integer of more than 4,300 digits
        return f"a number of very many digits ({type(value).__name__})"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text):,} characters)"


def function(owner: str, name: str, value: Function) -> Function:
    """`value`; `ValueError` unless it can be called."""
    if not callable(value):
        raise ValueError(f"`{name}` of {owner} must be a function, as nets.swish; got {shown(value)}.")
    return value
