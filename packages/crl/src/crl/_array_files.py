"""The files in which a step's arrays are stored, looked at before a library that believes them reads them."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ._folder import KIB, Folder
from ._json import FileError

_ORBAX_FILES = {"_METADATA", "commit_success.txt"}
_FILES_PER_ARRAY = 1_000  # one for each shard


def check_array_files(step: Folder, name: str, stored: dict[str, np.ndarray]) -> None:
    """Checks that a step holds the plain chunks of these arrays and nothing that would be read besides.

    Orbax believes its files: a compressed chunk could grow to any size, and a link leads anywhere.

    Args:
        step: of which the directory `name` holds a directory for each array.
        name: of that directory.
        stored: the arrays expected, by the names of their directories.

    Raises:
        FileError: it holds something else.
    """
    size = sum(array.nbytes for array in stored.values()) + KIB * KIB * (1 + len(stored))
    step.refuse_links(_FILES_PER_ARRAY * (1 + len(stored)), size)
    arrays = step.folder(name)
    if strange := set(arrays.names()) - stored.keys() - _ORBAX_FILES:
        raise FileError(f"{arrays.path} holds {sorted(strange)[0]!r}, which is none of the arrays.")
    for one, array in stored.items():
        form = arrays.json(f"{one}/.zarray", 64 * KIB)
        if reason := next(_wrong(form, array), None):
            raise FileError(f"{one} has {reason}.")


def _wrong(form: dict[str, Any], array: np.ndarray) -> Iterator[str]:
    """What the header of a stored array says that it must not say."""
    shape, chunks = list(array.shape), form.get("chunks")
    if form.get("shape") != shape:
        yield f"the shape {form.get('shape')}"
    if form.get("dtype") not in (array.dtype.str, array.dtype.name):
        yield f"the type {form.get('dtype')}"
    sizes = chunks if isinstance(chunks, list) and all(type(size) is int and size > 0 for size in chunks) else None
    if sizes is None or len(sizes) != len(shape) or math.prod(sizes) > max(1, math.prod(shape)):
        yield f"chunks of {chunks}"
    if form.get("compressor") or form.get("filters") or form.get("zarr_format") != 2:
        yield "another format"
