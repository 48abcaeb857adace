"""What the tests rest on: a test leaves no process, and waits as long as what it waits for takes."""

import ast
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import jaxtyping
import processes
import psutil
import pytest
from tool_runs import as_a_user

# Starts another process in a session of its own, as a study starts its runs, says which, and ends or stays.
PARENT = """
import subprocess, sys, time
command = [sys.executable, "-c", "import time; time.sleep(1e6)"]
print(subprocess.Popen(command, start_new_session=True, stdout=-3, stderr=-3).pid, flush=True)
time.sleep(1e6 * {stays})
"""


class Limit(BaseException):
    """The time limit of a test is over."""


@pytest.mark.parametrize("stays", [False, True])
def test_what_a_test_started_is_gone_whatever_ends_it(stays: bool):
    with pytest.raises(Limit), processes.leaving_none():
        parent = processes.start([sys.executable, "-c", PARENT.format(stays=stays)])
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running() and os.getsid(child.pid) not in (os.getsid(0), os.getsid(parent.pid))
        if not stays:
            parent.wait()
        raise Limit
    assert not child.is_running()
    assert parent.returncode == (-9 if stays else 0), "its end is known, or Python would warn of it in another test"
    assert parent.stdout.closed and parent.stderr.closed


def test_what_was_there_before_stays():
    before = processes.start([sys.executable, "-c", "input()"], stdin=-1)
    with processes.leaving_none():
        during = processes.start([sys.executable, "-c", "input()"], stdin=-1)
    assert during.returncode == -9 and before.poll() is None
    before.communicate("\n")
    assert before.returncode == 0


def test_python_keeps_what_it_starts_once():
    """Python would warn, in a later test, that its tracker of shared memory is gone."""
    for _ in range(2):
        with (
            processes.leaving_none(),
            ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
        ):
            assert pool.submit(os.getppid).result() == os.getpid()


def test_a_wait_takes_in_what_is_said_and_ends_with_the_process(tmp_path: Path):
    mark = tmp_path / "mark"
    code = f"""
import os, sys, time
print("x" * 1_000_000)  # more than a pipe holds
open({str(mark)!r}, "w")
while os.path.exists({str(mark)!r}): time.sleep(0.01)
sys.exit("a mistake")
"""
    process = processes.start([sys.executable, "-c", code])
    processes.until(mark.exists, process)
    mark.unlink()
    with pytest.raises(AssertionError, match=r"ended with 1 too early:\nx+\n\na mistake"):
        processes.until(lambda: False, process)


def test_a_command_ends_with_the_status_it_must_have():
    command = [sys.executable, "-c", "import sys; print('said'); sys.exit(3)"]
    assert processes.finish(command, status=3).stdout == "said\n"
    assert processes.finish(command, status=3, text=False).stdout == b"said\n"
    with pytest.raises(AssertionError, match="ended with 3:\nsaid"):
        processes.finish(command)


def test_nothing_else_in_the_suite_starts_a_process():
    starting = {"subprocess", "fork", "forkpty", "spawnl", "spawnv", "posix_spawn", "system", "popen"}
    for file in sorted(Path(__file__).parent.glob("*.py")):
        if file.name == "processes.py":
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
                names.append(node.attr)
            assert not starting & {*names}, f"{file.name}:{node.lineno} starts a process; use tests/processes.py"


def test_a_test_that_fails_leaves_the_next_its_type_checks(monkeypatch: pytest.MonkeyPatch):
    before = jaxtyping.config.jaxtyping_disable
    with pytest.raises(Limit), as_a_user(monkeypatch):
        assert jaxtyping.config.jaxtyping_disable
        raise Limit
    assert jaxtyping.config.jaxtyping_disable is before is False


def test_time_limits_are_for_what_hangs(request: pytest.FixtureRequest):
    """One for all tests, which no load of a machine reaches, and none anywhere else."""
    assert int(request.config.getini("timeout")) >= 3600
    for file in sorted(Path(__file__).parent.glob("*.py")):
        text = file.read_text(encoding="utf-8")
        assert file.name in ("conftest.py", Path(__file__).name) or "mark.timeout" not in text, file
