"""The files of a run directory that a tool writes, and whether a directory is that of the same run."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import made_by
import trust
from configuration import Configuration, Key
from console import say
from exits import UserError, sentence
from reading import read_text
from statements import Macro, Reference, references

import crl

CONFIG, OPERATIVE, META, REPORT = "config.gin", "operative_config.gin", "meta.json", "report.html"
METRICS, LOCK = "metrics.jsonl", ".lock"
# The arguments of `crl.train` that change what is watched and kept, not what is learned.
_WATCHING = ("env_steps", "updates", "eval_every", "evaluate", "checkpoint_minutes", "call_seconds", "trackers")

_MOST = 1_000  # references followed before they are taken to be endless


def default(name: str) -> Path:
    """Where the runs of a configuration go if nobody says where; each lies in its own `of_seed`."""
    return Path("runs") / name


def of_seed(directory: Path, seed: Any) -> Path:
    """The run of a seed among those of other seeds."""
    return directory / f"seed{seed}"


def given(path: str) -> Path:
    """A path as a user writes it: `~` is their home, which a shell leaves alone behind `=`."""
    try:
        return Path(path).expanduser()
    except RuntimeError as e:
        raise UserError(f"{path}: {sentence(e).rstrip('.')}.") from e


def stored(directory: Path, flag: str = "--run_dir") -> Configuration | None:
    """The configuration in a run directory, unchecked; `None` where the directory is new or empty.

    `flag` is what the user named the place by.

    Raises:
        UserError: it is not a directory, holds other things and no configuration, or is a run of another version.
    """
    if directory.exists() and not directory.is_dir():
        raise UserError(f"{flag} {directory} is a file.")
    folder = crl.Folder(directory)
    if folder.has(CONFIG):
        made_by.refuse_other(directory)
        return read_text(folder.text(CONFIG), str(directory / CONFIG))
    if any(not _left_over(name) for name in folder.names()):
        raise UserError(f"{flag} {directory} is not empty and holds no {CONFIG}, so it is no run to resume.")
    return None


def refuse_other(directory: Path, given: Configuration, trusted: bool, flag: str = "--run_dir") -> None:
    """Raises `UserError` where the directory holds another run than `given` describes.

    What may differ is how long the run is, how it is evaluated and what is logged. The stored text is only
    read, nothing of it is built. Where it differs it is checked as somebody else's unless `trusted`.
    """
    there = stored(directory, flag)
    if there is None:
        return
    old, new = learning(there), learning(given)
    different = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    if not different:
        return
    trust.check(there, trusted)
    shown = "; ".join(
        f"{name} is {old.get(name, 'not bound')} there and {new.get(name, 'not bound')} here" for name in different[:5]
    )
    more = f"; and {len(different) - 5} more" if len(different) > 5 else ""
    raise UserError(f"{directory} holds another run: {shown}{more}; choose another {flag}.")


def refuse_other_engine(directory: Path, engine: str) -> None:
    """Raises `UserError` where a run would go on with other physics: `auto` may mean another engine on this machine."""
    folder = crl.Folder(directory)
    if folder.has(CONFIG) and folder.has("checkpoints") and not folder.has(META):  # a run writes it before these
        say(f"{directory} has lost its {META}: it is written anew, and the run resumes on the engine {engine!r}.")
    before = meta(directory).get("engine", engine)
    if before != engine:
        raise UserError(
            f"{directory} holds a run on the engine {before!r}, and here it would go on with {engine!r}: set the "
            f"environment's `engine` to {before!r}, or choose another --run_dir."
        )


def learning(configuration: Configuration) -> dict[str, str]:
    """The bindings that what is learned depends on: those that `crl.train` reaches without its evaluation."""
    reached: dict[str, str] = {}
    waiting: list[tuple[tuple[str, ...], Reference | Macro]] = []

    def take(scope: tuple[str, ...], name: str, value: Any) -> None:
        reached[name] = repr(value)
        waiting.extend((scope, item) for item in references(value))

    for key, binding in configuration.bindings.items():
        if key.selector == "crl.train" and key.argument not in _WATCHING:
            take((), str(key), binding.value)
    seen = set()
    while waiting:
        scope, item = waiting.pop()
        if (scope, item) in seen:
            continue
        if len(seen) > _MOST:
            raise UserError("The configuration refers to itself without end.")
        seen.add((scope, item))
        if isinstance(item, Macro):
            if item.name in configuration.macros:
                take(scope, f"%{item.name}", configuration.macros[item.name].value)
            continue
        inside = scope + tuple(filter(None, item.scope.split("/")))
        for key, binding in configuration.bindings.items():
            if key.selector == item.selector and _prefix(key, inside):
                take(inside, str(key), binding.value)
    if by_updates(configuration):  # snapshots are named by the clock: a run keeps the one it began with
        reached["the clock of crl.train"] = "updates"
    return reached


def by_updates(configuration: Configuration) -> bool:
    """Whether a run is counted in updates instead of environment steps."""
    return configuration.value("crl.train.updates") is not None


def finished(directory: Path, configuration: Configuration) -> bool:
    """Whether a run has made all of its environment steps or updates, and its report."""
    lengths = {name: configuration.value(f"crl.train.{name}") for name in ("env_steps", "updates")}
    lengths = {name: value for name, value in lengths.items() if isinstance(value, int)}
    if not lengths or not crl.Folder(directory).has(REPORT):
        return False
    records = crl.read_metrics(directory / METRICS)
    return bool(records) and all(records[-1][name] >= value for name, value in lengths.items())


def meta(directory: Path) -> dict[str, Any]:
    """What `meta.json` of a run says; empty where there is none."""
    folder = crl.Folder(directory)
    return folder.json(META) if folder.has(META) else {}


def withdraw(directory: Path, made: bool) -> None:
    """Removes what a run that could not start has left in its directory, and that too where this process `made` it.

    The directory was new or empty: `stored` refuses every other one.
    """
    for path in directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    if made:
        directory.rmdir()


@contextmanager
def alone(directory: Path, flag: str = "--run_dir") -> Iterator[None]:
    """Makes the directory and keeps other processes from training in it until this one ends."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = open_lock(directory / LOCK)
    except OSError as e:
        raise UserError(f"{flag} {directory} cannot be written: {e.strerror}.") from e
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            raise UserError(f"Another process is training in {directory}.") from e
        except OSError:  # a file system without locks
            pass
        yield


def open_lock(path: Path, make: bool = True) -> IO[str]:
    """A file to hold or to test a lock on; what it says stays."""
    descriptor = crl.Folder(path.parent).open(path.name, os.O_RDWR | (os.O_CREAT if make else 0))
    return os.fdopen(descriptor, "r+", encoding="utf-8")


def busy(directory: Path) -> bool:
    """Whether a process, of this machine at least, is training in the directory."""
    return locked(directory / LOCK)


def locked(path: Path) -> bool:
    """Whether a process holds the lock on a file."""
    try:
        with open_lock(path, make=False) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no file yet, or a file system without locks
        pass
    return False


def _left_over(name: str) -> bool:
    """Whether a file is one that a run makes before its configuration, and may leave when it is killed then."""
    return name == LOCK or (name.startswith(".") and name.endswith(".new"))


def _prefix(key: Key, scope: tuple[str, ...]) -> bool:
    parts = tuple(filter(None, key.scope.split("/")))
    return parts == scope[: len(parts)]
