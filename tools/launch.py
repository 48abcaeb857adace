"""Trains an agent as gin files say, and goes on where a run was stopped when the same command is given again.

python tools/launch.py --gin configs/quickstart.gin
python tools/launch.py --gin configs/humanoid_1024.gin --set 'crl.train.seed = 3' --run_dir runs/h1024
python tools/launch.py --gin configs/humanoid_1024.gin --dry_run
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import devices
import exits
import reading
import run_directory
import trust
from absl import flags
from configuration import Configuration
from exits import UserError

_SCHEDULE = ("env_steps", "eval_every", "seed", "checkpoint_minutes", "call_seconds")
FLAGS = flags.FlagValues()
flags.DEFINE_multi_string(
    "gin", [], "A gin file; may be given several times, the later wins.", flag_values=FLAGS
)
flags.DEFINE_multi_string(
    "set",
    [],
    "A binding over those of the files, as 'crl.train.seed = 3'; may be given several times.",
    flag_values=FLAGS,
)
flags.DEFINE_string(
    "run_dir", None, "Where the run goes; by default runs/<gin file>/seed<N>.", flag_values=FLAGS
)
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
        raise UserError(
            "--gin is missing: which configuration? For a first run: --gin configs/quickstart.gin."
        )
    devices.prepare(FLAGS.device)
    configuration = reading.read(files, FLAGS.set)
    configuration.check()
    if not trusted and any(_of_a_run(Path(file)) for file in files):
        trust.check(configuration)
    name = Path(files[0]).stem
    seed = configuration.value("crl.train.seed", 0)
    directory = Path(FLAGS.run_dir or run_directory.default(name, seed))
    run_directory.refuse_other(directory, configuration, trusted)
    if FLAGS.dry_run:
        return _dry_run(configuration, directory)
    if run_directory.finished(directory, configuration.value("crl.train.env_steps")):
        print(f"This run is finished: {directory / run_directory.REPORT}")
        return exits.SUCCESS
    return _train(configuration, directory, name, [*argv])


def _dry_run(configuration: Configuration, directory: Path) -> int:
    run = _Composed(configuration, directory)
    width = max(len(what) for what, _ in run.plan.rows())
    print(f"{type(run.trainer.env).__name__} on {run.devices[0]}, into {directory}")
    for what, how_much in run.plan.rows():
        print(f"  {what:<{width}}  {how_much:>16}")
    return exits.SUCCESS


def _train(configuration: Configuration, directory: Path, name: str, argv: list[str]) -> int:
    run = _Composed(configuration, directory)
    import provenance

    import crl

    env = run.trainer.env
    meta = provenance.meta(name, argv, run.arguments["seed"], env, run.plan.parameters, run.devices)
    with run_directory.alone(directory):
        started = _Started(directory, configuration, run.used, meta)
        run.arguments["trackers"] = (*run.arguments["trackers"], started)
        if not (directory / run_directory.CONFIG).exists():
            started.write()
        log = crl.Run(directory)
        try:
            state = crl.train(run.trainer, **run.arguments, run=log)
        except crl.Interrupted as e:
            print(e, file=sys.stderr)
            return 128 + e.signal
        except crl.NonFinite as e:
            print(f"error: {e}", file=sys.stderr)
            return exits.FAILURE
        except ValueError as e:
            if started.called and not isinstance(e, crl.CheckpointError):
                raise
            raise UserError(exits.sentence(e)) from e
        finally:
            log.close()
        _report(run, state.agent, int(state.env_steps), directory, meta)
    return exits.SUCCESS


def _report(run: "_Composed", agent: Any, step: int, directory: Path, meta: dict[str, Any]) -> None:
    """Tests the agent once more, with intervals, and draws what a person looks at when a run is over."""
    import results

    import evaluation

    evaluator = run.arguments["evaluate"]
    if not isinstance(evaluator, evaluation.Evaluator):
        evaluator = evaluation.Evaluator(run.trainer.env)
    origin = {"directory": str(directory), "command": meta["command"], "devices": run.devices}
    test = results.Test(evaluator, run.trainer.algorithm, agent, run.arguments["seed"], step, origin)
    print(results.table(test.numbers(directory)))
    evaluation.curve(directory / "metrics.jsonl", directory / results.CURVE, title=meta["name"])
    test.film(directory)
    print(f"\nDone: {evaluation.report(directory)}")


class _Composed:
    """Everything of a run that exists before its first step, or a `UserError` that says why it does not."""

    def __init__(self, configuration: Configuration, directory: Path):
        import composition

        import crl
        import evaluation  # noqa: F401  # here, so that an installation without it fails now and not after training
        from crl._train import check_schedule  # what crl.train checks first, before a directory is made

        self.devices = devices.check(FLAGS.device)
        composition.load(configuration)
        self.arguments = composition.build_arguments(configuration, crl.train, given=("run",))
        self.trainer: crl.Trainer = self.arguments.pop("trainer")
        with composition.building(configuration):
            check_schedule(**{name: self.arguments[name] for name in _SCHEDULE})
            self.plan = crl.plan(self.trainer, self.arguments["env_steps"], self.arguments["eval_every"])
            self.plan.refuse_if_too_large(directory)
        self.used = composition.operative(configuration, crl.train)
        composition.refuse_unused(configuration, self.used)


class _Started:
    """Writes down what a run is: before step 1 of a new run, at the first new line of a continued one.

    So a run that refuses to go on (a damaged checkpoint, say) leaves its directory as it was.
    """

    def __init__(
        self, directory: Path, configuration: Configuration, used: Configuration, meta: dict[str, Any]
    ):
        self.directory, self.configuration, self.used, self.meta = directory, configuration, used, meta
        self.called = False

    def __call__(self, line: dict[str, float]) -> None:
        if not self.called:
            self.called = True
            self.write()

    def write(self) -> None:
        """Writes `config.gin`, `operative_config.gin` and, once for a run, `meta.json`."""
        header = (
            f"{self.meta['command']}\nWritten by tools/launch.py: every file, include and --set put together."
        )
        # The configuration first: a directory that holds anything else without it is taken for no run.
        run_directory.write(self.directory / run_directory.CONFIG, self.configuration.text(header))
        run_directory.write(self.directory / run_directory.OPERATIVE, self.used.text("Every value in use."))
        if not (self.directory / run_directory.META).exists():
            run_directory.write_json(self.directory / run_directory.META, self.meta)


def _of_a_run(file: Path) -> bool:
    """Whether a gin file is the stored configuration of a run, which may be somebody else's."""
    return file.name == run_directory.CONFIG and (file.parent / run_directory.META).exists()


if __name__ == "__main__":
    sys.exit(exits.guard(main, sys.argv))
