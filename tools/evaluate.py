"""Tests an agent that a run saved: a table, evaluation.json, and with --film a film and a report.

python tools/evaluate.py --run_dir runs/quickstart/seed0
python tools/evaluate.py --run_dir runs/quickstart/seed0 --step 100000 --episodes 512 --film --out results/x
python tools/evaluate.py --run_dir runs/quickstart/seed0 --policy uniform
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import devices
import exits
import run_directory
import trust
from absl import flags
from configuration import Configuration
from exits import UserError

FLAGS = flags.FlagValues()
flags.DEFINE_string("run_dir", None, "The run.", flag_values=FLAGS)
flags.DEFINE_integer("step", None, "Env steps of the snapshot; by default the newest.", flag_values=FLAGS)
flags.DEFINE_integer("episodes", None, "How many; by default as in training, 128.", flag_values=FLAGS)
flags.DEFINE_string("out", None, "Where the results go; by default the run directory.", flag_values=FLAGS)
flags.DEFINE_enum(
    "policy",
    "deterministic",
    ("deterministic", "stochastic", "uniform"),
    "Who acts: the agent without noise, the agent as it explored, or uniform actions (a baseline).",
    flag_values=FLAGS,
)
flags.DEFINE_boolean("film", False, "Also a film and a report.", flag_values=FLAGS)
flags.DEFINE_enum("device", "auto", devices.KINDS, "What to act on.", flag_values=FLAGS)
flags.DEFINE_boolean(
    "trust_config",
    False,
    "Build what the stored configuration names without a check: it can then do whatever you can do.",
    flag_values=FLAGS,
)
flags.DEFINE_boolean("help", False, "Show this.", flag_values=FLAGS)


def main(argv: Sequence[str]) -> int:
    """Runs the tool; returns its exit status."""
    FLAGS.unparse_flags()
    exits.parse_flags(argv, FLAGS, __doc__ or "")
    if FLAGS.run_dir is None:
        raise UserError("--run_dir is missing: which run?")
    if FLAGS.film and FLAGS.policy != "deterministic":
        raise UserError(f"--film shows the deterministic policy, not --policy {FLAGS.policy}.")
    directory = run_directory.given(FLAGS.run_dir)
    out = run_directory.given(FLAGS.out) if FLAGS.out else directory
    devices.prepare(FLAGS.device)
    configuration = _stored(directory)
    if not FLAGS.trust_config:
        trust.check(configuration)
    configuration.check()
    run_directory.meta(directory)  # the report reads it: damaged, it is found here
    step = _step(directory, FLAGS.step)
    return _evaluate(configuration, directory, step, out, [*argv])


def _evaluate(configuration: Configuration, directory: Path, step: int, out: Path, argv: list[str]) -> int:
    import composition
    import equinox as eqx
    import jax
    import provenance
    import results

    import crl
    import evaluation

    found = devices.check(FLAGS.device)
    composition.load(configuration)
    trainer = composition.build(configuration, "crl.train.trainer")
    seed = configuration.value("crl.train.seed", 0)
    if not isinstance(trainer, crl.Trainer) or not isinstance(seed, int):
        raise UserError(f"{directory / run_directory.CONFIG} binds `crl.train.trainer` or `seed` to something else.")
    with composition.building(configuration):
        like = eqx.filter_eval_shape(trainer.algorithm.init, trainer.env, jax.random.key(0))
        _, agent = crl.load_agent(directory, like, step)
        evaluator = _evaluator(configuration, trainer.env, FLAGS.episodes)
    origin = {"directory": str(directory), "command": provenance.command(argv), "devices": found}
    test = results.Test(evaluator, trainer.algorithm, agent, seed, step, origin, FLAGS.policy)
    print(results.table(test.numbers(out)))
    print(f"\n{out / results.evaluation_file(FLAGS.policy)}")
    if FLAGS.film:
        test.film(out)
        print(out / results.FILM)
        print(evaluation.report(directory, out))
    return exits.SUCCESS


def _stored(directory: Path) -> Configuration:
    if not directory.is_dir():
        raise UserError(f"--run_dir {directory} does not exist.")
    configuration = run_directory.stored(directory)
    if configuration is None:
        raise UserError(f"--run_dir {directory} holds no {run_directory.CONFIG}, so it is no run.")
    return configuration


def _step(directory: Path, asked: int | None) -> int:
    """The snapshot to evaluate: the one asked for, or the newest.

    A damaged newest snapshot is an error and not a reason to evaluate an older one.
    """
    folder = directory / "checkpoints" / "agents"
    steps = sorted(int(path.name) for path in folder.glob("*") if path.name.isdecimal())
    if not steps:
        raise UserError(f"{directory} holds no agent yet: training leaves one at every evaluation.")
    if asked is not None and asked not in steps:
        raise UserError(f"--step {asked} does not exist in {directory}; there are {', '.join(map(str, steps))}.")
    return steps[-1] if asked is None else asked


def _evaluator(configuration: Configuration, env: Any, episodes: int | None) -> Any:
    """The evaluator of the configuration, or one of the training environment where it has none."""
    import composition

    import evaluation

    if "crl.train.evaluate" in map(str, configuration.bindings):
        evaluator = composition.build(configuration, "crl.train.evaluate")
        if isinstance(evaluator, evaluation.Evaluator):
            if episodes is None or episodes == evaluator.size:
                return evaluator
            env = evaluator.env
    return evaluation.Evaluator(env, 128 if episodes is None else episodes)


if __name__ == "__main__":
    sys.exit(exits.guard(main, sys.argv))
