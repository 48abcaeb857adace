"""How the runs of a study stand: one live table on a terminal, plain lines elsewhere."""

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import run_directory
from rich.console import Console
from rich.live import Live
from rich.table import Table as RichTable
from rich.text import Text
from study_slots import ELSEWHERE, FAILED, FINISHED, RUNNING, Job

import crl

SCORE = "eval/time_at_goal_fraction"
_LARGEST = 256 << 20  # bytes of metrics
_PLAIN_SECONDS = 60.0  # between two plain summaries
_READ_SECONDS = 5.0  # between two looks at the metrics of runs
_AROUND = 4  # lines of a terminal that are not of runs: names above, counts below, which may need two, and the cursor's
_UNDER_WAY = (RUNNING, ELSEWHERE)


class Table:
    """A line for every run: its state, how far it is, its speed and its last evaluation.

    Where the terminal is too low for all, those that run come first, then those that failed; the others are counted.
    """

    def __init__(self, jobs: Sequence[Job], console: Console | None = None):
        self._jobs = jobs
        self._console = console or Console(highlight=False)
        # The stream itself: an environment that asks for colours, as `FORCE_COLOR` does, makes no terminal of a file.
        live = self._console.file.isatty() and not self._console.is_dumb_terminal
        self._live = Live(console=self._console, auto_refresh=False) if live else None
        self._read_at = self._plain_at = 0.0
        self._states: dict[str, str] = {}

    def __enter__(self) -> "Table":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._read_at = 0.0
        self.show()
        if self._live:
            self._live.stop()

    def show(self) -> None:
        """Shows what has changed."""
        now = time.monotonic()
        states = {job.run.name: job.state for job in self._jobs}
        changed = [job for job in self._jobs if self._states.get(job.run.name) != job.state]
        if not changed and now - self._read_at < _READ_SECONDS:
            return
        self._read_at = now
        if self._live:
            self._live.update(self._table(), refresh=True)
        else:
            self._lines(changed, now)
        self._states = states

    def _table(self) -> RichTable:
        table = RichTable(box=None)
        for name in ("run", "state", "done", "steps/s", "at goal"):
            table.add_column(name, justify="left" if name in ("run", "state") else "right")
        shown = self._shown(self._console.height - _AROUND)
        for job in shown:
            table.add_row(*map(Text, (job.run.name, job.state, *numbers(job))))
        finished = sum(job.state == FINISHED for job in self._jobs)
        table.caption = f"{finished} of {len(self._jobs)} runs finished"
        names = {job.run.name for job in shown}
        hidden = Counter(job.state for job in self._jobs if job.run.name not in names and job.state != FINISHED)
        if hidden:
            table.caption += "; not shown: " + ", ".join(f"{n} {state}" for state, n in sorted(hidden.items()))
        return table

    def _shown(self, room: int) -> Sequence[Job]:
        """The jobs with a line of their own."""
        if len(self._jobs) <= room:
            return self._jobs
        first = [job for states in (_UNDER_WAY, (FAILED,)) for job in self._jobs if job.state in states]
        return first[: max(1, room)]

    def _lines(self, changed: Sequence[Job], now: float) -> None:
        shown = changed
        if now - self._plain_at > _PLAIN_SECONDS:
            shown = [job for job in self._jobs if job in changed or job.state in _UNDER_WAY]
            self._plain_at = now
        for job in shown:
            done, speed, score = numbers(job)
            line = f"{job.state:<9} {job.run.name:<30} {done:>5} {speed:>9} {score:>7}"
            self._console.print(Text(line), soft_wrap=True)


def numbers(job: Job) -> tuple[str, str, str]:
    """How far a run is, its env steps per second, and the share of the time at the goal in its last evaluation."""
    lines = _metrics(job)
    if not lines:
        return "", "", ""
    steps = lines[-1].get("env_steps", 0)
    total = job.run.cell.configuration.value("crl.train.env_steps")
    scores = [line[SCORE] for line in lines if SCORE in line]
    speed = lines[-1].get("speed/env_steps_per_second", 0.0)
    return f"{min(1.0, steps / total):.0%}", f"{speed:,.0f}", f"{scores[-1]:.2f}" if scores else ""


def _metrics(job: Job) -> list[dict[str, Any]]:
    """The numbers in the whole lines of a run's metrics; the last may be half written."""
    folder = crl.Folder(job.run.directory)
    if not folder.has(run_directory.METRICS):
        return []
    found = []
    text = folder.read(run_directory.METRICS, _LARGEST).decode("utf-8", "replace")
    for line in text.split("\n")[:-1]:
        with suppress(crl.FileError):
            record = crl.parse_object(line, run_directory.METRICS)  # a number that was not finite is null
            found.append({name: value for name, value in record.items() if isinstance(value, int | float)})
    return found
