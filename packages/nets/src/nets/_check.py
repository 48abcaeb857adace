"""The checks of arguments: config files pass wrong types silently, so constructors look."""

from collections.abc import Callable
from operator import index
from typing import TypeVar

Function = TypeVar("Function", bound=Callable)


def integer(owner: str, name: str, value: object, low: int, high: int | None = None) -> int:
    """`value` as an int; `ValueError` unless it is an integer (no bool) with `low` <= value <= `high`."""
    try:
        number = None if isinstance(value, bool) else index(value)  # pyright: ignore[reportArgumentType]
    except TypeError:
        number = None
    if number is None or number < low or (high is not None and number > high):
        accepted = f">= {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"`{name}` of {owner} must be an integer {accepted}; got {value!r}.")
    return number


def function(owner: str, name: str, value: Function) -> Function:
    """`value`; `ValueError` unless it can be called."""
    if not callable(value):
        raise ValueError(f"`{name}` of {owner} must be a function, as nets.swish; got {value!r}.")
    return value
