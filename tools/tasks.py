"""Writes the page of all tasks: docs/tasks.md and its pictures, docs/gallery.png, results/tasks/summary.json.

python tools/tasks.py
python tools/tasks.py --tasks ant_u_maze,arm_reach
python tools/tasks.py --nomeasure

For every file of configs/env it measures how far luck goes: uniform actions, and none at all. Tasks that are not named
keep what was measured before, and with --nomeasure all do; speeds are those that tools/bench.py physics left in
results/physics.
"""

import json
import sys
from collections.abc import Sequence
from typing import Any

import devices
import exits
import run_directory
from absl import flags
from exits import UserError
from reading import ROOT

FLAGS = flags.FlagValues()
flags.DEFINE_list("tasks", [], "Names of files in configs/env to measure; by default all.", flag_values=FLAGS)
flags.DEFINE_boolean("measure", True, "Play episodes; otherwise only draw and write.", flag_values=FLAGS)
flags.DEFINE_integer("episodes", 128, "Of each policy and task.", lower_bound=1, flag_values=FLAGS)
flags.DEFINE_integer("seed", 0, "Of starts, goals and actions.", 0, flag_values=FLAGS)
flags.DEFINE_string("root", str(ROOT), "Where docs/ and results/ are.", flag_values=FLAGS)
flags.DEFINE_boolean("help", False, "Show this.", flag_values=FLAGS)


def main(argv: Sequence[str]) -> int:
    """Runs the tool; returns its exit status."""
    FLAGS.unparse_flags()
    exits.parse_flags(argv, FLAGS, __doc__ or "")
    root = run_directory.given(FLAGS.root)
    devices.prepare("auto")
    import gallery
    import imageio.v3 as iio
    import luck
    import parts
    import provenance
    import task_page

    names = FLAGS.tasks or parts.names()
    for name in names:
        parts.file(name)
    file = root / "results" / "tasks" / "summary.json"
    summary: dict[str, Any] = {"tasks": {}}
    if file.exists():
        try:
            summary = json.loads(file.read_text())
        except ValueError as e:
            raise UserError(f"{file} is damaged: {e}.") from e
    pictures = root / "docs" / "tasks"
    for folder in (file.parent, pictures):
        folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        env = parts.task(name, "auto", parts.TEST)
        iio.imwrite(pictures / f"{name}.png", gallery.picture(env, FLAGS.seed, *task_page.SIZE))
        if FLAGS.measure:
            summary["tasks"][name] = task_page.facts(env) | luck.measure(env, FLAGS.episodes, FLAGS.seed)
            summary["run"] = provenance.measurement(list(argv), devices.check("auto")) | {"seed": FLAGS.seed}
            run_directory.write_json(file, summary)  # after every task: what is stopped keeps what it has
        elif name not in summary["tasks"]:
            raise UserError(f"{file} has no measurement of {name}; leave --nomeasure out.")
        print(luck.line(name, summary["tasks"][name]), flush=True)
    speeds = root / "results" / "physics" / "summary.json"
    measured = json.loads(speeds.read_text()) if speeds.exists() else {}
    (root / "docs" / "tasks.md").write_text(task_page.markdown(summary["tasks"], measured))
    task_page.draw(pictures, sorted(summary["tasks"]), root / "docs" / "gallery.png")
    print(root / "docs" / "tasks.md")
    return exits.SUCCESS


if __name__ == "__main__":
    sys.exit(exits.guard(main, sys.argv))
