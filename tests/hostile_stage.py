"""A stranger's directory amid a user's files, and what a tool that is given it may do to them: nothing."""

import base64
import hashlib
import json
import os
import resource
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import exits
import processes

SECRET = b"SECRET-of-the-user-0123456789-abcdefghij"
SCRIPT = b"<script>alert(1)"
_ENCODED = [base64.b64encode(b"x" * shift + SECRET)[4:-4] for shift in range(3)]  # as a page would embed it
_MEMORY = 6 << 30  # bytes that a tool may reserve beyond what this process has reserved
_RESIDENT = 1_500_000_000  # bytes that it may use beyond what this process uses
_LONGEST = 10_000  # characters that it may say on stderr


@dataclass(frozen=True)
class Outcome:
    """How a tool ended."""

    status: int
    out: str
    err: str


class Stage:
    """Directories under one root.

    Attributes:
        root: of everything.
        theirs: the stranger's directory, of a run or a study.
        out: where the user has the tools write.
        victim: the user's files, which no tool is told of.
    """

    def __init__(self, root: Path):
        self.root, self.theirs, self.out = root, root / "strangers" / "theirs", root / "out"
        self.victim = root / "victim"
        self.victim.mkdir(parents=True)
        self.theirs.parent.mkdir()
        (self.victim / "secret").write_bytes(SECRET + b"\n")
        (self.victim / "kept").mkdir()
        (self.victim / "kept" / "5").mkdir()
        (self.victim / "kept" / "5" / "work").write_bytes(b"of weeks")
        for name in ("home", "work"):
            (root / name).mkdir()
        for folder in (self.theirs.parent, root / "work", root / "home"):
            (folder / "strangers_module.py").write_text(f"open({str(root / 'ran')!r}, 'w')\n")

    def environment(self) -> dict[str, str]:
        """Where a user has their own files."""
        home = self.root / "home"
        folders = {"HOME": home, "XDG_STATE_HOME": home / "state", "XDG_CACHE_HOME": home / "cache"}
        folders["MPLCONFIGDIR"] = home / "cache" / "matplotlib"
        return {name: str(path) for name, path in folders.items()}

    def moved(self, name: str) -> Path:
        """Replaces what is at `name` by a link to it among the user's files; a file then holds the secret, too."""
        place, new = self.theirs / name, self.victim / f"moved_{name.replace('/', '_')}"
        if place.exists():
            shutil.rmtree(new, ignore_errors=True)  # of the tool before
            place.rename(new)
        else:
            new.write_bytes(b"{}")
        if new.is_file():
            os.chmod(new, 0o644)
            new.write_bytes(_with_secret(new.read_bytes(), place.name))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(new)
        return new

    def link(self, name: str, target: str | Path) -> None:
        """Replaces what is at `name` by a link."""
        place = self.theirs / name
        self.remove(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)

    def remove(self, name: str) -> None:
        """Removes a file or a whole directory."""
        place = self.theirs / name
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)

    def write(self, name: str, content: str | bytes) -> None:
        """Writes a file of the stranger's, in place of what is there."""
        place = self.theirs / name
        self.remove(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))

    def append(self, name: str, content: str | bytes) -> None:
        """Adds to the end of a file."""
        with (self.theirs / name).open("ab") as file:
            file.write(content if isinstance(content, bytes) else content.encode())

    def json(self, name: str, change: Callable[[dict[str, Any]], object]) -> None:
        """Changes what a JSON file says."""
        content = json.loads((self.theirs / name).read_text())
        change(content)
        self.write(name, json.dumps(content))

    def clear(self) -> None:
        """Removes what is the stranger's and what was written, however deep it lies."""
        processes.finish(["rm", "-rf", self.theirs, self.out])

    def outside(self) -> dict[str, tuple]:
        """A description of all that lies neither in the stranger's directory nor where tools were told to write."""
        # Drawing fills caches of the user's, which hold nothing of theirs.
        return dict(_describe(self.root, {self.theirs, self.out, self.root / "home" / "cache"}))

    def leaks(self) -> list[str]:
        """The files of the stranger's, or of what was asked for, that hold the secret, and pages with their script."""
        found = []
        for folder in (self.theirs, self.out):
            for place, _, names in os.walk(folder):  # which follows no links, and leaves out what no path can reach
                for path in (Path(place, name) for name in names):
                    status = path.lstat()
                    if stat.S_ISREG(status.st_mode) and status.st_size < 64 << 20:
                        content = path.read_bytes()
                        found += [str(path) for secret in (SECRET, *_ENCODED) if secret in content]
                        found += [str(path) for _ in range(path.suffix == ".html" and SCRIPT in content)]
        return found


def drive(tool: Any, arguments: Sequence[object], capfd: Any) -> Outcome:
    """Runs a tool in this process, as the command would, and within bounds of memory."""
    capfd.readouterr()
    with bounded():
        try:
            status = exits.guard(tool.main, [f"{tool.__name__}.py", *map(str, arguments)])
        except SystemExit as e:  # --help
            status = int(str(e))
    return Outcome(status, *capfd.readouterr())


def complaints(outcome: Outcome) -> Iterator[str]:
    """What is wrong with how a tool ended, for one that was given what it cannot or should not use."""
    if outcome.status not in (exits.SUCCESS, exits.MISTAKE):
        yield f"exit status {outcome.status}"
    lines = outcome.err.splitlines()
    if outcome.status == exits.MISTAKE and not (len(lines) == 1 and lines[0].startswith("error: ")):
        yield f"{len(lines)} lines on stderr"
    if outcome.status == exits.MISTAKE and not outcome.err.rstrip().endswith((".", ")", "?")):
        yield "no sentence"
    if "Traceback" in outcome.out + outcome.err:
        yield "a traceback"
    if len(outcome.err) > _LONGEST:
        yield f"{len(outcome.err):,} characters on stderr"
    if strange := {c for c in outcome.out + outcome.err if not (c.isprintable() or c in "\n\t\r")}:
        yield f"the control characters {sorted(strange)}"


@contextmanager
def bounded() -> Iterator[None]:
    """Fails where memory beyond `_MEMORY` is reserved, or beyond `_RESIDENT` is used, meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_memory("VmSize") + _MEMORY, hard))
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    used = _memory("VmHWM") - before
    assert used < _RESIDENT, f"{used:,} bytes were used"


def _memory(name: str) -> int:
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:")]
    return int(line.split()[1]) << 10


def _describe(folder: Path, left_out: set[Path]) -> Iterator[tuple[str, tuple]]:
    for path in sorted(folder.iterdir()):
        if path in left_out:
            continue
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            yield str(path), ("link", os.readlink(path))
        elif stat.S_ISDIR(status.st_mode):
            yield str(path), ("directory", status.st_mode)
            yield from _describe(path, left_out)
        elif stat.S_ISREG(status.st_mode):
            yield str(path), (hashlib.sha256(path.read_bytes()).hexdigest(), status.st_mode, status.st_mtime_ns)
        else:
            yield str(path), ("special", status.st_mode)


def _with_secret(content: bytes, name: str) -> bytes:
    """The same content, still valid, with the secret in it."""
    if name.endswith(".gin"):
        return content + b"# " + SECRET + b"\n"
    if name.endswith((".json", ".zarray")):
        return json.dumps({**json.loads(content), "note": SECRET.decode()}).encode()
    if name == "metrics.jsonl":
        first, rest = content.split(b"\n", 1)
        return json.dumps({**json.loads(first), "note": SECRET.decode()}).encode() + b"\n" + rest
    if name.endswith((".png", ".mp4", ".html", ".lock")):
        return content + SECRET
    return content
