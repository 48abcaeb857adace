"""Runs side by side: never more than slots, none lost and none made twice."""

import fcntl
import os
import signal
import sys
from pathlib import Path

import exits
import processes
import pytest
import study_grid
import study_slots


def job(tmp_path: Path, name: str, code: str) -> study_slots.Job:
    """A job of Python code that may use `log(word)`, which notes the job and the word, `tries()` and `noted(word)`."""
    helpers = (
        "import os, sys, time\n"
        f"path = {str(tmp_path / 'events')!r}\n"
        f"def log(word): open(path, 'a').write(f'{name} {{word}}\\n')\n"
        f"def tries(): return open(path).read().count('{name} start')\n"
        "def noted(word): return open(path).read().count(f' {word}\\n')\n"
        "log('start')\n"
    )
    cell = study_grid.Cell(name, {}, None)
    run = study_grid.Run(cell, 0, tmp_path / name / "seed0")
    return study_slots.Job(run, [sys.executable, "-c", helpers + code], tmp_path / f"{name}.log")


def events(tmp_path: Path) -> list[str]:
    return (tmp_path / "events").read_text().splitlines()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch):
    """Looked at often, runs of an instant are over in an instant."""
    monkeypatch.setattr(study_slots, "_POLL_SECONDS", 0.02)


def test_no_more_at_once_than_slots(tmp_path: Path):
    # The first two each wait until the other is there, and so do the others.
    code = "while noted('start') < {}: time.sleep(0.01)\nlog('end')"
    jobs = [job(tmp_path, f"job{i}", code.format(2 if i < 2 else 4)) for i in range(5)]
    jobs[2].state = study_slots.FINISHED
    study_slots.work_off(jobs, slots=2, retries=0, show=lambda: None)
    assert {job.state for job in jobs} == {study_slots.FINISHED}
    assert [job.tries for job in jobs] == [1, 1, 0, 1, 1]
    under_way, most = 0, 0
    for event in events(tmp_path):
        under_way += 1 if event.endswith("start") else -1
        most = max(most, under_way)
    assert most == 2 and not any("job2" in event for event in events(tmp_path))


def test_what_died_is_tried_again_and_a_mistake_is_not(tmp_path: Path):
    jobs = [
        job(tmp_path, "dies_twice", "os.kill(os.getpid(), 9) if tries() < 3 else None"),
        job(tmp_path, "dies_always", "print('a word'); print(); sys.exit(1)"),
        job(tmp_path, "mistake", f"print('error: so it is'); sys.exit({exits.MISTAKE})"),
    ]
    study_slots.work_off(jobs, slots=2, retries=2, show=lambda: None)
    assert [job.state for job in jobs] == [study_slots.FINISHED, study_slots.FAILED, study_slots.FAILED]
    assert [job.tries for job in jobs] == [3, 3, 1]
    assert [job.last_words for job in jobs] == ["(no output)", "a word", "error: so it is"]


def test_each_slot_has_cores_of_its_own(tmp_path: Path):
    for slots in (1, 2):
        shares = study_slots.shares(slots)
        cores = [core for share in shares for core in share]
        assert len(shares) == slots and len(set(cores)) == len(cores)
    shown = job(tmp_path, "cores", "log(sorted(os.sched_getaffinity(0)))")
    study_slots.work_off([shown], slots=1, retries=0, show=lambda: None)
    assert events(tmp_path)[-1] == f"cores {study_slots.shares(1)[0]}"


def test_a_run_of_another_process_is_left_to_end(tmp_path: Path):
    (tmp_path / "mine" / "seed0").mkdir(parents=True)
    code = f"import fcntl\nfile = open({str(tmp_path / 'mine/seed0/.lock')!r}, 'w')\nfcntl.flock(file, fcntl.LOCK_EX)\n"
    other = processes.start([sys.executable, "-c", code + "print('locked', flush=True)\ninput()"], stdin=-1)
    assert other.stdout.readline()
    mine, shown = job(tmp_path, "mine", ""), []

    def show() -> None:
        shown.append(mine.tries)
        if len(shown) == 2:
            other.communicate("\n")

    study_slots.work_off([mine], slots=1, retries=0, show=show)
    assert shown[:2] == [0, 0] and mine.state == study_slots.FINISHED and mine.tries == 1


def test_an_interruption_stops_what_runs_in_order(tmp_path: Path):
    code = "import signal\nsignal.signal(signal.SIGTERM, lambda *_: (log('saved'), sys.exit(143)))\nlog('ready')\n"
    jobs = [job(tmp_path, "one", code + "while True: signal.pause()"), job(tmp_path, "two", "")]

    def show() -> None:
        if "one ready" in (events(tmp_path) if (tmp_path / "events").exists() else []):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study_slots.work_off(jobs, slots=1, retries=0, show=show)
    assert events(tmp_path) == ["one start", "one ready", "one saved"]
    assert [job.state for job in jobs] == [study_slots.WAITING] * 2


def test_runs_that_outlived_a_killed_study_count(tmp_path: Path):
    cores = study_slots.shares(2)
    code = f"log(sorted(os.sched_getaffinity(0)))\nwhile not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.01)"
    before = job(tmp_path, "left", code)
    before.start(0, cores[0])  # as a study did that is no more: nobody watches this process
    jobs = [
        job(tmp_path, "left", ""),
        *(job(tmp_path, f"job{i}", "log(sorted(os.sched_getaffinity(0)))") for i in range(2)),
    ]
    seen = []

    def show() -> None:
        states = [one.state for one in jobs]
        seen.append(states)
        if states[1:] == [study_slots.FINISHED] * 2:
            (tmp_path / "go").touch()
            before.wait()  # its parent here; of a killed study it is init

    try:
        study_slots.work_off(jobs, slots=2, retries=0, show=show)
    finally:
        (tmp_path / "go").touch()
        before.wait()
    at_once = [sum(state in (study_slots.RUNNING, study_slots.ELSEWHERE) for state in states) for states in seen]
    assert max(at_once) == 2 and seen[0] == [study_slots.ELSEWHERE, study_slots.RUNNING, study_slots.WAITING]
    assert [one.tries for one in jobs] == [1, 1, 1] and {one.state for one in jobs} == {study_slots.FINISHED}
    if all(cores):
        had = dict(event.split(" ", 1) for event in events(tmp_path) if event.endswith("]"))
        assert had == {"left": str(cores[0]), "job0": str(cores[1]), "job1": str(cores[1])}


def test_a_run_that_comes_second_waits_for_the_first(tmp_path: Path):
    mine = job(tmp_path, "mine", f"sys.exit({exits.MISTAKE} if tries() < 2 else 0)")
    lock = mine.run.directory / ".lock"
    lock.parent.mkdir(parents=True)
    seen, held = [], []

    def show() -> None:
        seen.append(mine.state)
        if not held:  # it has just been started, and somebody else is in its directory
            held.append(lock.open("w"))
            fcntl.flock(held[0], fcntl.LOCK_EX)
        if mine.state == study_slots.ELSEWHERE:
            held[0].close()

    study_slots.work_off([mine], slots=1, retries=0, show=show)
    assert study_slots.ELSEWHERE in seen and mine.state == study_slots.FINISHED and mine.tries == 1


ASKING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


@pytest.fixture
def _in_the_foreground():
    """Signals as a terminal has them: in the background a shell has Ctrl-C ignored, and nohup the terminal's end."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_in_the_foreground")
@pytest.mark.parametrize("first", ASKING)
def test_all_are_asked_to_stop_before_one_is_waited_for(tmp_path: Path, monkeypatch, first: signal.Signals):
    code = (
        "import signal\n"
        "def asked(*_):\n"
        "    log('asked')\n"
        "    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): os.kill(os.getppid(), number)\n"  # impatient
        "    log('saved')\n"
        "    sys.exit(143)\n"
        "signal.signal(signal.SIGTERM, asked)\n"
        "log('ready')\n"
        "while True: signal.pause()"
    )
    jobs = [job(tmp_path, name, code) for name in ("one", "two", "three")]
    before, done = [signal.getsignal(number) for number in ASKING], []
    for what in ("ask_to_stop", "wait"):
        doing = getattr(study_slots.Job, what)
        noting = lambda job, what=what, doing=doing: (done.append(what), doing(job))  # noqa: E731
        monkeypatch.setattr(study_slots.Job, what, noting)

    def show() -> None:
        if (tmp_path / "events").exists() and sum(event.endswith("ready") for event in events(tmp_path)) == 2:
            os.kill(os.getpid(), first)

    with pytest.raises(study_slots.Stopped) as stopped:
        study_slots.work_off(jobs, slots=2, retries=0, show=show)
    assert stopped.value.args == (first,)
    assert done == ["ask_to_stop"] * 3 + ["wait"] * 3
    words = [event.split()[1] for event in events(tmp_path)]
    assert sorted(words[-4:]) == ["asked", "asked", "saved", "saved"] and [one.tries for one in jobs] == [1, 1, 0]
    assert before == [signal.getsignal(number) for number in ASKING]
