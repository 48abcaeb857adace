"""What follows a run from outside: told of its beginning, and given every line of metrics."""

import abc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Line = dict[str, int | float]


@dataclass(frozen=True)
class Started:
    """A run whose first line is to come; of several seeds, one for each.

    Attributes:
        directory: of the run, absolute.
        identity: 32 hexadecimal digits, the same whenever this run is resumed.
        seed: of its draws.
        together: whether it is trained with other seeds; its lines then hold "seed".
        config: what the run was configured with, by name.
    """

    directory: Path
    identity: str
    seed: int
    together: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)


class AbstractTracker(abc.ABC):
    """A tracker that is told which run its lines are of; a plain function of a line is one as well.

    What it raises ends the tracker and not the training; see `train`.
    """

    @abc.abstractmethod
    def started(self, run: Started) -> None:
        """Called before the first line of a run, and again when the run is resumed in another process."""

    @abc.abstractmethod
    def __call__(self, line: Line) -> None:
        """Called with every line of metrics; where there are several seeds, it has the run's "seed"."""


Tracker = AbstractTracker | Callable[[Line], None]


class Trackers:
    """Several trackers, none of which can stop the training: one that raises is told of once and left out."""

    def __init__(self, trackers: Sequence[Tracker], say: Callable[[str], None]):
        """`say`: is given the sentence about a tracker that has failed."""
        self._trackers, self._say = list(trackers), say

    def started(self, run: Started) -> None:
        """See `AbstractTracker.started`."""
        for tracker in list(self._trackers):
            if isinstance(tracker, AbstractTracker):
                self._call(tracker, tracker.started, run)

    def __call__(self, line: Line) -> None:
        """See `AbstractTracker.__call__`; each gets a dictionary of its own."""
        for tracker in list(self._trackers):
            self._call(tracker, tracker, dict(line))

    def _call(self, tracker: Tracker, function: Callable, argument: Any) -> None:
        try:
            function(argument)
        except Exception as e:
            self._trackers = [other for other in self._trackers if other is not tracker]
            text = " ".join(f"{type(e).__name__}: {e}".split()).rstrip(".:")
            self._say(f"The tracker {_name(tracker)} has failed and is left out from here ({text}).")


def _name(tracker: Tracker) -> str:
    """As its source calls it."""
    named = tracker if hasattr(tracker, "__qualname__") else type(tracker)
    return f"{named.__module__}.{named.__qualname__}"
