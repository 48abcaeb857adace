"""Measures speed, each figure beside a limit that is measured in the same process, in turns.

python tools/bench.py physics --tasks ant_u_maze,humanoid --engines mjx --rows 64
python tools/bench.py learner --depths 4,64 --batches 512 --widths 256 --json learner.json
python tools/bench.py loop --envs 8,64,512 --depths 4,16,64 --json results/loop/summary.json

physics: control steps per second of every task in configs/env, observations and resets included; the native engine
beside a plain loop of MuJoCo's own batch, MJX's mazes beside the same without contact caps.

learner: the residual blocks forward and backward, and a whole update of contrastive RL, beside the same matrix products
in BLAS, in XLA, and as a chain of them under `scan` without norms and activations.

replay: 800 batches with hindsight goals from a full replay, beside the copy of as many bytes; memory.

loop: acting and learning on the humanoid, beside the plain loop of physics and the chain of matrix products.

compile: seconds from the start of the process to the first update, stage by stage, with an empty cache and a full one.

memory: what an update takes, by depth and `remat`.

scaling: time, memory and speed of an update along depth, width and batch.

seeds: updates of four seeds in one program, beside four processes at once.
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
from console import say
from exits import UserError

import crl

COMMANDS = ("physics", "learner", "replay", "loop", "compile", "memory", "scaling", "seeds")

FLAGS = flags.FlagValues()
flags.DEFINE_list("tasks", [], "physics: names of files in configs/env; by default all.", flag_values=FLAGS)
flags.DEFINE_list("engines", ["native"], "physics: native, mjx.", flag_values=FLAGS)
flags.DEFINE_integer("rows", 512, "physics: environments in a batch; the paper trains with 512.", 1, flag_values=FLAGS)
flags.DEFINE_list("depths", [], "All but physics and replay: Dense layers in blocks.", flag_values=FLAGS)
flags.DEFINE_list("batches", [], "learner, replay, memory, scaling, seeds: examples in a batch.", flag_values=FLAGS)
flags.DEFINE_list("widths", [], "learner, memory, scaling, seeds: features.", flag_values=FLAGS)
flags.DEFINE_list("envs", [], "replay, loop, compile: environments.", flag_values=FLAGS)
flags.DEFINE_string("json", None, "A file for the figures; what it holds of other sizes stays.", flag_values=FLAGS)
flags.DEFINE_boolean("help", False, "Show this.", flag_values=FLAGS)


def main(argv: Sequence[str]) -> int:
    """Runs the tool; returns its exit status."""
    FLAGS.unparse_flags()
    exits.parse_flags([argv[0], *argv[2:]], FLAGS, __doc__ or "")
    if argv[1:2] == ["--help"]:
        exits.parse_flags(list(argv[:2]), FLAGS, __doc__ or "")
    if len(argv) < 2 or argv[1] not in COMMANDS:
        raise UserError(f"What is to be measured? There are {', '.join(COMMANDS)}; got {list(argv[1:2])}.")
    file = run_directory.given(FLAGS.json) if FLAGS.json else None
    devices.prepare("auto")
    import provenance

    command = importlib.import_module(f"bench_{argv[1]}")
    measurements = command.measurements(FLAGS)
    summary = _stored(file) if file else {}
    say(command.HEADER)
    for path, found in measurements:
        say(command.line(path, found))
        if file:  # after every figure: a long measurement that is stopped keeps what it has
            run = provenance.measurement(list(argv), devices.check("auto"))
            found["git_commit"] = run["git_commit"]  # a file may hold figures of several
            functools.reduce(lambda tree, key: tree.setdefault(key, {}), path, summary).update(found)
            summary.setdefault("run", {})[path[-1]] = run
            file.parent.mkdir(parents=True, exist_ok=True)
            crl.Folder(file.parent).write_json(file.name, summary)
    if file and hasattr(command, "draw"):
        found = [sizes[argv[1]] for what, sizes in summary.items() if what != "run" and argv[1] in sizes]
        command.draw(found).savefig(file.with_suffix(".png"), dpi=120)
        say(file.with_suffix(".png"))
    return exits.SUCCESS


def _stored(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise UserError(f"{file} holds no measurements to add to: {e}.") from e


if __name__ == "__main__":
    sys.exit(exits.guard(main, sys.argv))
