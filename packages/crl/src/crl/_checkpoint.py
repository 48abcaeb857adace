"""Checkpoints that are verified when they are read. Orbax writes them; a record says whether they came back whole."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orbax.checkpoint as ocp
import psutil
from jaxtyping import PyTree

from ._array_files import check_array_files
from ._folder import Folder
from ._json import FileError
from ._leaves import Leaf, describe, digest, digest_json, file_name, named_arrays, rebuild, template, to_host

_ARRAYS, _RECORD = "arrays", "record"
_RECORD_FILE = f"{_RECORD}/metadata"
# Orbax logs each failure with a traceback for every thread that saw it, and raises it all the same.
logging.getLogger("absl").addFilter(lambda record: "orbax" not in record.pathname)


class CheckpointError(FileError):
    """A checkpoint that is missing, damaged, or of another run."""


class DamagedError(CheckpointError):
    """A checkpoint whose bytes are not those that were saved."""


class Checkpoints:
    """The checkpoints of one kind in one directory, numbered by step.

    Every array is stored under its path in the pytree, uncompressed, so that a file that is read takes no more memory
    than it takes on the disk. The record beside them holds the step, the run, and of every array its shape, its type
    and a SHA-256 of its bytes.
    """

    def __init__(self, folder: Folder, run: str, keep: int | None = None):
        """
        Args:
            folder: where the steps lie, one directory each.
            run: the identity of the run that they are of.
            keep: how many of the newest steps stay; `None` keeps all.
        """
        self.folder, self._run, self._keep = folder, run, keep
        self._checkpointer = ocp.AsyncCheckpointer(
            ocp.CompositeCheckpointHandler(
                **{
                    _ARRAYS: ocp.PyTreeCheckpointHandler(use_ocdbt=False, use_compression=False),
                    _RECORD: ocp.JsonCheckpointHandler(),
                }
            )
        )
        self._writing: tuple[int, str] | None = None  # the step under way, and its record's digest

    @property
    def directory(self) -> Path:
        """Where the steps lie."""
        return self.folder.path

    def remove_leftovers(self) -> None:
        """Removes the half-written steps of a killed run; only for the process that writes here."""
        for name in self.folder.names():
            if ".orbax-checkpoint-tmp" in name:
                _remove(self.folder.path / name)

    @property
    def busy(self) -> bool:
        """Whether a save is still being written; raises what went wrong where it failed."""
        try:
            self._checkpointer.check_for_errors()
        except BaseException:
            self._writing = None
            raise
        return self._writing is not None and not (self.directory / str(self._writing[0])).exists()

    def steps(self) -> list[int]:
        """The steps held, oldest first."""
        return sorted(steps(self.folder))

    def save(self, step: int, tree: PyTree, wait: bool = False, **about: int) -> None:
        """Writes the arrays of `tree` in the background (or before it returns, with `wait`).

        `about`: further numbers for the record, such as `updates`.

        Raises:
            CheckpointError: the save before this one cannot be read back.
            OSError: it could not be written.
        """
        self.wait()
        arrays = {name: to_host(leaf) for name, leaf in named_arrays(tree).items()}
        leaves = {name: describe(array) | {"sha256": digest(array)} for name, array in arrays.items()}
        record: dict[str, Any] = {"step": step, "run": self._run, "about": about, "arrays": leaves}
        record["sha256"] = digest_json(record)
        stored = {file_name(name): array for name, array in arrays.items() if array.size}
        save = {_ARRAYS: ocp.args.PyTreeSave(stored), _RECORD: ocp.args.JsonSave(record)}
        if self.folder.has(str(step)):  # a file of that name, or an empty directory: no step
            self._set_aside(step)
        self._checkpointer.save(self.directory / str(step), args=ocp.args.Composite(**save))
        self._writing = step, record["sha256"]
        if wait:
            self.wait()

    def wait(self) -> None:
        """Returns when nothing is being written any more, the last save can be read back and old ones are removed.

        Raises:
            CheckpointError: it cannot be read back.
            OSError: it could not be written.
        """
        if self._writing is None:
            return
        (step, sha256), self._writing = self._writing, None
        self._checkpointer.wait_until_finished()
        try:
            back = self.record(step)["sha256"]
        except (OSError, DamagedError) as e:
            raise CheckpointError(f"Step {step} was saved in {self.directory} and cannot be read back: {e}") from e
        if back != sha256:
            raise CheckpointError(f"Step {step} was saved in {self.directory} and reads back as another one.")
        for old in self.steps()[: -self._keep] if self._keep else ():
            _remove(self.folder.place(str(old)))

    def set_aside(self, after: int) -> None:
        """Moves the steps behind `after` into `<directory>_damaged`, out of the way of new ones."""
        for step in [step for step in self.steps() if step > after]:
            self._set_aside(step)

    def _set_aside(self, step: int) -> None:
        damaged = Folder(self.directory.parent).folder(f"{self.directory.name}_damaged", make=True)
        _remove(damaged.place(str(step)))
        self.folder.place(str(step)).rename(damaged.path / str(step))

    def remove(self, steps: list[int]) -> None:
        """Removes these steps."""
        for step in steps:
            _remove(self.folder.place(str(step)))

    def restore(self, like: PyTree, step: int | None = None) -> tuple[int, PyTree, list[str]]:
        """Reads a step, or the newest one that verifies.

        Args:
            like: a pytree of `jax.ShapeDtypeStruct` (from `eqx.filter_eval_shape`) to read into.
            step: which one; `None` tries the newest first and falls back to older ones.

        Returns:
            The step, the pytree with NumPy arrays, and one sentence for every newer step that did not verify.

        Raises:
            CheckpointError: no such step, nothing that verifies, or a checkpoint of other shapes than `like`.
        """
        held = self.steps()
        if step is not None and step not in held:
            raise CheckpointError(f"There is no checkpoint of step {step} in {self.directory}; there are {held}.")
        damaged: list[str] = []
        for candidate in [step] if step is not None else reversed(held):
            try:
                return candidate, self._read(candidate, like), damaged
            except DamagedError as e:
                damaged.append(str(e))
        if damaged:
            raise DamagedError(" ".join(damaged))
        raise CheckpointError(f"There is no checkpoint in {self.directory}.")

    def record(self, step: int) -> dict[str, Any]:
        """What was written down of a step: `step`, `run`, `about`, and by name `arrays`; digests are verified.

        Raises:
            DamagedError: it is not the record that was saved, or is of another step or run.
            CheckpointError: the step is of an older version.
        """
        folder = self.folder.folder(str(step))
        if folder.has("leaves") and not folder.has(_RECORD):
            raise CheckpointError(
                f"Step {step} in {self.directory} was saved by bathyal-crl 0.1, which this version does not read."
            )
        try:
            record = folder.json(_RECORD_FILE)
            sound = record["sha256"] == digest_json({name: record[name] for name in record if name != "sha256"})
            of, run, about = record["step"], record["run"], record["about"]
            _ = [(leaf["shape"], leaf["dtype"], leaf["sha256"]) for leaf in record["arrays"].values()]
        except (OSError, FileError, LookupError, TypeError, AttributeError, RecursionError) as e:
            raise self._damaged(step, f"its record cannot be read ({type(e).__name__})") from e
        if not sound or not isinstance(about, dict) or not all(map(_is_count, about.values())):
            raise self._damaged(step, "its record is not the one that was saved")
        if of != step:
            raise self._damaged(step, f"it was saved as step {str(of)[:20]}")
        if run != self._run:
            raise self._damaged(step, "it is of another run")
        return record

    def _read(self, step: int, like: PyTree) -> PyTree:
        wanted = {name: template(leaf) for name, leaf in named_arrays(like).items()}
        leaves = self.record(step)["arrays"]
        for name in sorted(wanted.keys() | leaves.keys()):
            there, here = leaves.get(name), describe(wanted[name]) if name in wanted else None
            if here is None or there is None or any(there[part] != here[part] for part in ("shape", "dtype")):
                raise CheckpointError(
                    f"Step {step} in {self.directory} is of another run: {name} is {_say(there)} there and "
                    f"{_say(here)} here."
                )
        size, free = sum(array.nbytes for array in wanted.values()), psutil.virtual_memory().available
        if size > free:
            raise CheckpointError(
                f"Step {step} in {self.directory} takes {size / 1e9:,.1f} GB of memory, and {free / 1e9:,.1f} GB are "
                "free."
            )
        stored = {file_name(name): array for name, array in wanted.items() if array.size}
        try:
            check_array_files(self.folder.folder(str(step)), _ARRAYS, stored)
        except (OSError, FileError) as e:
            raise self._damaged(step, f"its files are not those that were saved ({_reason(e)})") from e
        how = {name: ocp.RestoreArgs(restore_type=np.ndarray) for name in stored}
        try:
            found = self._checkpointer.restore(
                self.directory / str(step),
                args=ocp.args.Composite(**{_ARRAYS: ocp.args.PyTreeRestore(stored, restore_args=how)}),
            )[_ARRAYS]
        except Exception as e:  # Orbax and TensorStore raise many types for a file that is cut or garbled.
            raise self._damaged(step, f"its arrays cannot be read ({type(e).__name__})") from e
        arrays = {name: found.get(file_name(name), array) for name, array in wanted.items()}
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray) or digest(array) != leaves[name]["sha256"]:
                raise self._damaged(step, f"the bytes of {name} are not those that were saved")
        return rebuild(like, arrays)

    def _damaged(self, step: int, why: str) -> DamagedError:
        return DamagedError(f"Step {step} in {self.directory} does not verify: {why}.")

    def close(self) -> None:
        """Finishes what is being written and lets go of the directory."""
        try:
            self.wait()
        finally:
            self._checkpointer.close()


def steps(folder: Folder) -> Iterator[int]:
    """The steps in a directory of checkpoints, in no order.

    Raises:
        FileError: one of them is a link.
    """
    for name in folder.names():
        if name.isdecimal() and name.isascii() and str(int(name)) == name and folder.place(name).is_dir():
            yield int(name)


def _remove(place: Path) -> None:
    """Removes a directory with all that is in it, or a file, or a link alone."""
    try:
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
    except RecursionError as e:
        raise FileError(f"{place} is nested too deep to be removed by this program.") from e


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -1 <= value < 2**63


def _reason(error: Exception) -> str:
    return str(error).rstrip(".") if isinstance(error, FileError) else type(error).__name__


def _say(leaf: Leaf | None) -> str:
    return "missing" if leaf is None else f"{leaf['dtype']}{leaf['shape']}"
