"""A saved agent, from its run directory to what can act, after the check that a configuration names nothing else."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import run_directory
import trust
from configuration import Configuration
from exits import UserError

import crl

if TYPE_CHECKING:  # imported late: it brings JAX, whose settings must be made first
    import evaluation


class Saved(NamedTuple):
    """What a run was made of.

    Attributes:
        trainer: the task, the algorithm and the sizes of a training step.
        networks: as they were at the step asked for.
        seed: of the run.
    """

    trainer: "crl.Trainer"
    networks: Any
    seed: int


def read(directory: Path, trusted: bool) -> Configuration:
    """The stored configuration of a run, checked; nothing of it is built.

    Args:
        directory: of the run.
        trusted: leaves out the check that it names only what a run is made of.

    Raises:
        UserError: it is no run, its configuration names other things, or a file of it is damaged.
    """
    if not directory.is_dir():
        raise UserError(f"--run_dir {directory} does not exist.")
    stored = run_directory.stored(directory)
    if stored is None:
        raise UserError(f"--run_dir {directory} holds no {run_directory.CONFIG}, so it is no run.")
    trust.check(stored, trusted)
    stored.check()
    run_directory.meta(directory)  # a report reads it: damaged, it is found here
    return stored


def step(directory: Path, asked: int | None) -> int:
    """The snapshot to use: the one asked for, or the newest.

    A damaged newest snapshot is an error and not a reason to use an older one.

    Raises:
        UserError: there is none, or not the one asked for.
    """
    steps = crl.snapshot_steps(directory)
    if not steps:
        raise UserError(f"{directory} holds no agent yet: training leaves one at every evaluation.")
    if asked is not None and asked not in steps:
        raise UserError(f"--step {asked} does not exist in {directory}; there are {', '.join(map(str, steps))}.")
    return steps[-1] if asked is None else asked


def load(configuration: Configuration, directory: Path, step: int) -> Saved:
    """Builds what the configuration names and reads the agent of a step.

    Raises:
        UserError: the configuration cannot be built, or the snapshot is damaged or of another run.
    """
    import composition
    import equinox as eqx
    import jax

    composition.load(configuration)
    trainer = composition.build(configuration, "crl.train.trainer")
    seed = configuration.value("crl.train.seed", 0)
    if not isinstance(trainer, crl.Trainer) or type(seed) is not int or not 0 <= seed < 2**31:
        raise UserError(f"{directory / run_directory.CONFIG} binds `crl.train.trainer` or `seed` to something else.")
    with composition.building(configuration):
        like = eqx.filter_eval_shape(trainer.algorithm.build, trainer.env, jax.random.key(0))
        _, networks = crl.load_networks(directory, like, step)
    return Saved(trainer, networks, seed)


def evaluator(configuration: Configuration, env: Any, episodes: int | None = None) -> "evaluation.Evaluator":
    """The evaluator of a loaded configuration, or one of the training environment where it has none.

    Args:
        configuration: loaded.
        env: the training environment.
        episodes: how many; by default as in the configuration, or 128.
    """
    import composition

    import evaluation

    with composition.building(configuration):
        if "crl.train.evaluate" in map(str, configuration.bindings):
            bound = composition.build(configuration, "crl.train.evaluate")
            if isinstance(bound, evaluation.Evaluator):
                if episodes is None or episodes == bound.size:
                    return bound
                env = bound.env
        return evaluation.Evaluator(env, 128 if episodes is None else episodes)
