"""Copies what a finished run showed into results/: small files that say what was measured and by which command.

python tools/evaluate.py --run_dir runs/ant_u_maze/seed0 --policy uniform
python tools/publish.py --run_dir runs/ant_u_maze/seed0 --out results/ant_u_maze
python tools/publish.py --study runs/depth_laptop --out results/depth_laptop

The first of them is what the curve is compared with; without it, only the rise of the curve is told.
"""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import exits
import run_directory
from absl import flags
from exits import UserError

_COPIED = ("evaluation.json", "curve.png", "config.gin")
_STUDY, _LOOKED = ("study.json", "figure.png", "report.html"), ("tested.json", "inside.json")
_UNIFORM = "evaluation_uniform.json"
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
    if FLAGS.study is not None:
        _require(source, "study with a finished run", _STUDY)
        _copy(source, out, _STUDY, _LOOKED)
        shutil.copytree(source / "cells", out / "cells", dirs_exist_ok=True)
        print(out)
        return exits.SUCCESS
    return _run(source, out)


def _require(source: Path, what: str, names: Sequence[str]) -> None:
    missing = [name for name in names if not (source / name).is_file()]
    if missing:
        raise UserError(f"{source} is no {what}: it lacks {', '.join(missing)}.")


def _copy(source: Path, out: Path, names: Sequence[str], optional: Sequence[str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name in (*names, *(name for name in optional if (source / name).is_file())):
        shutil.copyfile(source / name, out / name)


def _run(run_dir: Path, out: Path) -> int:
    _require(run_dir, "finished run", (*_COPIED, "metrics.jsonl", "meta.json"))
    summary = _summary(run_dir)
    _copy(run_dir, out, _COPIED, (_UNIFORM,))
    run_directory.write_json(out / "summary.json", summary)
    shown = {name: value for name, value in summary.items() if name not in ("run", "curve")}
    print(json.dumps(shown, indent=2), out, sep="\n")
    return exits.SUCCESS


def _summary(run_dir: Path) -> dict[str, Any]:
    import crl
    import evaluation

    meta = json.loads((run_dir / "meta.json").read_text())
    lines = [line for line in crl.read_metrics(run_dir / "metrics.jsonl") if "eval/time_at_goal" in line]
    if len(lines) < 2:
        raise UserError(f"--run_dir {run_dir} holds {len(lines)} evaluations; a curve takes 2 at least.")
    tested = json.loads((run_dir / "evaluation.json").read_text())["run"]["step"]
    if tested != lines[-1]["env_steps"]:
        raise UserError(
            f"{run_dir / 'evaluation.json'} is of step {tested}, the run ended at {lines[-1]['env_steps']}: "
            "test the last agent first, with tools/evaluate.py."
        )
    kept = ("env_steps", "updates", "seconds")
    curve = [{name: line[name] for name in line if name in kept or name.startswith("eval/")} for line in lines]
    times = [float(line["eval/time_at_goal"]) for line in lines]
    ends = min(_ENDS, len(times) // 2)  # no evaluation is at both ends
    rise = evaluation.difference(times[-ends:], times[:ends])
    last = sum(times[-ends:]) / ends
    return {
        "run": meta,
        "last": {"what": f"eval/time_at_goal, mean of the last {ends} evaluations", "mean": last},
        **_against_uniform(run_dir, last),
        "rise": {
            "what": f"eval/time_at_goal, mean of this run's last {ends} evaluations minus that of its first {ends}",
            "mean": rise.value,
            "ci_low": rise.low,
            "ci_high": rise.high,
        },
        "curve": curve,
    }


def _against_uniform(run_dir: Path, last: float) -> dict[str, Any]:
    if not (run_dir / _UNIFORM).is_file():
        return {}
    uniform = json.loads((run_dir / _UNIFORM).read_text())["eval/time_at_goal"]
    times = last / uniform["mean"] if uniform["mean"] else None  # no number where uniform actions never get there
    return {"uniform": {"what": "eval/time_at_goal of uniform actions", **uniform, "last_over_uniform": times}}


if __name__ == "__main__":
    sys.exit(exits.guard(main, sys.argv))
