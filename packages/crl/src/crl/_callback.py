"""What watches a run."""

import abc
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ._stream import Unbreakable

Number = int | float


class Progress(NamedTuple):
    """Where a run is.

    Attributes:
        stage: "start", "prefill", "compile", "train" or "evaluate".
        step: of the run's clock: environment steps, or updates where it is counted in those.
        total: of the whole run.
        metrics: those that are known by now, by name.
    """

    stage: str
    step: int
    total: int
    metrics: Mapping[str, Number]


class AbstractCallback(abc.ABC):
    """Is told what a run does: `crl` itself draws nothing."""

    @abc.abstractmethod
    def progressed(self, progress: Progress) -> None:
        """Called before every part of a training step, and after every record."""

    @abc.abstractmethod
    def noticed(self, sentence: str) -> None:
        """Called with messages for the user: a resume, something lost, a tracker that failed."""


class Printed(AbstractCallback):
    """Prints messages for the user, and no progress: the default."""

    def progressed(self, progress: Progress) -> None:
        del progress

    def noticed(self, sentence: str) -> None:
        print(sentence, file=Unbreakable(sys.stdout), flush=True)


class Callbacks(AbstractCallback):
    """Several as one."""

    def __init__(self, callbacks: Sequence[AbstractCallback]):
        self._callbacks = tuple(callbacks)

    def progressed(self, progress: Progress) -> None:
        for callback in self._callbacks:
            callback.progressed(progress)

    def noticed(self, sentence: str) -> None:
        for callback in self._callbacks:
            callback.noticed(sentence)
