"""Curves that others published of a study's cells, to lay this study's own over."""

from collections.abc import Sequence
from typing import Any

from configuration import Configuration
from exits import UserError
from study_grid import PUBLISHED, Cell

_ARGUMENTS = ("curves", "every", "source")


def read(whole: Configuration, cells: Sequence[Cell]) -> dict[str, Any] | None:
    """What a study says of others' curves, or `None` where it says nothing:

        study.published.curves = {'depth4': (0.05, 0.04), 'depth8': (0.05, 0.06)}
        study.published.every = 1_000_000
        study.published.source = 'figure 1 of the paper'

    A curve is shares of the time at the goal by the name of a cell, after `every` env steps, twice as many, and so on.

    Returns:
        `source`, and by the name of a cell `env_steps` and `mean`.

    Raises:
        UserError: something is missing, or makes no sense.
    """
    given = {key.argument: binding for key, binding in whole.bindings.items() if key.selector == PUBLISHED}
    if not given:
        return None
    for name, binding in given.items():
        if name not in _ARGUMENTS:
            raise UserError(
                f"{binding.where}: `{PUBLISHED}` has no parameter `{name}`; it has {', '.join(_ARGUMENTS)}."
            )
    curves, every, source = (whole.value(f"{PUBLISHED}.{name}") for name in _ARGUMENTS)
    if not isinstance(source, str):
        raise UserError(f"`{PUBLISHED}.source` must say where the curves are from; got {source!r}.")
    if type(every) is not int or every < 1:
        raise UserError(f"`{PUBLISHED}.every` must be env steps between two values, an integer >= 1; got {every!r}.")
    names = [cell.name for cell in cells]
    if not isinstance(curves, dict) or not curves:
        raise UserError(f"`{PUBLISHED}.curves` must be shares by the names of cells; got {curves!r}.")
    for name, values in curves.items():
        if name not in names:
            raise UserError(f"`{PUBLISHED}.curves` has {name!r}, which is none of the cells {', '.join(names)}.")
        if not isinstance(values, tuple | list) or not values or not all(map(_share, values)):
            raise UserError(f"`{PUBLISHED}.curves` of {name!r} must be numbers from 0 to 1; got {values!r}.")
    found = {
        name: {"env_steps": [every * (i + 1) for i in range(len(values))], "mean": [float(value) for value in values]}
        for name, values in curves.items()
    }
    return {"source": source, "curves": found}


def _share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
