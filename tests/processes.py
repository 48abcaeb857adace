"""Processes of tests: none outlives its test, however that ends, and no wait depends on the machine's speed."""

import contextlib
import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psutil

Process = subprocess.Popen
_started: list[Process] = []


def start(command: Sequence[object], **options: Any) -> Process:
    """Starts a command in a session of its own; it is killed when the test is over, if it still runs then.

    Its output is text in pipes, unless `options`, which are those of `subprocess.Popen`, say otherwise.
    """
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    text = {} if options.get("text") is False else {"text": True, "encoding": "utf-8"}
    process = Process([str(word) for word in command], start_new_session=True, **(pipes | text | options))
    _started.append(process)
    return process


def finish(command: Sequence[object], status: int = 0, **options: Any) -> subprocess.CompletedProcess:
    """Runs a command to its end, which must have this exit status; `options` are those of `subprocess.Popen`."""
    process = start(command, **options)
    out, err = process.communicate()
    assert process.returncode == status, f"{process.args} ended with {process.returncode}:\n{out}\n{err}"
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def until(done: Callable[[], bool], process: Process, every: float = 0.01) -> None:
    """Waits as long as it takes until `done()`, asked every so many seconds, and fails if the process ends before.

    Meanwhile it takes in what the process says, which would stand still before a full pipe.
    """
    while not done():
        try:
            out, err = process.communicate(timeout=every)
        except subprocess.TimeoutExpired:
            continue
        assert done(), f"{process.args} ended with {process.returncode} too early:\n{out}\n{err}"


@contextlib.contextmanager
def leaving_none() -> Iterator[None]:
    """Kills at the end whatever was started meanwhile: in any session, by whomever, whoever its parent is by then."""
    before, known = _below(), len(_started)
    try:
        yield
    finally:
        _kill_all_but(before)
        for process in _started[known:]:
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()
        del _started[known:]


def end_all() -> None:
    """Kills every process below this one."""
    _kill_all_but(set())


def _kill_all_but(kept: set[psutil.Process]) -> None:
    while left := _below() - kept:  # again, for what they start until they are dead
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        for process in _started:  # before psutil takes their exit status from them
            if process.returncode is None and any(process.pid == other.pid for other in left):
                process.wait()
        psutil.wait_procs(left)


def _below() -> set[psutil.Process]:
    """All processes that come from this one."""
    if hasattr(os, "waitid"):
        try:  # most tests start nothing, which one system call tells
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return set()
    return {process for process in psutil.Process().children(recursive=True) if not _of_python(process)}


def _of_python(process: psutil.Process) -> bool:
    """Whether Python itself started it, one for as long as this process lives."""
    with contextlib.suppress(psutil.Error):
        return any("multiprocessing.resource_tracker" in word for word in process.cmdline())
    return False


def adopt_orphans() -> None:
    """Makes this process, not init, the parent of those below it whose parent ends. Linux alone can do that."""
    if sys.platform == "linux":
        pr_set_child_subreaper = 36
        ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)
