"""Which version of bathyal-crl made a run or results: names and checkpoints are those of its minor version alone."""

import importlib.metadata
import os
import re
from pathlib import Path
from typing import Any

from exits import UserError

import crl

_NAME = "bathyal-crl"
# Where each file of a run, of published results and of a study says it; the first that does is believed.
_PLACES = {"meta.json": (), "summary.json": ("run",), "study.json": ("origin",)}
_VERSION = re.compile(r"[0-9]{1,6}\.[0-9]{1,6}[A-Za-z0-9.+]{0,40}", re.ASCII)  # a stranger may have written it


def version(directory: Path) -> str | None:
    """The version that made what is in a directory; `None` where no file there says so in the form of a version."""
    folder = crl.Folder(directory)
    for name, path in _PLACES.items():
        try:
            found: Any = folder.json(name) if folder.has(name) else {}
        except crl.FileError:  # damaged: whoever needs the file says so
            continue
        for key in (*path, "versions", _NAME):
            found = found.get(key) if isinstance(found, dict) else None
        if isinstance(found, str) and _VERSION.fullmatch(found):
            return found
    return None


def refuse_other(directory: Path, what: str = "run") -> None:
    """Raises `UserError` where another minor version made a run or a study, before anything of it is read or built."""
    made, here = version(directory), _installed()
    if made is not None and here is not None and _minor(made) != _minor(here):
        raise UserError(
            f"{directory} is a {what} of {_NAME} {made}, and this version, {here}, resumes and evaluates runs of "
            f"{_minor(here)} alone: install {_NAME} {made} for it."
        )


def refuse_other_record(file: Path, shown: str) -> None:
    """Raises `UserError` where a stored gin file, `shown` by that name, is a record of another minor version."""
    here = _installed()
    for place in dict.fromkeys((Path(os.path.abspath(file)), Path(os.path.realpath(file)))):
        made = next(filter(None, map(version, place.parents)), None)
        if made is not None and here is not None and _minor(made) != _minor(here):
            raise UserError(
                f"{shown} is a record of {_NAME} {made}, and this version, {here}, builds configurations of "
                f"{_minor(here)} alone: install {_NAME} {made} for it."
            )


def _installed() -> str | None:
    try:
        return importlib.metadata.version(_NAME)
    except importlib.metadata.PackageNotFoundError:  # run from sources on the path
        return None


def _minor(version: str) -> str:
    return ".".join(re.split(r"[^0-9]", version)[:2])
