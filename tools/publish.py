"""Copies what a finished run showed into results/: small files that say what was measured and by which command.

python tools/evaluate.py --run_dir runs/ant_u_maze/seed0 --policy uniform
python tools/publish.py --run_dir runs/ant_u_maze/seed0 --out results/ant_u_maze
python tools/publish.py --study runs/depth_laptop --out results/depth_laptop

The first of them is what the curve is compared with; without it, only the rise of the curve is told.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import exits
import pages
import run_directory
from absl import flags
from console import say
from exits import UserError

import crl
import evaluation

_COPIED = ("evaluation.json", "curve.png", "config.gin")
_STUDY, _LOOKED = ("study.json", "figure.png", "report.html"), ("tested.json", "inside.json")
_UNIFORM = "evaluation_uniform.json"
_TIME = "eval/time_at_goal"
_LARGEST = 256 << 20  # bytes of a page with its films
_ENDS = 5  # evaluations at each end of the curve that are compared

FLAGS = flags.FlagValues()
flags.DEFINE_string("run_dir", None, "The run; it must be finished.", flag_values=FLAGS)
flags.DEFINE_string("study", None, "In place of --run_dir: a study.", flag_values=FLAGS)
flags.DEFINE_string("out", None, "Where the results go, such as results/ant_u_maze.", flag_values=FLAGS)
flags.DEFINE_boolean("help", False, "Show this.", flag_values=FLAGS)


def main(argv: Sequence[str]) -> int:
    """Runs the tool; returns its exit status."""
    FLAGS.unparse_flags()
    exits.parse_flags(argv, FLAGS, __doc__ or "")
    given = [name for name in ("run_dir", "study") if FLAGS[name].value is not None]
    if len(given) != 1 or FLAGS.out is None:
        raise UserError("--run_dir or --study, and --out must be given: which results, and where do they go?")
    source, out = run_directory.given(str(FLAGS[given[0]].value)), run_directory.given(FLAGS.out)
    return _run(source, out) if FLAGS.study is None else _study(source, out)


def _study(source: Path, out: Path) -> int:
    folder = crl.Folder(source)
    _require(folder, "study with a finished run", _STUDY)
    pages.read_study(source)
    pages.checked(folder, pages.TESTED, evaluation.StudyTested.from_json)
    pages.checked(folder, pages.INSIDE, evaluation.StudyInside.from_json)
    contents = {name: folder.read(name, _LARGEST) for name in (*_STUDY, *_LOOKED) if folder.has(name)}
    cells = folder.folder("cells")
    configurations = {name: cells.text(name) for name in cells.names() if crl.is_plain(name) and name.endswith(".gin")}
    out.mkdir(parents=True, exist_ok=True)
    _write(crl.Folder(out).folder("cells", make=True), configurations)
    _write(crl.Folder(out), contents)
    say(out)
    return exits.SUCCESS


def _require(folder: crl.Folder, what: str, names: Sequence[str]) -> None:
    missing = [name for name in names if not folder.has(name)]
    if missing:
        raise UserError(f"{folder.path} is no {what}: it lacks {', '.join(missing)}.")


def _write(out: crl.Folder, contents: Mapping[str, str | bytes]) -> None:
    for name, content in contents.items():
        out.write(name, content)


def _run(run_dir: Path, out: Path) -> int:
    folder = crl.Folder(run_dir)
    _require(folder, "finished run", (*_COPIED, run_directory.METRICS, "meta.json"))
    summary = _summary(folder)
    contents = {name: folder.read(name) for name in (*_COPIED, _UNIFORM) if folder.has(name)}
    out.mkdir(parents=True, exist_ok=True)
    _write(crl.Folder(out), contents | {"summary.json": crl.to_json(summary, indent=2) + "\n"})
    shown = {name: value for name, value in summary.items() if name not in ("run", "curve")}
    say(json.dumps(shown, indent=2), out, sep="\n")
    return exits.SUCCESS


def _summary(folder: crl.Folder) -> dict[str, Any]:
    pages.checked(folder, run_directory.META, evaluation.Metadata.from_json)
    records = [record for record in crl.read_metrics(folder.path / run_directory.METRICS) if _TIME in record]
    if len(records) < 2:
        raise UserError(f"--run_dir {folder.path} holds {len(records)} evaluations; a curve takes 2 at least.")
    tested = _tested(folder, pages.EVALUATION)
    end = records[-1]["updates" if tested.clock == "updates" else "env_steps"]
    if tested.step != end:
        raise UserError(
            f"{folder.path / pages.EVALUATION} is of step {tested.step}, the run ended at {end}: "
            "test the last agent first, with tools/evaluate.py."
        )
    kept = ("env_steps", "updates", "seconds")
    curve = [{name: record[name] for name in record if name in kept or name.startswith("eval/")} for record in records]
    times = [float(record[_TIME]) for record in records]
    ends = min(_ENDS, len(times) // 2)  # no evaluation is at both ends
    rise = evaluation.difference(times[-ends:], times[:ends])
    last = sum(times[-ends:]) / ends
    return {
        "run": folder.json(run_directory.META),
        "last": {"what": f"{_TIME}, mean of the last {ends} evaluations", "mean": last},
        **_against_uniform(folder, last),
        "rise": {
            "what": f"{_TIME}, mean of this run's last {ends} evaluations minus that of its first {ends}",
            "mean": rise.value,
            "ci_low": rise.low,
            "ci_high": rise.high,
        },
        "curve": curve,
    }


def _against_uniform(folder: crl.Folder, last: float) -> dict[str, Any]:
    if not folder.has(_UNIFORM):
        return {}
    uniform = _tested(folder, _UNIFORM).metrics[_TIME]
    mean = uniform["mean"]
    times = last / mean if mean else None  # no number where uniform actions never get there
    return {"uniform": {"what": f"{_TIME} of uniform actions", **uniform, "last_over_uniform": times}}


def _tested(folder: crl.Folder, name: str) -> evaluation.Evaluation:
    """An evaluation that has what is published of one."""
    found = pages.read_evaluation(folder, name)
    if found is None or found.step is None or _TIME not in found.metrics:
        missing = "run.step" if found is not None and found.step is None else _TIME
        raise UserError(f"{folder.path / name} is damaged: it lacks {missing}.")
    return found


if __name__ == "__main__":
    sys.exit(exits.guard(main, sys.argv))
