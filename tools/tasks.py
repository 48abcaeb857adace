"""Writes the page of all tasks: docs/tasks.md and its pictures, docs/gallery.png, results/tasks/summary.json.

python tools/tasks.py
python tools/tasks.py --tasks ant_u_maze,arm_reach
python tools/tasks.py --nomeasure

For every file of configs/env it measures how far luck goes: uniform actions, and none at all. Tasks that are not named
keep what was measured before, and with --nomeasure all do; speeds are those that tools/bench.py physics left in
results/physics.
"""

import sys
from collections.abc import Sequence
from typing import Any

import devices
import exits
import run_directory
from absl import flags
from console import say
from exits import UserError
from reading import ROOT

_SUMMARY = "summary.json"

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
    import luck
    import parts
    import provenance
    import task_page

    import crl

    names = FLAGS.tasks or parts.names()
    for name in names:
        parts.file(name)
    stored, docs = crl.Folder(root / "results" / "tasks"), crl.Folder(root / "docs")
    file = stored.path / _SUMMARY
    summary: dict[str, Any] = stored.json(_SUMMARY) if stored.has(_SUMMARY) else {"tasks": {}}
    if not isinstance(summary.get("tasks"), dict):
        raise UserError(f"{file} is damaged: it holds no `tasks`.")
    stored.path.mkdir(parents=True, exist_ok=True)
    pictures = docs.folder("tasks", make=True)
    for name in names:
        env = parts.task(name, "auto", parts.TEST)
        pictures.write(f"{name}.png", gallery.png(gallery.picture(env, FLAGS.seed, *task_page.SIZE)))
        if FLAGS.measure:
            summary["tasks"][name] = task_page.facts(env) | luck.measure(env, FLAGS.episodes, FLAGS.seed)
            summary["run"] = provenance.measurement(list(argv), devices.check("auto")) | {"seed": FLAGS.seed}
            stored.write_json(_SUMMARY, summary)  # after every task: what is stopped keeps what it has
        elif name not in summary["tasks"]:
            raise UserError(f"{file} has no measurement of {name}; leave --nomeasure out.")
        say(luck.line(name, summary["tasks"][name]))
    speeds = crl.Folder(root / "results" / "physics")
    measured = speeds.json(_SUMMARY) if speeds.has(_SUMMARY) else {}
    docs.write("gallery.png", task_page.draw(pictures.path, sorted(summary["tasks"])))
    say(docs.write("tasks.md", task_page.markdown(summary["tasks"], measured)))
    return exits.SUCCESS


if __name__ == "__main__":
    sys.exit(exits.guard(main, sys.argv))
