"""Signals that ask a run to stop."""

import os
import signal
import stat
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class BrokenOff(Exception):
    """A signal came during an evaluation."""


class Signals:
    """Collects SIGTERM, SIGUSR1 and SIGHUP in `caught` instead of dying of them, while it is entered.

    SIGHUP says that the terminal is closed. Where it is ignored, as nohup has it, it stays so.
    """

    def __init__(self):
        self.caught: list[int] = []
        self._evaluating = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Signals":
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_IGN:
                continue
            self._before[number] = signal.signal(number, self._catch)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

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
    """Lets what is printed go nowhere but to files: with its terminal closed, a word would be an error amid a save."""
    with open(os.devnull, "w") as nowhere:
        for stream in (1, 2):
            if not stat.S_ISREG(os.fstat(stream).st_mode):
                os.dup2(nowhere.fileno(), stream)
