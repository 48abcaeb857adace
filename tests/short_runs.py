"""Runs of a few updates of the smallest networks: for tests of the host-side training loop."""

from pathlib import Path

import pytest
import trainers
from blank_env import BlankEnv

import crl
import nets
from crl.algorithms.contrastive import ContrastiveRL

SIZES = {
    "num_envs": 4,
    "unroll": 10,
    "prefill_per_env": 10,
    "capacity_per_env": 50,
    "updates_per_collect": 2,
    "batch_size": 8,
}


def trainer(algorithm: crl.AbstractAlgorithm | None = None, **sizes) -> crl.Trainer:
    """40 environment steps and 2 updates in a collect, beginning with the first."""
    algorithm = algorithm or ContrastiveRL(nets.Dense, nets.Dense, embedding=4)
    return trainers.trainer(BlankEnv(obs=3, goal=2, action_size=1), algorithm, **(SIZES | sizes))


def train(directory: Path, env_steps=80, eval_every=40, **options) -> list[dict[str, int | float]]:
    """Trains alone into a directory; its records."""
    with crl.Run(directory) as run:
        crl.train(trainer(), env_steps, eval_every, run=run, **options)
    return crl.read_metrics(run.metrics_file)


def refusal(directory: Path, **options) -> str:
    """What `train` says of arguments that it refuses."""
    with crl.Run(directory) as run, pytest.raises(ValueError) as refused:
        crl.train(trainer(), **({"env_steps": 80, "eval_every": 40} | options), run=run)
    return str(refused.value)
