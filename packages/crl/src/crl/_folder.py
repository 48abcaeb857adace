"""Reading and writing in a directory whose content may be a stranger's: no link is followed, nothing is unbounded."""

import errno
import os
import re
import secrets
import stat
from pathlib import Path, PurePath
from typing import Any

from ._json import FileError, parse_object, to_json

KIB, MIB = 1 << 10, 1 << 20
# Bytes that a file may have at most: generous for what we write, small enough to be read by any machine.
CONFIG_LIMIT, JSON_LIMIT, RECORDS_LIMIT, PICTURE_LIMIT = MIB, 16 * MIB, 64 * MIB, 64 * MIB
_PLAIN = re.compile(r"[^/\\\x00-\x1f\x7f-\x9f]{1,200}")


class Folder:
    """A directory, and safe access to the files in it.

    The directory itself may be named by a link: that is the user's word. What lies in it is reached without following
    links, a file that is read is a regular one of bounded size, and a file that is written appears complete or not at
    all, under a temporary name that nobody can foretell.

    Attributes:
        path: of the directory, absolute, so that a changed working directory moves nothing.
    """

    def __init__(self, path: Path | str):
        self.path = Path(os.path.abspath(path))

    def place(self, name: str | PurePath) -> Path:
        """The path of `name`, which may have several parts, where no part of it is a link.

        Raises:
            FileError: a part is a link, or leads out of the directory.
        """
        place = self.path
        for part in PurePath(name).parts:
            if not is_plain(part):
                raise FileError(f"{str(name)!r} is not the name of a file in {self.path}.")
            place = place / part
            if place.is_symlink():
                raise FileError(f"{place} is a link; links in {self.path} are not followed.")
        return place

    def folder(self, name: str | PurePath, make: bool = False) -> "Folder":
        """The directory `name` in this one, made where it is missing and `make` is set."""
        folder = Folder(self.place(name))
        return folder.make() if make else folder

    def make(self) -> "Folder":
        """Makes the directory where it is missing, and returns it.

        Raises:
            FileError: it, or one above it, is a file.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as e:
            raise FileError(f"{self.path} cannot be made: a file is in its place or above it.") from e
        return self

    def has(self, name: str | PurePath) -> bool:
        """Whether there is something of that name, not reached by a link."""
        return self.place(name).exists()

    def names(self) -> list[str]:
        """What is in the directory, sorted; nothing where there is none."""
        try:
            return sorted(os.listdir(self.path))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read(self, name: str | PurePath, limit: int = PICTURE_LIMIT) -> bytes:
        """The bytes of a file.

        Raises:
            FileError: it is a link, no regular file, or larger than `limit`.
            OSError: it does not exist or is not the user's to read.
        """
        with os.fdopen(self.open(name, os.O_RDONLY), "rb") as file:
            if (size := os.fstat(file.fileno()).st_size) > limit:
                raise FileError(f"{self.path / name} has {size:,} bytes; at most {limit:,} are read.")
            return file.read(limit)

    def open(self, name: str | PurePath, flags: int) -> int:
        """The descriptor of a regular file, opened with these flags of `os.open`.

        Raises:
            FileError: it is a link, or no regular file (a pipe would be waited for without end).
            OSError: as `os.open`.
        """
        place = self.place(name)
        try:
            descriptor = os.open(place, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
        except OSError as e:
            if e.errno in (errno.EISDIR, errno.ENXIO, errno.ELOOP, errno.ENODEV):
                raise FileError(f"{place} is not a file.") from e
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise FileError(f"{place} is not a file.")
        return descriptor

    def text(self, name: str | PurePath, limit: int = CONFIG_LIMIT) -> str:
        """The text of a UTF-8 file, without the byte order mark that some editors put first."""
        content = self.read(name, limit)
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as e:
            raise FileError(f"{self.path / name} is not UTF-8 text (byte {e.start}).") from e

    def json(self, name: str | PurePath, limit: int = JSON_LIMIT) -> dict[str, Any]:
        """The JSON object in a file; a number that is not finite reads as None."""
        return parse_object(self.text(name, limit), str(self.path / name))

    def write(self, name: str | PurePath, content: str | bytes) -> Path:
        """Writes a file, complete or not at all, and returns its path; one with this content already is left alone."""
        place, new = self.place(name), content.encode("utf-8") if isinstance(content, str) else content
        if place.is_file() and place.stat().st_size == len(new) and self.read(name, len(new)) == new:
            return place
        return self._replace(place, new)

    def _replace(self, place: Path, new: bytes) -> Path:
        if place.is_dir():
            raise FileError(f"{place} is a directory; a file is to be written there.")
        temporary = place.with_name(f".{secrets.token_hex(16)}.new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(temporary, flags, 0o666), "wb") as file:
                file.write(new)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, place)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return place

    def write_json(self, name: str | PurePath, content: Any) -> Path:
        """`write`, of something that JSON can hold, see `to_json`."""
        return self.write(name, to_json(content, indent=2) + "\n")

    def append(self, name: str | PurePath, text: str) -> None:
        """Adds text to the end of a file and waits until the disk has it.

        A file that has a second name elsewhere (a hard link) is copied first, so that the other one stays as it is.
        """
        place = self.place(name)
        if place.is_file() and place.stat().st_nlink > 1:
            self._replace(place, self.read(name, RECORDS_LIMIT))
        with os.fdopen(self.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())

    def remove(self, name: str | PurePath) -> None:
        """Removes a file, where it is there; of a link the link alone."""
        (self.place(PurePath(name).parent) / PurePath(name).name).unlink(missing_ok=True)

    def refuse_links(self, files: int, size: int) -> None:
        """Checks a directory for a library that reads it by itself.

        Args:
            files: how many files and directories it may hold, all levels together.
            size: their bytes at most.

        Raises:
            FileError: it holds a link, something that is neither file nor directory, or more than that.
        """
        waiting, count, total = [self.path], 0, 0
        while waiting:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    count += 1
                    found = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(found.st_mode):
                        waiting.append(Path(entry.path))
                    elif not stat.S_ISREG(found.st_mode):
                        what = "a link" if stat.S_ISLNK(found.st_mode) else "neither a file nor a directory"
                        raise FileError(f"{entry.path} is {what}, which no checkpoint holds.")
                    else:
                        total += found.st_size
                    if count > files or total > size:
                        raise FileError(f"{self.path} holds more than {files:,} files or {size:,} bytes.")


def is_plain(name: object) -> bool:
    """Whether a name, which may be a stranger's, is one part of a path: no separator, no `..`, nothing unprintable."""
    return isinstance(name, str) and name not in (".", "..") and _PLAIN.fullmatch(name) is not None
