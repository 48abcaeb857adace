"""Trains an agent as gin files say, and goes on where a run was stopped when the same command is given again.

python tools/launch.py --gin configs/quickstart.gin
python tools/launch.py --gin configs/humanoid_1024.gin --set 'crl.train.seed = 3' --run_dir runs/h1024
python tools/launch.py --gin configs/humanoid_1024.gin --dry_run
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import devices
import exits
import reading
import run_directory
import trust
from absl import flags
from configuration import Configuration
from exits import UserError

if TYPE_CHECKING:  # imported late: it brings JAX, whose settings must be made first
    from experiment import Experiment

FLAGS = flags.FlagValues()
flags.DEFINE_multi_string("gin", [], "A gin file; may be given several times, the later wins.", flag_values=FLAGS)
flags.DEFINE_multi_string(
    "set",
    [],
    "A binding over those of the files, as 'crl.train.seed = 3'; may be given several times.",
    flag_values=FLAGS,
)
flags.DEFINE_string("run_dir", None, "Where the run goes; by default runs/<gin file>/seed<N>.", flag_values=FLAGS)
flags.DEFINE_boolean("dry_run", False, "Only say what would run and what it would take.", flag_values=FLAGS)
flags.DEFINE_enum("device", "auto", devices.KINDS, "What to train on.", flag_values=FLAGS)
flags.DEFINE_boolean(
    "trust_config",
    False,
    "Run a configuration taken from a run directory without a check: it can then do whatever you can do.",
    flag_values=FLAGS,
)
flags.DEFINE_boolean("help", False, "Show this.", flag_values=FLAGS)


def main(argv: Sequence[str]) -> int:
    """Runs the tool; returns its exit status."""
    FLAGS.unparse_flags()
    exits.parse_flags(argv, FLAGS, __doc__ or "")
    files, trusted = FLAGS.gin, FLAGS.trust_config
    if not files:
        raise UserError("--gin is missing: which configuration? For a first run: --gin configs/quickstart.gin.")
    devices.prepare(FLAGS.device)
    configuration = reading.read(files, FLAGS.set)
    if not trusted and any(run_directory.holds(Path(file)) for file in (*files, *configuration.files)):
        trust.check(configuration)
    configuration.check()
    name = Path(files[0]).stem
    seed = configuration.value("crl.train.seed", 0)
    directory = run_directory.given(FLAGS.run_dir) if FLAGS.run_dir else run_directory.default(name, seed)
    run_directory.refuse_other(directory, configuration, trusted)
    if FLAGS.dry_run:
        return _dry_run(configuration, directory)
    if run_directory.finished(directory, configuration.value("crl.train.env_steps")):
        print(f"This run is finished: {directory / run_directory.REPORT}")
        return exits.SUCCESS
    return _train(configuration, directory, name, [*argv])


def _dry_run(configuration: Configuration, directory: Path) -> int:
    from experiment import Experiment

    experiment = Experiment(configuration, FLAGS.device)
    rows = experiment.plan.rows()
    width = max(len(what) for what, _ in rows)
    print(f"{type(experiment.trainer.env).__name__} on {experiment.devices[0]}, into {directory}")
    for what, how_much in rows:
        print(f"  {what:<{width}}  {how_much:>16}")
    experiment.refuse_if_too_large(directory)
    return exits.SUCCESS


def _train(configuration: Configuration, directory: Path, name: str, argv: list[str]) -> int:
    import results  # noqa: F401  # now: the sources may have changed when the run is over
    from experiment import Experiment, Record

    import crl

    experiment = Experiment(configuration, FLAGS.device)
    experiment.refuse_if_too_large(directory)
    run_directory.refuse_other_engine(directory, experiment.trainer.env.engine.name)
    made = not directory.exists()
    with run_directory.alone(directory):
        record = Record(experiment, directory, name, argv)
        arguments = experiment.arguments
        arguments["trackers"] = (*arguments["trackers"], record)
        new = not (directory / run_directory.CONFIG).exists()
        if new:
            record.write()
        run = crl.Run(directory)
        try:
            state = crl.train(experiment.trainer, **arguments, run=run)
        except crl.Interrupted as e:
            print(e, file=sys.stderr)
            return 128 + e.signal
        except crl.NonFinite as e:
            print(f"error: {e}", file=sys.stderr)
            return exits.FAILURE
        except ValueError as e:
            if record.started and not isinstance(e, crl.CheckpointError):
                raise
            if new and not record.started:
                run.close()
                run_directory.withdraw(directory, made)  # a run that could not start leaves nothing
            raise UserError(exits.sentence(e)) from e
        finally:
            run.close()
        _report(experiment, state.agent, int(state.env_steps), directory, record.meta)
    return exits.SUCCESS


def _report(experiment: "Experiment", agent: Any, step: int, directory: Path, meta: dict[str, Any]) -> None:
    """Tests the agent once more, with intervals, and draws what a person looks at when a run is over."""
    import results

    import evaluation

    origin = {"directory": str(directory), "command": meta["command"], "devices": experiment.devices}
    algorithm, seed = experiment.trainer.algorithm, experiment.arguments["seed"]
    test = results.Test(experiment.evaluator, algorithm, agent, seed, step, origin)
    print(results.table(test.numbers(directory)))
    evaluation.curve(directory / "metrics.jsonl", directory / results.CURVE, title=meta["name"])
    test.film(directory)
    print(f"\nDone: {evaluation.report(directory)}")


if __name__ == "__main__":
    sys.exit(exits.guard(main, sys.argv))
