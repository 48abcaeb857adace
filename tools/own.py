"""Which stored configurations are the user's own: digests in a file of the user's that no run directory holds."""

import hashlib
import os
import re
import stat
import sys
import sysconfig
from collections.abc import Iterable
from importlib.machinery import PathFinder
from pathlib import Path

from devices import users_folder

_FILE = "own_runs"
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LARGEST = 64 << 20  # bytes


def known() -> frozenset[str]:
    """All digests; none where the file is not the user's alone to write."""
    folder = users_folder("XDG_STATE_HOME", ".local/state")
    if folder is None:
        return frozenset()
    try:
        with os.fdopen(os.open(folder / _FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), encoding="utf-8") as file:
            found = os.fstat(file.fileno())
            if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o022 or found.st_size > _LARGEST:
                return frozenset()
            return frozenset(filter(_DIGEST.fullmatch, file.read().split("\n")))
    except OSError:
        return frozenset()


def add(digests: Iterable[str]) -> None:
    """Notes digests, where the user has a home directory that can be written; without one a flag must do."""
    folder = users_folder("XDG_STATE_HOME", ".local/state")
    new = [digest for digest in digests if digest not in known()]
    if folder is None or not new:
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(folder / _FILE, flags, 0o600), "w", encoding="utf-8") as file:
            file.write("".join(f"{digest}\n" for digest in new))
    except OSError:
        return


def module_digest(name: str) -> str | None:
    """A SHA-256 of the files that importing a module runs, its packages' included; `None` where it has no file.

    They are found without running anything. A module that is installed has the digest of its name: who can change that
    can run anything already.
    """
    path, spec, whole = None, None, ""
    files: list[Path] = []
    for part in name.split("."):
        whole = f"{whole}.{part}" if whole else part
        spec = PathFinder.find_spec(whole, path)
        if spec is None:
            return _digest(name.encode()) if name.split(".")[0] in sys.builtin_module_names else None
        path = list(spec.submodule_search_locations or ())
        if spec.origin is not None and os.path.isfile(spec.origin):
            files.append(Path(spec.origin))
    if spec is None or spec.origin is None or not os.path.isfile(spec.origin):
        return None
    places = {sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
    if any(Path(spec.origin).is_relative_to(place) for place in places):
        return _digest(name.encode())
    return _digest("".join(_digest(file.read_bytes()) for file in files).encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
