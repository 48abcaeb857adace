"""Sizes that a person gives on the command line, checked before anything is measured."""

from collections.abc import Sequence

from absl import flags
from exits import UserError


def sizes(values: flags.FlagValues, name: str, default: Sequence[int]) -> list[int]:
    """The integers of `--name`, or the default; `UserError` for anything below 1."""
    given = values[name].value
    if not given:
        return list(default)
    try:
        found = [int(value) for value in given]
    except ValueError:
        found = [0]
    if min(found) < 1:
        raise UserError(f"--{name} {','.join(given)} must be integers >= 1, with commas between them.")
    return found


def depths(values: flags.FlagValues, default: Sequence[int]) -> list[int]:
    """The `sizes` of `--depths`, each a multiple of a block's 4 layers."""
    found = sizes(values, "depths", default)
    for depth in found:
        if depth % 4:
            raise UserError(f"--depths {depth} is no multiple of a block's 4 layers.")
    return found
