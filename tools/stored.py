"""Which gin files are stored ones, of runs and results, and so may be somebody else's."""

import os
from pathlib import Path

# A directory with one of these holds a run, a study or published results, and so do those below it.
MARKS = ("meta.json", "metrics.jsonl", "study.json", "tested.json", "summary.json")
_NAMES = ("config.gin", "operative_config.gin")  # stored where they lie beside checkpoints, too


def is_stored(path: Path) -> bool:
    """Whether a gin file belongs to a run, a study or published results, and so may be somebody else's.

    It does where its directory, or one above it, of the path given or of what that is a link to, holds one of their
    files.
    """
    for place in (Path(os.path.abspath(path)), Path(os.path.realpath(path))):
        if any(os.path.lexists(folder / mark) for folder in place.parents for mark in MARKS):
            return True
        if place.name in _NAMES and os.path.lexists(place.parent / "checkpoints"):
            return True
    return False
