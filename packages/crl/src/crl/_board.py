"""TensorBoard's files of a run, which nothing depends on: what fails here ends them, and not the training."""

import secrets
import sys
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog  # pyright: ignore[reportAttributeAccessIssue]
from tensorboardX.summary import scalar


class Board:
    """Scalars by step of the run's clock, each record on the disk when `write` returns.

    Written in the caller's thread: tensorboardX's `SummaryWriter` hands events to a thread through a queue of ten, and
    when that thread has died, as it does of a clock that is set back by weeks, the caller waits at the full queue for
    ever.
    """

    def __init__(self, directory: Path):
        """`directory`: where the files lie; made with the first record."""
        self._directory = directory.absolute()
        self._file: EventsWriter | None = None
        self._failed = False

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        """One record of metrics; the first hides what an earlier process wrote of this step and later ones."""
        if self._failed:
            return
        try:
            file = self._file or self._open(step)
            for name, value in metrics.items():
                file.write_event(Event(step=step, wall_time=time.time(), summary=scalar(name, value)))
            file.flush()
        except Exception as e:
            self._fail(e)

    def close(self) -> None:
        """Lets go of the file."""
        file, self._file = self._file, None
        try:
            if file is not None:
                self._left_open.detach()
                file.close()
        except Exception as e:
            self._fail(e)

    def _open(self, step: int) -> EventsWriter:
        if self._directory.is_symlink():
            raise NotADirectoryError("it is a link")
        self._directory.mkdir(exist_ok=True)
        # No two files of one second share a name, and nobody can put a link in the place of the next.
        self._file = EventsWriter(str(self._directory / "events"), f".{secrets.token_hex(8)}")
        self._left_open = weakref.finalize(self, _close, self._file)  # of a run that nobody closes
        for begun in ({"file_version": "brain.Event:2"}, {"session_log": SessionLog(status=SessionLog.START)}):
            self._file.write_event(Event(step=step, wall_time=time.time(), **begun))
        return self._file

    def _fail(self, error: Exception) -> None:
        if self._failed:
            return
        self._failed = True
        self.close()
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        with suppress(OSError, ValueError):  # nobody reads it
            print(
                f"TensorBoard's files in {self._directory} cannot be written any more ({reason}); training goes on.",
                file=sys.stderr,
                flush=True,
            )


def _close(file: EventsWriter) -> None:
    with suppress(Exception):
        file.close()
