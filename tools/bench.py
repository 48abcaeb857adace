"""Measures speed, as ratios within one process, and says beside what.

python tools/bench.py physics
python tools/bench.py physics --tasks ant_u_maze,humanoid --engines native --out results/physics

physics: control steps per second of every task in configs/env, in both engines, observations and resets
included; the native engine beside a plain loop of MuJoCo's own batch, MJX's mazes beside the same without contact caps.
"""

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

ENGINES = ("native", "mjx")
SUMMARY = "summary.json"

FLAGS = flags.FlagValues()
flags.DEFINE_list("tasks", [], "Names of files in configs/env; by default all.", flag_values=FLAGS)
flags.DEFINE_list("engines", list(ENGINES), "native, mjx.", flag_values=FLAGS)
flags.DEFINE_integer(
    "rows", 512, "Environments in a batch; the paper trains with 512.", lower_bound=1, flag_values=FLAGS
)
flags.DEFINE_string("out", None, "Where summary.json goes; what it holds of other tasks stays.", flag_values=FLAGS)
flags.DEFINE_boolean("help", False, "Show this.", flag_values=FLAGS)


def main(argv: Sequence[str]) -> int:
    """Runs the tool; returns its exit status."""
    FLAGS.unparse_flags()
    exits.parse_flags([argv[0], *argv[2:]], FLAGS, __doc__ or "")
    if list(argv[1:2]) != ["physics"]:
        raise UserError(f"What is to be measured? `tools/bench.py physics` is known; got {argv[1:2]}.")
    for engine in FLAGS.engines:
        if engine not in ENGINES:
            raise UserError(f"--engines {engine} is unknown; there are {', '.join(ENGINES)}.")
    out = run_directory.given(FLAGS.out) if FLAGS.out else None
    devices.prepare("auto")
    import bench_physics
    import parts
    import provenance

    names = FLAGS.tasks or parts.names()
    for name in names:
        parts.file(name)
    summary = _stored(out / SUMMARY) if out else {}
    print(bench_physics.HEADER)
    for name in names:
        found = summary.setdefault("tasks", {}).setdefault(name, {})
        for engine in FLAGS.engines:
            found[engine] = bench_physics.measure(parts.task(name, engine), FLAGS.rows)
            print(bench_physics.line(name, engine, found[engine]), flush=True)
        if out:  # after every task: a long measurement that is stopped keeps what it has
            where = provenance.measurement(list(argv), devices.check("auto"))
            summary["run"] = summary.get("run", {}) | dict.fromkeys(FLAGS.engines, where)
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
