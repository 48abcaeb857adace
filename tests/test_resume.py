"""A run that is stopped, killed and continued ends with the same bits as one that never stopped."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from environment import users_environment

ROOT = Path(__file__).parent.parent
# A few seconds of training: states are saved all the time, so that kills also fall into saves.
SETTINGS = {
    "crl.train.env_steps": 8_000,
    "crl.train.eval_every": 2_000,
    "crl.train.checkpoint_minutes": 0.002,
    "crl.train.call_seconds": 0.05,
    "crl.Trainer.num_envs": 16,
    "crl.Trainer.unroll": 20,
    "crl.Trainer.prefill": 40,
    "crl.Trainer.updates": 20,
    "crl.Trainer.batch_size": 32,
    "crl.Trainer.capacity": 300,
    "envs.PointMaze.episode_length": 50,  # which makes the film at the end short
    "nets.ResidualMLP.width": 16,
    "evaluation.Evaluator.episodes": 4,
}
WALL_CLOCK = ("seconds", "speed/", "memory/")


def command(run_dir: Path, **changes: object) -> list[str]:
    settings = SETTINGS | {name.replace("__", "."): value for name, value in changes.items()}
    sets = [f"--set={name} = {value}" for name, value in settings.items()]
    launch = [sys.executable, str(ROOT / "tools/launch.py"), "--gin", str(ROOT / "configs/quickstart.gin")]
    return [*launch, "--run_dir", str(run_dir), *sets]


def start(run_dir: Path, **changes: object) -> subprocess.Popen:
    environment = users_environment() | {
        "JAX_COMPILATION_CACHE_DIR": str(cache(run_dir)),
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # XLA's take longer than what they would save here
    }
    return subprocess.Popen(
        command(run_dir, **changes),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def cache(run_dir: Path) -> Path:
    return run_dir.parent / "compiled"


def finish(run_dir: Path, **changes: object) -> str:
    process = start(run_dir, **changes)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
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
    it has gone on, the last falls into a save; the others fall anywhere, start-up included. None comes later than at a
    share of the whole, so that no run is over before its kill.
    """
    print(f"kill seed {seed}")
    rng = random.Random(seed)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    began = time.monotonic()
    process = start(broken, crl__train__checkpoint_minutes=100, crl__train__env_steps=100_000_000)
    while len(crl_lines(broken)) < 2:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    ready = time.monotonic() - began
    stopped(process, broken)
    from_here = far(broken)
    steps = SETTINGS["crl.train.env_steps"] * max(1, kills // 2)
    total = {"crl__train__env_steps": (from_here // 1_000 + 1) * 1_000 + steps}
    for i in range(kills):
        lines = len(crl_lines(broken))
        process = start(broken, **total)
        while i == 0 and len(crl_lines(broken)) == lines and process.poll() is None:
            time.sleep(0.01)
        moment = time.monotonic() + rng.uniform(0, ready)
        latest = from_here + steps * (i + 1) / (kills + 2)
        while time.monotonic() < moment and far(broken) < latest and process.poll() is None:
            time.sleep(0.01)
        while i == kills - 1 and not saving(broken) and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        output, _ = process.communicate()
        print(f"kill {i}: {len(crl_lines(broken))} lines, {'in a save' if saving(broken) else 'not in a save'}")
        assert process.returncode == -signal.SIGKILL, f"the run was over before kill {i}: {output}"
    finish(broken, **total)
    finish(whole, **total)
    assert final_bits(broken) == final_bits(whole)
    assert metrics(broken) == metrics(whole)
    # Every start found the learner compiled: one that had not would have added its program to the cache.
    assert len(list(cache(whole).glob("jit_learn-*-cache"))) == 1


def stopped(process: subprocess.Popen, run_dir: Path) -> None:
    """Stops a run by SIGTERM, which saves all that was logged."""
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    output, _ = process.communicate(timeout=60)
    print(f"SIGTERM to exit: {time.monotonic() - began:.2f} s")
    assert process.returncode == 128 + signal.SIGTERM, output
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
@pytest.mark.timeout(3600)
def test_stopped_killed_ten_times_and_continued(tmp_path: Path):
    stop_kill_and_resume(tmp_path, kills=10, seed=random.randrange(10**6))
