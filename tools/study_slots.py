"""Runs of a study side by side: what is finished is skipped, what died is tried again, no run is lost."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import exits
import run_directory
from study_grid import Run

WAITING, RUNNING, FINISHED, FAILED = "waiting", "running", "finished", "failed"
_POLL_SECONDS = 0.5


@dataclass
class Job:
    """A run and how it stands.

    Attributes:
        run: what is to be done.
        command: does it, or goes on with it.
        log: where its words go.
        state: waiting, running, finished or failed.
        tries: how often it was started.
    """

    run: Run
    command: list[str]
    log: Path
    state: str = WAITING
    tries: int = 0
    slot: int = -1
    _process: subprocess.Popen | None = field(default=None, repr=False)
    _output: IO | None = field(default=None, repr=False)

    def start(self, slot: int, cores: Sequence[int]) -> None:
        """Starts it on these cores."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._output = self.log.open("a")
        with _on(cores):
            self._process = subprocess.Popen(
                self.command,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C is for the study, which stops its runs in order
            )
        self.state, self.slot, self.tries = RUNNING, slot, self.tries + 1

    def poll(self, retries: int) -> None:
        """Looks whether it has ended; one that died waits to be tried again, one that cannot work has failed."""
        code = self._process.poll() if self._process else None
        if code is None:
            return
        self._close()
        if code == exits.SUCCESS:
            self.state = FINISHED
        else:
            self.state = FAILED if code == exits.MISTAKE or self.tries > retries else WAITING

    def stop(self) -> None:
        """Asks it to save and end, and waits for that."""
        if self._process:
            self._process.terminate()
            self._process.wait()
            self._close()
            self.state = WAITING

    @property
    def last_words(self) -> str:
        """The last line of its log."""
        lines = self.log.read_text(errors="replace").split("\n") if self.log.exists() else []
        return next((line for line in reversed(lines) if line.strip()), "it said nothing")

    def _close(self) -> None:
        if self._output:
            self._output.close()
        self._process = self._output = None


def work_off(jobs: Sequence[Job], slots: int, retries: int, show: Callable[[], None]) -> None:
    """Runs all jobs, at most `slots` at once; an exception, such as Ctrl-C, stops those under way in order."""
    cores = shares(slots)
    try:
        while True:
            for job in jobs:
                if job.state == RUNNING:
                    job.poll(retries)
            taken = {job.slot for job in jobs if job.state == RUNNING}
            # A run that outlived an earlier study, killed outright, is left to end.
            waiting = (job for job in jobs if job.state == WAITING and not run_directory.busy(job.run.directory))
            for slot in sorted(set(range(slots)) - taken):
                if job := next(waiting, None):
                    job.start(slot, cores[slot])
            show()
            if not any(job.state in (WAITING, RUNNING) for job in jobs):
                return
            time.sleep(_POLL_SECONDS)
    finally:
        for job in jobs:
            job.stop()


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


def launch_command(configuration: Path, run: Run, device: str) -> list[str]:
    """The command that makes a run; a user may give it as well."""
    launch = Path(__file__).with_name("launch.py")
    return [
        sys.executable,
        str(launch),
        "--gin",
        str(configuration),
        "--set",
        f"crl.train.seed = {run.seed}",
        "--run_dir",
        str(run.directory),
        "--device",
        device,
    ]
