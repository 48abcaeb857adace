"""Runs of a study side by side: what is finished is skipped, what died is tried again, no run is lost."""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import exits
import run_directory
from study_grid import Run

import crl

WAITING, RUNNING, ELSEWHERE, FINISHED, FAILED = "waiting", "running", "running elsewhere", "finished", "failed"
_POLL_SECONDS = 0.5
_SILENT, _END = "(no output)", 1 << 16  # bytes of a log in which its last line is looked for


class Stopped(Exception):
    """A signal, whose number is given, came, and what ran has saved and ended."""


@dataclass
class Job:
    """A run and how it stands.

    Attributes:
        run: what is to be done.
        command: does it, or goes on with it.
        log: where its words go.
        state: waiting, running, running elsewhere, finished or failed.
        tries: how often it was started.
        cores: that a run elsewhere is known to have.
    """

    run: Run
    command: list[str]
    log: Path
    state: str = WAITING
    tries: int = 0
    slot: int = -1
    cores: tuple[int, ...] = ()
    _process: subprocess.Popen | None = field(default=None, repr=False)
    _output: IO | None = field(default=None, repr=False)

    def start(self, slot: int, cores: Sequence[int]) -> None:
        """Starts it on these cores."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        folder = crl.Folder(self.log.parent)
        if self.log.is_file() and self.log.stat().st_nlink > 1:  # it has a second name elsewhere
            folder.remove(self.log.name)
        self._output = os.fdopen(folder.open(self.log.name, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab")
        with _held(self._hold, cores) as hold, _on(cores):
            self._process = subprocess.Popen(
                self.command,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C is for the study, which stops its runs in order
                pass_fds=[hold],
            )
        self.state, self.slot, self.tries = RUNNING, slot, self.tries + 1

    def look(self) -> None:
        """Looks whether another process does it: one that an earlier study, killed outright, has left, or a user's."""
        left = run_directory.locked(self._hold)  # from its first moment; the directory it takes seconds later
        self.state = ELSEWHERE if left or run_directory.busy(self.run.directory) else WAITING
        words = self._hold.read_text(encoding="utf-8").split() if left else []
        self.cores = tuple(int(word) for word in words if word.isdecimal())

    def poll(self, retries: int) -> None:
        """Looks whether it has ended; one that died waits to be tried again, one that cannot work has failed."""
        code = self._process.poll() if self._process else None
        if code is None:
            return
        self._close()
        if code == exits.MISTAKE and run_directory.busy(self.run.directory):  # another process was there first
            self.state, self.tries = WAITING, self.tries - 1
        elif code == exits.SUCCESS:
            self.state = FINISHED
        else:
            self.state = FAILED if code == exits.MISTAKE or self.tries > retries else WAITING

    def ask_to_stop(self) -> None:
        """Asks it to save and end."""
        if self._process:
            self._process.terminate()

    def wait(self) -> None:
        """Waits for its end, if it runs."""
        if self._process:
            self.state = FINISHED if self._process.wait() == exits.SUCCESS else WAITING
            self._close()

    @property
    def last_words(self) -> str:
        """The last line of its log."""
        if not self.log.is_file():
            return _SILENT
        with self.log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _END))
            lines = file.read(_END).decode("utf-8", "replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), _SILENT)

    @property
    def _hold(self) -> Path:
        return self.log.with_suffix(".cores")

    def _close(self) -> None:
        if self._output:
            self._output.close()
        self._process = self._output = None


def work_off(jobs: Sequence[Job], slots: int, retries: int, show: Callable[[], None]) -> None:
    """Runs all jobs, at most `slots` at once, those of other processes among them; these are left to end.

    Whatever ends this early (a signal: by `Stopped`), all that it started is asked to save and waited for.
    """
    cores = shares(slots)
    with _noted() as signals:
        try:
            while not signals:
                for job in jobs:
                    if job.state == RUNNING:
                        job.poll(retries)
                    if job.state in (WAITING, ELSEWHERE):
                        job.look()
                waiting = (job for job in jobs if job.state == WAITING)
                for slot, job in zip(_free(jobs, cores), waiting, strict=False):
                    job.start(slot, cores[slot])
                show()
                if all(job.state in (FINISHED, FAILED) for job in jobs):
                    return
                time.sleep(_POLL_SECONDS)
            raise Stopped(signals[0])
        finally:
            for job in jobs:  # all before the first is waited for: a cluster kills soon what it has asked to end
                job.ask_to_stop()
            for job in jobs:
                job.wait()


def _free(jobs: Sequence[Job], cores: Sequence[Sequence[int]]) -> list[int]:
    """The slots to be filled: no more than runs elsewhere leave, and those last whose cores they have."""
    taken = {job.slot for job in jobs if job.state == RUNNING}
    elsewhere = [job for job in jobs if job.state == ELSEWHERE]
    used = {core for job in elsewhere for core in job.cores}
    free = [slot for slot in range(len(cores)) if slot not in taken]
    return sorted(free, key=lambda slot: len(used & {*cores[slot]}))[: max(0, len(free) - len(elsewhere))]


def shares(slots: int) -> list[list[int]]:
    """The cores of each slot; none where there are fewer cores than slots, or they cannot be chosen.

    A run on cores of its own does not wait for others' threads, and its products are cut up the same way each time.
    """
    if not hasattr(os, "sched_getaffinity"):
        return [[] for _ in range(slots)]
    cores = sorted(os.sched_getaffinity(0))
    size = len(cores) // slots
    return [cores[slot * size : (slot + 1) * size] for slot in range(slots)]


@contextmanager
def _noted() -> Iterator[list[int]]:
    """Notes Ctrl-C and what asks a run to stop: an exception amid a start or a wait would leave a run nobody stops.

    One that is ignored, as a shell or nohup has it for what it runs in the background, stays so.
    """
    signals: list[int] = []
    now = {number: signal.getsignal(number) for number in (signal.SIGINT, *crl.STOP_SIGNALS)}
    before = {number: handler for number, handler in now.items() if handler is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, lambda number, _: signals.append(number))
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _held(path: Path, cores: Sequence[int]) -> Iterator[int]:
    """A file that says which cores a run has, locked as long as a process is left that was given it."""
    crl.Folder(path.parent).remove(path.name)  # nobody holds it, and it may have a second name elsewhere
    with run_directory.open_lock(path) as file:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.truncate(0)
        file.write(" ".join(map(str, cores)))
        file.flush()
        yield file.fileno()


@contextmanager
def _on(cores: Sequence[int]) -> Iterator[None]:
    """What is started meanwhile stays on these cores."""
    before = os.sched_getaffinity(0) if cores else None
    if before:
        os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        if before:
            os.sched_setaffinity(0, before)
