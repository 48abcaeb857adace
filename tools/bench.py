"""Measures speed, each figure beside a limit that is measured in the same process, in turns.

python tools/bench.py physics
python tools/bench.py physics --tasks ant_u_maze,humanoid --engines mjx --rows 64 --out results/physics
python tools/bench.py learner --depths 4,64 --batches 512 --widths 256

physics: control steps per second of every task in configs/env, observations and resets included; the native engine
beside a plain loop of MuJoCo's own batch, MJX's mazes beside the same without contact caps.

learner: the residual blocks forward and backward, and a whole update of contrastive RL, beside the same matrix products
in BLAS, in XLA, and as a chain of them under `scan` without norms and activations.
"""

import functools
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import devices
import exits
import run_directory
from absl import flags
from exits import UserError

COMMANDS = ("physics", "learner")
SUMMARY = "summary.json"

FLAGS = flags.FlagValues()
flags.DEFINE_list("tasks", [], "physics: names of files in configs/env; by default all.", flag_values=FLAGS)
flags.DEFINE_list("engines", ["native"], "physics: native, mjx.", flag_values=FLAGS)
flags.DEFINE_integer("rows", 512, "physics: environments in a batch; the paper trains with 512.", 1, flag_values=FLAGS)
flags.DEFINE_list("depths", ["4", "64"], "learner: Dense layers in blocks.", flag_values=FLAGS)
flags.DEFINE_list("batches", ["512"], "learner: examples in a batch.", flag_values=FLAGS)
flags.DEFINE_list("widths", ["256"], "learner: features.", flag_values=FLAGS)
flags.DEFINE_string("out", None, "Where summary.json goes; what it holds of other sizes stays.", flag_values=FLAGS)
flags.DEFINE_boolean("help", False, "Show this.", flag_values=FLAGS)


def main(argv: Sequence[str]) -> int:
    """Runs the tool; returns its exit status."""
    FLAGS.unparse_flags()
    exits.parse_flags([argv[0], *argv[2:]], FLAGS, __doc__ or "")
    if argv[1:2] == ["--help"]:
        exits.parse_flags(list(argv[:2]), FLAGS, __doc__ or "")
    if len(argv) < 2 or argv[1] not in COMMANDS:
        raise UserError(f"What is to be measured? There are {', '.join(COMMANDS)}; got {list(argv[1:2])}.")
    out = run_directory.given(FLAGS.out) if FLAGS.out else None
    devices.prepare("auto")
    import provenance

    command = importlib.import_module(f"bench_{argv[1]}")
    measurements = command.measurements(FLAGS)
    summary = _stored(out / SUMMARY) if out else {}
    print(command.HEADER)
    for path, found in measurements:
        print(command.line(path, found), flush=True)
        if out:  # after every figure: a long measurement that is stopped keeps what it has
            run = provenance.measurement(list(argv), devices.check("auto"))
            found["git_commit"] = run["git_commit"]  # a summary may be of several
            functools.reduce(lambda tree, key: tree.setdefault(key, {}), path, summary).update(found)
            summary.setdefault("run", {})[path[-1]] = run
            out.mkdir(parents=True, exist_ok=True)
            run_directory.write_json(out / SUMMARY, summary)
    return exits.SUCCESS


def _stored(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError) as e:
        raise UserError(f"{file} holds no measurements to add to: {e}.") from e


if __name__ == "__main__":
    sys.exit(exits.guard(main, sys.argv))
