"""Signals that ask a run to stop."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, ParamSpec, TypeVar

from ._stream import to_nobody

P = ParamSpec("P")
R = TypeVar("R")

# What asks a run to save and stop: a user, a scheduler of a cluster (with whichever of the two it is told to send), a
# terminal that is closed.
STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP)


class BrokenOff(Exception):
    """A signal came during an evaluation."""


class Signals:
    """Collects `STOP_SIGNALS` in `caught` instead of dying of them, while it is entered.

    One that is ignored, as nohup has SIGHUP, stays so. Outside the main thread, where Python lets nobody handle
    signals, nothing is caught: they are for whoever started the thread.
    """

    def __init__(self):
        self.caught: list[int] = []
        self._evaluating = False
        self._saving = self._interrupted = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Signals":
        if threading.current_thread() is not threading.main_thread():
            return self
        for number in STOP_SIGNALS:
            if signal.getsignal(number) is signal.SIG_IGN:
                continue
            self._before[number] = signal.signal(number, self._catch)
        if callable(signal.getsignal(signal.SIGINT)):
            self._before[signal.SIGINT] = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Lets a Ctrl-C wait for the end of what is saved meanwhile; a second one does not wait.

        Whatever handled Ctrl-C before is called at once, and only the `KeyboardInterrupt` that it raises waits.
        """
        self._saving = True
        try:
            yield
        finally:
            self._saving = False
        if self._interrupted:
            self._interrupted = False
            raise KeyboardInterrupt

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        try:
            self._before[signal.SIGINT](number, frame)
        except KeyboardInterrupt:
            if not self._saving or self._interrupted:
                raise
            self._interrupted = True

    def _catch(self, number: int, _: object) -> None:
        self.caught.append(number)
        if number == signal.SIGHUP:
            _show_nothing()
        if self._evaluating:
            raise BrokenOff

    def breaking_off(self, evaluate: Callable[P, R]) -> Callable[P, R]:
        """`evaluate`, ended by `BrokenOff` at a signal: it may take long, changes nothing and can be done again."""

        def evaluation(*args: P.args, **kwargs: P.kwargs) -> R:
            self._evaluating = True
            try:
                if self.caught:
                    raise BrokenOff
                return evaluate(*args, **kwargs)
            finally:
                self._evaluating = False

        return evaluation


def _show_nothing() -> None:
    """With its terminal closed, a word would be an error amid a save."""
    for stream in (1, 2):
        to_nobody(stream)
