"""Tests an agent that a run saved: a table, a file of numbers, and with --film a film and a report; or all of a study.

python tools/evaluate.py --run_dir runs/quickstart/seed0
python tools/evaluate.py --run_dir runs/quickstart/seed0 --step 100000 --episodes 512 --film --out results/x
python tools/evaluate.py --run_dir runs/quickstart/seed0 --policy uniform
python tools/evaluate.py --study runs/depth_laptop --episodes 512

In the directory of the run, evaluation.json is of the newest agent without noise, on as many episodes as the run's
configuration says; report.html shows it. Whatever else is tested there goes into a file whose name says what it is,
such as evaluation_step100000_512episodes.json, and --film into such a film.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import devices
import exits
import run_directory
import saved_agent
from absl import flags
from configuration import Configuration
from console import say
from exits import UserError

FLAGS = flags.FlagValues()
flags.DEFINE_string("run_dir", None, "The run.", flag_values=FLAGS)
flags.DEFINE_string("study", None, "In place of --run_dir: all finished runs of a study.", flag_values=FLAGS)
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
flags.DEFINE_boolean("film", False, "Also a film, and a report that shows both.", flag_values=FLAGS)
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
    if FLAGS.study is not None:
        return _study([*argv])
    if FLAGS.run_dir is None:
        raise UserError("--run_dir is missing: which run? Or --study: which study?")
    if FLAGS.film and FLAGS.policy != "deterministic":
        raise UserError(f"--film shows the deterministic policy, not --policy {FLAGS.policy}.")
    directory = run_directory.given(FLAGS.run_dir)
    out = _out(directory)
    devices.prepare(FLAGS.device)
    configuration = saved_agent.read(directory, FLAGS.trust_config)
    step = saved_agent.step(directory, FLAGS.step)
    return _evaluate(configuration, directory, step, out, [*argv])


def _out(directory: Path) -> Path | None:
    """Where the results go, if not into the directory of the run."""
    if not FLAGS.out:
        return None
    out = run_directory.given(FLAGS.out)
    if out.resolve() == directory.resolve():
        return None
    if (out / "checkpoints").exists():
        raise UserError(f"--out {out} is the directory of another run; results of this one would replace its own.")
    return out


def _evaluate(configuration: Configuration, directory: Path, step: int, out: Path | None, argv: list[str]) -> int:
    import pages
    import provenance
    import results

    found = devices.check(FLAGS.device)
    trainer, networks, seed = saved_agent.load(configuration, directory, step)
    usual = saved_agent.evaluator(configuration, trainer.env)
    evaluator = saved_agent.evaluator(configuration, trainer.env, FLAGS.episodes)
    origin = {"directory": str(directory), "command": provenance.command(argv), "devices": found}
    updates = run_directory.by_updates(configuration)
    origin["learned"] = results.learned(directory, step, updates)
    test = results.Test(evaluator, trainer.algorithm, networks, seed, step, origin, FLAGS.policy, updates)
    other = step if out is None and step != saved_agent.step(directory, None) else None
    episodes = evaluator.size if out is None and evaluator.size != usual.size else None
    numbers = results.file_name(results.EVALUATION, FLAGS.policy, other, episodes)
    film = results.file_name(results.FILM, step=other)
    place = directory if out is None else out
    say(results.table(test.numbers(place, numbers)))
    say(f"\n{place / numbers}")
    if FLAGS.film:
        test.film(place, film)
        say(place / film)
    # The page shows the usual files alone: it is made anew where one of them is.
    made = numbers == results.EVALUATION or (FLAGS.film and film == results.FILM)
    if made and (FLAGS.film or (out is None and (directory / run_directory.REPORT).exists())):
        say(pages.write_report(directory, out))
    return exits.SUCCESS


def _study(argv: list[str]) -> int:
    for name in ("run_dir", "step", "out", "film"):
        if FLAGS[name].value:
            raise UserError(f"--{name} does not go with --study, which tests the newest agents where they are.")
    if FLAGS.policy != "deterministic":
        raise UserError(f"--study tests the deterministic policy, not --policy {FLAGS.policy}.")
    study = run_directory.given(FLAGS.study)
    devices.prepare(FLAGS.device)
    import pages
    import provenance
    import study_tested

    found = study_tested.read(study)
    origin = {"command": provenance.command(argv), "devices": devices.check(FLAGS.device)}
    say(study_tested.test(study, found, FLAGS.episodes, origin, FLAGS.trust_config))
    say(f"\n{study / pages.TESTED}\n{pages.write_study_page(study)}")
    return exits.SUCCESS


if __name__ == "__main__":
    sys.exit(exits.guard(main, sys.argv))
