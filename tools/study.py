"""Trains every cell of a study with every seed, and goes on where it was stopped when the same command is given again.

python tools/study.py --gin configs/study/depth_laptop.gin
python tools/study.py --gin configs/study/depth_laptop.gin --slots 2 --dry_run
python tools/study.py --gin configs/study/depth_laptop.gin --set 'study.grid.seeds = (0, 1)' --out runs/depth2
"""

import inspect
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import devices
import exits
import made_by
import reading
import remat
import run_directory
import study_grid
import study_published
import study_slots
import trust
from absl import flags
from configuration import Configuration
from console import say
from exits import UserError
from study_table import Table

import crl

_SIZES = ("nets.", "crl.Trainer", "crl.train", "crl.data.")  # what has numbers that change no program but in its sizes

FLAGS = flags.FlagValues()
flags.DEFINE_multi_string("gin", [], "The study; may be given several times, the later wins.", flag_values=FLAGS)
flags.DEFINE_multi_string("set", [], "A binding over those of the files, for all runs.", flag_values=FLAGS)
flags.DEFINE_string("out", None, "Where the study goes; by default runs/<gin file>.", flag_values=FLAGS)
flags.DEFINE_integer("slots", 2, "How many runs at once; each gets its share of the cores.", flag_values=FLAGS)
flags.DEFINE_integer("retries", 2, "How often a run that died is started again.", flag_values=FLAGS)
flags.DEFINE_boolean("dry_run", False, "Only say which runs there are and how they stand.", flag_values=FLAGS)
flags.DEFINE_enum("device", "auto", devices.KINDS, "What to train on.", flag_values=FLAGS)
flags.DEFINE_boolean(
    "trust_config",
    False,
    "Run a study taken from stored results without a check: it can then do whatever you can do.",
    flag_values=FLAGS,
)
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
    cells, seeds = study_grid.read(FLAGS.gin, FLAGS.set, FLAGS.trust_config)
    whole = reading.read(FLAGS.gin, FLAGS.set)
    published, thresholds = study_published.read(whole, cells), study_grid.thresholds(whole)
    out = run_directory.given(FLAGS.out) if FLAGS.out else Path("runs") / Path(FLAGS.gin[0]).stem
    made_by.refuse_other(out, "study")
    devices.prepare(FLAGS.device)
    with _sparing():
        cells = [_resolved(cell, [run_directory.of_seed(out / cell.name, seed) for seed in seeds]) for cell in cells]
        _build(cells)
    jobs = [_job(run, out) for run in study_grid.runs(cells, seeds, out)]
    for run in (job.run for job in jobs):
        crl.Folder(out).place(run.directory.relative_to(out))  # a link there would lead runs elsewhere
        run_directory.refuse_other(
            run.directory, run.cell.configuration.of_seed(run.seed), FLAGS.trust_config, flag="--out"
        )
    if FLAGS.dry_run:
        for job in jobs:
            say(f"{job.state:<9} {job.run.name}")
        return exits.SUCCESS
    with run_directory.alone(out, "--out"):
        for cell in cells:
            text = cell.configuration.text(f"Cell {cell.name} of a study, written by tools/study.py.")
            crl.Folder(out).folder("cells", make=True).write(_configuration(out, cell).name, text)
            trust.remember(cell.configuration, [text])
        status = _train(jobs)
        _results(jobs, out, published, thresholds, [*argv])
        return status


def _job(run: study_grid.Run, out: Path) -> study_slots.Job:
    """A run as the command of its own that a user may give it as well, and how it stands."""
    command = [sys.executable, str(Path(__file__).with_name("launch.py"))]
    command += ["--gin", str(_configuration(out, run.cell)), "--set", f"crl.train.seed = {run.seed}"]
    command += ["--run_dir", str(run.directory), "--device", FLAGS.device]
    if FLAGS.trust_config:
        command.append("--trust_config")
    log = Path("logs") / f"{run.cell.name}_{run.directory.name}.log"
    job = study_slots.Job(run, command, crl.Folder(out).place(log))
    if run_directory.finished(run.directory, run.cell.configuration):
        job.state = study_slots.FINISHED
    else:
        job.look()
    return job


def _configuration(out: Path, cell: study_grid.Cell) -> Path:
    return out / "cells" / f"{cell.name}.gin"


def _resolved(cell: study_grid.Cell, directories: Sequence[Path]) -> study_grid.Cell:
    """A cell with a number for `remat = 'auto'`: that of a run which is there, else one for all its seeds."""
    there = [directory for directory in directories if (directory / run_directory.CONFIG).is_file()]
    return replace(
        cell, configuration=remat.resolved(cell.configuration, [*there, *directories][0], FLAGS.device, FLAGS.slots)
    )


@contextmanager
def _sparing() -> Iterator[None]:
    """JAX that starts meanwhile takes of a GPU what it needs, not three quarters for as long as the study lasts.

    These are for the runs, whose environment is as it was.
    """
    name = "XLA_PYTHON_CLIENT_PREALLOCATE"
    mine = name not in os.environ
    os.environ.setdefault(name, "false")
    try:
        yield
    finally:
        if mine:
            del os.environ[name]


def _build(cells: Sequence[study_grid.Cell]) -> None:
    """Builds what every cell describes, so that a wrong value is found before the first run.

    Every cell's names and values, its networks and its evaluations; and, which takes seconds, that an update can be
    made and nothing is bound in vain, of the first of the cells that differ in mere sizes. Not whether the memory
    suffices: each run looks at what is free when it starts.
    """
    import composition
    import equinox as eqx
    import jax
    from experiment import Experiment

    known = set()
    for cell in cells:
        if (kind := _kind(cell.configuration)) not in known:
            Experiment(cell.configuration, FLAGS.device)
            known.add(kind)
            continue
        composition.load(cell.configuration)
        arguments = composition.build_arguments(cell.configuration, crl.train, given=("run", "config", "callbacks"))
        with composition.building(cell.configuration):
            crl.check_schedule(**{name: arguments[name] for name in inspect.signature(crl.check_schedule).parameters})
            eqx.filter_eval_shape(arguments["trainer"].agent, jax.random.key(0))


def _kind(configuration: Configuration) -> frozenset[tuple[str, str]]:
    """What cells share that differ in numbers of the networks and of training alone."""
    values = {
        str(key): "a number"
        if key.selector.startswith(_SIZES) and type(binding.value) in (int, float)
        else repr(binding.value)
        for key, binding in configuration.bindings.items()
    }
    macros = {f"%{name}": repr(macro.value) for name, macro in configuration.macros.items()}
    return frozenset((values | macros).items())


def _train(jobs: Sequence[study_slots.Job]) -> int:
    try:
        with Table(jobs) as table:
            study_slots.work_off(jobs, FLAGS.slots, FLAGS.retries, table.show)
    except study_slots.Stopped as e:
        say("Stopped; every run is saved, and the same command goes on from there.", error=True)
        return 128 + e.args[0]
    failed = [job for job in jobs if job.state == study_slots.FAILED]
    for job in failed:
        say(f"error: {job.run.name} failed: {job.last_words} ({job.log})", error=True)
    return exits.FAILURE if failed else exits.SUCCESS


def _results(
    jobs: Sequence[study_slots.Job],
    out: Path,
    published: dict[str, Any] | None,
    thresholds: Sequence[float],
    argv: list[str],
) -> None:
    import pages
    import provenance
    import study_results

    import crl
    import evaluation

    origin = {
        "command": provenance.command(argv),
        "git_commit": provenance.git_commit(),
        "versions": provenance.versions(),
        "time": provenance.now(),
    }
    found = study_results.collect([job.run for job in jobs], origin, thresholds) | {"published": published}
    if found["cells"]:
        study_results.write({"name": out.name, "about": study_grid.about(FLAGS.gin[0])} | found, out)
        crl.Folder(out).write("figure.png", evaluation.study_figure(found, out.name))
        say(f"\n{study_results.table(found)}\n\nDone: {pages.write_study_page(out)}")


if __name__ == "__main__":
    sys.exit(exits.guard(main, sys.argv))
