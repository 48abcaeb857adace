"""The tasks of configs/env: each file there is one."""

from pathlib import Path

import composition
from configuration import Configuration, did_you_mean
from exits import UserError
from reading import ROOT, read
from statements import Binding

import envs

FOLDER = ROOT / "configs" / "env"
TRAIN, TEST = "crl.Trainer.env", "evaluation.Evaluator.env"


def names() -> list[str]:
    """All of them, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.gin"))


def file(name: str) -> Path:
    """The file of a task; `UserError` where there is none."""
    if name not in names():
        raise UserError(f"There is no task {name!r} in configs/env{did_you_mean(name, names())}")
    return FOLDER / f"{name}.gin"


def build(configuration: Configuration, which: str = TRAIN) -> envs.AbstractEnv:
    """The environment that a configuration trains or tests in; nothing else of it is built.

    Raises:
        UserError: nothing is bound there, or a constructor refuses its values.
    """
    composition.load(configuration)
    env = composition.build(configuration, which)
    if not isinstance(env, envs.AbstractEnv):
        raise UserError(f"`{which}` must be an environment (in gin: @envs.PointMaze()); got {env!r}.")
    return env


def on(configuration: Configuration, engine: str) -> Configuration:
    """The configuration with another physics engine."""
    for key, binding in configuration.bindings.items():
        if key.argument == "engine" and key.selector.startswith("envs."):
            configuration.bindings[key] = Binding(*key, engine, binding.where)
    return configuration


def task(name: str, engine: str = "auto", which: str = TRAIN) -> envs.AbstractEnv:
    """The environment of a task, in an engine."""
    return build(on(read([file(name)]), engine), which)
