"""A stream of text whose reader may go away, or not know every character."""

import errno
import io
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_GONE = (errno.EPIPE, errno.EIO, errno.ENXIO)  # a pipe that nobody reads, a terminal that is closed


def to_nobody(descriptor: int) -> None:
    """Lets what is written to a descriptor go nowhere, but for a file: what was printed before stays there."""
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), descriptor)


class Unbreakable(io.TextIOBase):
    """Writes to a stream until its reader goes away, and then to nobody: `python ... | head -3` ends no training.

    A character that the stream's encoding has not becomes a question mark.
    """

    def __init__(self, stream: Any):
        self._stream, self._gone = stream, False

    def write(self, s: str) -> int:
        """Takes all of it."""
        try:
            self._try(self._stream.write, s)
        except UnicodeEncodeError as e:
            self._try(self._stream.write, s.encode(e.encoding, "replace").decode(e.encoding))
        return len(s)

    def flush(self) -> None:
        """As the stream does."""
        self._try(self._stream.flush)

    @property
    def encoding(self) -> str:
        """The stream's."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Whether the stream itself is a terminal."""
        return not self._stream.closed and self._stream.isatty()

    def fileno(self) -> int:
        """The stream's."""
        return self._stream.fileno()

    def _try(self, function: Callable, *arguments: Any) -> None:
        if self._gone or self._stream.closed:
            return
        try:
            function(*arguments)
        except OSError as e:
            if e.errno not in _GONE:
                raise
            self._gone = True
            with suppress(OSError):  # the stream keeps what it could not write, and tries again when Python ends
                to_nobody(self._stream.fileno())
