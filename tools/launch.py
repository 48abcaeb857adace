"""Trains an agent as gin files say; the same command given again resumes a run that was stopped.

python tools/launch.py --gin configs/quickstart.gin
python tools/launch.py --gin configs/humanoid_1024.gin --set 'crl.train.seed = 3' --run_dir runs/h1024
python tools/launch.py --gin configs/humanoid_1024.gin --dry_run
python tools/launch.py --gin configs/quickstart.gin --set 'crl.train.seeds = (0, 1, 2, 3)'
"""

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import devices
import exits
import remat
import run_directory
import trust
from absl import flags
from configuration import SEED, SEEDS, Configuration
from console import say
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
flags.DEFINE_string(
    "run_dir",
    None,
    "Where the run goes, and where those of several seeds do, each in seed<N>; by default runs/<gin file>/seed<N>.",
    flag_values=FLAGS,
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
        raise UserError("--gin is missing: which configuration? For a first run: --gin configs/quickstart.gin.")
    devices.prepare(FLAGS.device)
    configuration = trust.read(files, FLAGS.set, trusted)
    configuration.check()
    name = Path(files[0]).stem
    runs = _runs(configuration, name)
    configuration = remat.resolved(configuration, next(iter(runs.values())), FLAGS.device)
    for seed, directory in runs.items():
        run_directory.refuse_other(directory, _alone(configuration, seed), trusted)
    if FLAGS.dry_run:
        return _dry_run(configuration, runs)
    if all(run_directory.finished(path, configuration) for path in runs.values()):
        for directory in runs.values():
            say(f"This run is finished: {directory / run_directory.REPORT}")
        return exits.SUCCESS
    return _train(configuration, runs, name, [*argv])


def _runs(configuration: Configuration, name: str) -> dict[int | None, Path]:
    """The directory of each of several seeds; of a run alone, under `None`."""
    base = run_directory.given(FLAGS.run_dir) if FLAGS.run_dir else run_directory.default(name)
    seed, seeds = configuration.value(SEED, 0), configuration.value(SEEDS)
    if not _is_seed(seed):  # it becomes part of a path before anything is built
        raise UserError(f"`seed` of train must be an integer from 0 to 2^31 - 1; got {seed!r}.")
    if isinstance(seeds, tuple | list) and seeds:
        for one in seeds:
            if not _is_seed(one):
                raise UserError(f"`seeds` of train must be integers from 0 to 2^31 - 1; got {one!r}.")
        return {one: run_directory.of_seed(base, one) for one in seeds}
    return {None: base if FLAGS.run_dir else run_directory.of_seed(base, seed)}


def _is_seed(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**31


def _alone(configuration: Configuration, seed: int | None) -> Configuration:
    return configuration if seed is None else configuration.of_seed(seed)


def _dry_run(configuration: Configuration, runs: dict[int | None, Path]) -> int:
    from experiment import Experiment

    experiment = Experiment(configuration, FLAGS.device)
    rows = experiment.plan.rows()
    width = max(len(what) for what, _ in rows)
    where = " and ".join(map(str, runs.values()))
    say(f"{type(experiment.trainer.env).__name__} on {experiment.devices[0]}, into {where}")
    for what, how_much in rows:
        say(f"  {what:<{width}}  {how_much:>16}")
    experiment.refuse_if_too_large(next(iter(runs.values())))
    return exits.SUCCESS


def _train(configuration: Configuration, runs: dict[int | None, Path], name: str, argv: list[str]) -> int:
    import results  # noqa: F401  # now: the sources may have changed when the run is over
    from experiment import Experiment, Record
    from progress import Display

    import crl

    experiment = Experiment(configuration, FLAGS.device)
    experiment.refuse_if_too_large(next(iter(runs.values())))
    for directory in runs.values():
        run_directory.refuse_other_engine(directory, experiment.trainer.env.engine.name)
    made = {directory: not directory.exists() for directory in runs.values()}
    with contextlib.ExitStack() as stack:
        for directory in runs.values():
            stack.enter_context(run_directory.alone(directory))
        records = {path: Record(experiment, path, seed, name, argv) for seed, path in runs.items()}
        arguments = experiment.arguments
        arguments["trackers"] = (*arguments["trackers"], *records.values())
        new = [directory for directory in runs.values() if not (directory / run_directory.CONFIG).exists()]
        for directory in new:
            records[directory].write()
        opened = [stack.enter_context(contextlib.closing(crl.Run(directory))) for directory in runs.values()]
        try:
            with Display() as display:
                states = crl.train(experiment.trainer, **arguments, run=opened, callbacks=(display,))
        except crl.Interrupted as e:
            say(e, error=True)
            return 128 + e.signal
        except crl.NonFinite as e:
            say(f"error: {e}", error=True)
            return exits.FAILURE
        except ValueError as e:
            started = any(record.started for record in records.values())
            if started and not isinstance(e, crl.CheckpointError):
                raise
            if not started:
                for run in opened:
                    run.close()
                for directory in new:
                    run_directory.withdraw(directory, made[directory])  # a run that could not start leaves nothing
            raise UserError(exits.sentence(e)) from e
        for state, (directory, record) in zip(states, records.items(), strict=True):
            _report(experiment, state, directory, record.meta)
    return exits.SUCCESS


def _report(experiment: "Experiment", state: Any, directory: Path, meta: dict[str, Any]) -> None:
    """Tests the agent once more, with intervals, and draws what a person looks at when a run is over."""
    import pages
    import results

    import crl
    import evaluation

    origin = {"directory": str(directory), "command": meta["command"], "devices": experiment.devices}
    algorithm, step = experiment.trainer.algorithm, experiment.step(state)
    networks = algorithm.networks(state.agent)
    test = results.Test(
        experiment.evaluator, algorithm, networks, meta["seed"], step, origin, updates=experiment.by_updates
    )
    say(results.table(test.numbers(directory)))
    records = crl.read_metrics(directory / run_directory.METRICS)
    crl.Folder(directory).write(pages.CURVE, evaluation.curve(records, meta["name"]))
    test.film(directory)
    say(f"\nDone: {pages.write_report(directory)}")


if __name__ == "__main__":
    sys.exit(exits.guard(main, sys.argv))
