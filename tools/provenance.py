"""Where a run comes from: everything that is needed to make it again, or to see why it cannot be."""

import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reading import ROOT

import envs

_DISTRIBUTIONS = (
    "bathyal-nets",
    "bathyal-envs",
    "bathyal-crl",
    "bathyal-eval",
    "equinox",
    "gin-config",
    "gymnasium",
    "jax",
    "jaxlib",
    "mujoco",
    "mujoco-mjx",
    "numpy",
    "optax",
    "orbax-checkpoint",
)


def meta(
    name: str,
    argv: list[str],
    seed: int,
    env: envs.AbstractEnv,
    parameters: dict[str, int],
    devices: list[str],
) -> dict[str, Any]:
    """The content of `meta.json`.

    Args:
        name: of the run, from its configuration's file.
        argv: the command.
        seed: of the run.
        env: the training environment.
        parameters: numbers learned, by network.
        devices: as `devices.check` returns them.
    """
    return {
        "name": name,
        "command": command(argv),
        "seed": seed,
        "git_commit": git_commit(),
        "versions": versions(),
        "devices": devices,
        "engine": env.engine.name,
        "started": now(),
        "env": {
            "name": type(env).__name__,
            "obs_size": env.obs_size,
            "goal_size": env.goal_size,
            "action_size": env.action_size,
            "control_step": float(env.control_step),
            "episode_length": env.episode_length,
            "threshold": float(env.threshold),
        },
        "parameters": {**parameters, "all": sum(parameters.values())},
        "solver": solver(env.engine),
    }


def measurement(argv: list[str], devices: list[str]) -> dict[str, Any]:
    """Where a measurement comes from that is no run: command, commit, versions, devices, processor, time."""
    return {
        "command": command(argv),
        "git_commit": git_commit(),
        "versions": versions(),
        "devices": devices,
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "started": now(),
    }


def command(argv: list[str]) -> str:
    """The command line, ready to be typed again."""
    return shlex.join(["python", *argv])


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def git_commit(folder: Path = ROOT) -> str | None:
    """The commit of the sources, `+changes` where tracked files differ; `None` outside a repository."""
    try:
        head = _git(folder, "rev-parse", "HEAD")
        return f"{head}+changes" if _git(folder, "status", "--porcelain", "--untracked-files=no") else head
    except (OSError, subprocess.CalledProcessError):
        return None


def versions() -> dict[str, str]:
    """Python, and every distribution that a result can depend on."""
    found = {"python": platform.python_version()}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found | {"platform": platform.platform(), "executable": Path(sys.executable).name}


def solver(engine: envs.AbstractEngine) -> dict[str, Any]:
    """The physics options that change what a step computes; empty for an engine without a MuJoCo model."""
    model = getattr(engine, "model", None)
    if model is None:
        return {}
    import mujoco

    option = model.opt
    return {
        "solver": mujoco.mjtSolver(option.solver).name,
        "integrator": mujoco.mjtIntegrator(option.integrator).name,
        "iterations": int(option.iterations),
        "ls_iterations": int(option.ls_iterations),
        "timestep": float(option.timestep),
        "cone": mujoco.mjtCone(option.cone).name,
    }


def _git(folder: Path, *arguments: str) -> str:
    run = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    return run.stdout.strip()
