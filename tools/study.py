"""Trains every cell of a study with every seed, and goes on where it was stopped when the same command is given again.

python tools/study.py --gin configs/study/depth_laptop.gin
python tools/study.py --gin configs/study/depth_laptop.gin --slots 2 --dry_run
python tools/study.py --gin configs/study/depth_laptop.gin --set 'study.grid.seeds = (0, 1)' --out runs/depth2
"""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import devices
import exits
import run_directory
import study_grid
import study_published
import study_slots
from absl import flags
from exits import UserError
from study_table import Table

FLAGS = flags.FlagValues()
flags.DEFINE_multi_string("gin", [], "The study; may be given several times, the later wins.", flag_values=FLAGS)
flags.DEFINE_multi_string("set", [], "A binding over those of the files, for all runs.", flag_values=FLAGS)
flags.DEFINE_string("out", None, "Where the study goes; by default runs/<gin file>.", flag_values=FLAGS)
flags.DEFINE_integer("slots", 2, "How many runs at once; each gets its share of the cores.", flag_values=FLAGS)
flags.DEFINE_integer("retries", 2, "How often a run that died is started again.", flag_values=FLAGS)
flags.DEFINE_boolean("dry_run", False, "Only say which runs there are and how they stand.", flag_values=FLAGS)
flags.DEFINE_enum("device", "auto", devices.KINDS, "What to train on.", flag_values=FLAGS)
flags.DEFINE_boolean("help", False, "Show this.", flag_values=FLAGS)


def main(argv: Sequence[str]) -> int:
    """Runs the tool; returns its exit status."""
    FLAGS.unparse_flags()
    exits.parse_flags(argv, FLAGS, __doc__ or "")
    if not FLAGS.gin:
        raise UserError("--gin is missing: which study? configs/study has some.")
    for name in ("slots", "retries"):
        least = 1 if name == "slots" else 0
        if int(FLAGS[name].value or 0) < least:
            raise UserError(f"--{name} must be an integer >= {least}; got {FLAGS[name].value}.")
    cells, seeds = study_grid.read(FLAGS.gin, FLAGS.set)
    published = study_published.read(FLAGS.gin, FLAGS.set, cells)
    out = run_directory.given(FLAGS.out) if FLAGS.out else Path("runs") / Path(FLAGS.gin[0]).stem
    devices.prepare(FLAGS.device)
    _build(cells)
    jobs = [_job(run, out) for run in study_grid.runs(cells, seeds, out)]
    for job in jobs:
        run_directory.refuse_other(job.run.directory, job.run.cell.configuration.of_seed(job.run.seed), trusted=False)
    if FLAGS.dry_run:
        for job in jobs:
            print(f"{job.state:<9} {job.run.name}")
        return exits.SUCCESS
    with run_directory.alone(out):
        for cell in cells:
            text = cell.configuration.text(f"Cell {cell.name} of a study, written by tools/study.py.")
            (out / "cells").mkdir(exist_ok=True)
            run_directory.write(_configuration(out, cell), text)
        status = _train(jobs)
        _results(jobs, out, published, [*argv])
        return status


def _job(run: study_grid.Run, out: Path) -> study_slots.Job:
    command = study_slots.launch_command(_configuration(out, run.cell), run, FLAGS.device)
    job = study_slots.Job(run, command, out / "logs" / f"{run.cell.name}_{run.directory.name}.log")
    if run_directory.finished(run.directory, run.cell.configuration.value("crl.train.env_steps")):
        job.state = study_slots.FINISHED
    return job


def _configuration(out: Path, cell: study_grid.Cell) -> Path:
    return out / "cells" / f"{cell.name}.gin"


def _build(cells: Sequence[study_grid.Cell]) -> None:
    """Builds what every cell describes, so that a wrong value is found before the first run."""
    import composition
    import equinox as eqx
    import jax
    from experiment import Experiment

    import crl

    Experiment(cells[0].configuration, FLAGS.device)  # with what takes seconds: is every binding used?
    for cell in cells[1:]:
        composition.load(cell.configuration)
        trainer = composition.build_arguments(cell.configuration, crl.train, given=("run",))["trainer"]
        with composition.building(cell.configuration):
            eqx.filter_eval_shape(trainer.agent, jax.random.key(0))


def _train(jobs: Sequence[study_slots.Job]) -> int:
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        with Table(jobs) as table:
            study_slots.work_off(jobs, FLAGS.slots, FLAGS.retries, table.show)
    except _Stopped:
        print("Stopped; every run is saved, and the same command goes on from there.", file=sys.stderr)
        return 128 + signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, before)
    failed = [job for job in jobs if job.state == study_slots.FAILED]
    for job in failed:
        print(f"error: {job.run.name} failed: {job.last_words} ({job.log})", file=sys.stderr)
    return exits.FAILURE if failed else exits.SUCCESS


def _results(jobs: Sequence[study_slots.Job], out: Path, published: dict[str, Any] | None, argv: list[str]) -> None:
    import provenance
    import study_results

    import evaluation

    origin = {
        "command": provenance.command(argv),
        "git_commit": provenance.git_commit(),
        "versions": provenance.versions(),
        "time": provenance.now(),
    }
    found = study_results.collect([job.run for job in jobs], origin) | {"published": published}
    if found["cells"]:
        study_results.write({"name": out.name, "about": study_grid.about(FLAGS.gin[0])} | found, out)
        evaluation.study_figure(found, out / "figure.png", out.name)
        print(f"\n{study_results.table(found)}\n\nDone: {evaluation.study_page(out)}")


class _Stopped(Exception):
    pass


def _stop(*_: Any) -> None:
    raise _Stopped


if __name__ == "__main__":
    sys.exit(exits.guard(main, sys.argv))
