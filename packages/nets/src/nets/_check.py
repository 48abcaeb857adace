"""The one check of integer arguments: config files pass wrong types silently, so constructors look."""

from operator import index


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
