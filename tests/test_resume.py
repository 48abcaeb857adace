"""A run that is stopped, killed and continued ends with the same bits as one that never stopped."""

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import tool_runs
from processes import Process, until
from tool_runs import QUICKSTART, settings

# States are saved all the time, so that kills also fall into saves.
SETTINGS = {
    "crl.train.eval_every": 2_000,
    "crl.train.checkpoint_minutes": 0.002,
    "crl.train.call_seconds": 0.05,
    "online.Online.num_envs": 16,
    "online.Online.unroll": 20,
    "online.Online.prefill_per_env": 40,
    "crl.Trainer.updates_per_collect": 20,
    "crl.Trainer.batch_size": 32,
    "online.Online.capacity_per_env": 300,
    "envs.PointMaze.episode_length": 50,  # which makes the film at the end short
    "nets.ResidualMLP.width": 16,
    "evaluation.Evaluator.episodes": 4,
}
WALL_CLOCK = ("seconds", "speed/", "memory/")


ENDLESS = 1_000_000_000  # no run is over before it is stopped or killed, however long that takes


def start(run_dir: Path, env_steps: int, **changes: object) -> Process:
    values = SETTINGS | {"crl.train.env_steps": env_steps}
    values |= {name.replace("__", "."): value for name, value in changes.items()}
    sets = settings(*(f"{name} = {value}" for name, value in values.items()))
    caching = {"JAX_COMPILATION_CACHE_DIR": str(cache(run_dir)), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    return tool_runs.start("launch.py", *QUICKSTART, "--run_dir", str(run_dir), *sets, **caching)


def cache(run_dir: Path) -> Path:
    return run_dir.parent / "compiled"


def finish(run_dir: Path, env_steps: int) -> None:
    ended(start(run_dir, env_steps), 0)


def ended(process: Process, status: int) -> str:
    """Waits for an end with this status; returns what the process said."""
    output = "\n".join(process.communicate())
    assert process.returncode == status, output
    return output


def final_bits(run_dir: Path) -> dict[str, str]:
    """SHA-256 of every array of the newest resume state."""
    newest = max((run_dir / "checkpoints" / "resume").iterdir(), key=lambda path: int(path.name))
    record = json.loads((newest / "record" / "metadata").read_text())
    return {name: leaf["sha256"] for name, leaf in record["arrays"].items()}


def metrics(run_dir: Path) -> list[dict]:
    lines = [json.loads(text) for text in (run_dir / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if not k.startswith(WALL_CLOCK)} for line in lines]


def saving(run_dir: Path) -> bool:
    """Whether a state is being written at this moment, or was when the run was killed."""
    return any((run_dir / "checkpoints" / "resume").glob("*.orbax-checkpoint-tmp*"))


def stop_kill_and_resume(tmp_path: Path, kills: int, seed: int) -> None:
    """Stops a run, kills it `kills` times at moments drawn from `seed`, goes on each time, and compares the end.

    The run is stopped by SIGTERM, and goes on with another end than it was first asked for. The first kill comes when
    it has gone on, the last falls into a save; the others fall anywhere, start-up included.
    """
    print(f"kill seed {seed}")
    rng = random.Random(seed)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    began = time.monotonic()
    process = start(broken, ENDLESS, crl__train__checkpoint_minutes=100)
    until(lambda: len(crl_lines(broken)) >= 2, process)
    ready = time.monotonic() - began
    stopped(process, broken)
    for i in range(kills):
        lines, steps = len(crl_lines(broken)), far(broken)
        process = start(broken, ENDLESS)
        if i in (0, kills - 1):
            until(lambda lines=lines: len(crl_lines(broken)) > lines, process)
        moment = time.monotonic() + rng.uniform(0, ready)
        # Or when it has come so far: what is lost in waiting, the run that never stopped has to do as well.
        until(lambda moment=moment, steps=steps: time.monotonic() > moment or far(broken) > steps + 2_000, process)
        if i == kills - 1:
            until(halting(process, lambda: saving(broken)), process, every=0.001)
        process.kill()
        ended(process, -signal.SIGKILL)
        print(f"kill {i}: {len(crl_lines(broken))} lines, {'in a save' if saving(broken) else 'not in a save'}")
    assert saving(broken)
    end = (far(broken) // 1_000 + 3) * 1_000
    finish(broken, end)
    finish(whole, end)
    assert final_bits(broken) == final_bits(whole)
    assert metrics(broken) == metrics(whole)
    # Every start found the learner compiled: one that had not would have added its program to the cache.
    assert len(list(cache(whole).glob("jit_learn-*-cache"))) == 1


def halting(process: Process, there: Callable[[], bool]) -> Callable[[], bool]:
    """`there`, asked of a process that stands still where the answer is yes, however late that was seen."""

    def answer() -> bool:
        if not there():
            return False
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        if there():
            return True
        process.send_signal(signal.SIGCONT)
        return False

    return answer


def stopped(process: Process, run_dir: Path) -> None:
    """Stops a run by SIGTERM, which saves all that was logged."""
    process.terminate()
    began = time.monotonic()
    output = ended(process, 128 + signal.SIGTERM)
    print(f"SIGTERM to exit: {time.monotonic() - began:.2f} s")
    assert "Traceback" not in output
    assert final_bits(run_dir)
    (state,) = (run_dir / "checkpoints" / "resume").iterdir()
    last = metrics(run_dir)[-1]
    assert int(state.name) >= last["env_steps"] + last["updates"]


def crl_lines(run_dir: Path) -> list[str]:
    file = run_dir / "metrics.jsonl"
    return file.read_text().splitlines() if file.exists() else []


def far(run_dir: Path) -> int:
    """The environment steps of the newest line."""
    lines = crl_lines(run_dir)
    return json.loads(lines[-1])["env_steps"] if lines and lines[-1].endswith("}") else 0


def test_stopped_killed_and_continued(tmp_path: Path):
    stop_kill_and_resume(tmp_path, kills=1, seed=1)


@pytest.mark.proof
def test_stopped_killed_ten_times_and_continued(tmp_path: Path):
    stop_kill_and_resume(tmp_path, kills=10, seed=random.randrange(10**6))
