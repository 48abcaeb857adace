"""Looks into a saved agent: what its critic holds to be near, what its layers do, what its replay holds.

python tools/inside.py --run_dir runs/quickstart/seed0
python tools/inside.py --study runs/depth_laptop
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import devices
import exits
import run_directory
import saved_agent
from absl import flags
from console import say
from exits import UserError

FLAGS = flags.FlagValues()
flags.DEFINE_string("run_dir", None, "The run.", flag_values=FLAGS)
flags.DEFINE_string("study", None, "In place of --run_dir: all finished runs of a study.", flag_values=FLAGS)
flags.DEFINE_string("out", None, "Where the results go; by default the run directory.", flag_values=FLAGS)
flags.DEFINE_enum("device", "auto", devices.KINDS, "What to compute on.", flag_values=FLAGS)
flags.DEFINE_boolean(
    "trust_config",
    False,
    "Build what the stored configuration names without a check: it can then do whatever you can do.",
    flag_values=FLAGS,
)
flags.DEFINE_boolean("help", False, "Show this.", flag_values=FLAGS)


def main(argv: Sequence[str]) -> int:
    """Runs the tool; returns its exit status."""
    FLAGS.unparse_flags()
    exits.parse_flags(argv, FLAGS, __doc__ or "")
    if (FLAGS.run_dir is None) == (FLAGS.study is None):
        raise UserError("One of --run_dir and --study is needed: which run, or which study?")
    if FLAGS.study is not None:
        return _study([*argv])
    directory = run_directory.given(FLAGS.run_dir)
    out = run_directory.given(FLAGS.out) if FLAGS.out else directory
    devices.prepare(FLAGS.device)
    configuration = saved_agent.read(directory, FLAGS.trust_config)
    import inside_views

    devices.check(FLAGS.device)
    found = inside_views.write(inside_views.look(configuration, directory), out, _origin([*argv], directory))
    say(inside_views.table(found))
    for name in inside_views.FILES:
        if (out / name).is_file():
            say(out / name)
    return exits.SUCCESS


def _study(argv: list[str]) -> int:
    if FLAGS.out:
        raise UserError("--out does not go with --study, which writes into the runs and the study.")
    study = run_directory.given(FLAGS.study)
    devices.prepare(FLAGS.device)
    import pages
    import study_inside
    import study_tested

    found = study_tested.read(study)
    devices.check(FLAGS.device)
    say(study_inside.look(study, found, _origin(argv, study), FLAGS.trust_config))
    say(f"\n{study / pages.INSIDE}\n{pages.write_study_page(study)}")
    return exits.SUCCESS


def _origin(argv: list[str], directory: Path) -> dict[str, str | None]:
    import provenance

    return {
        "directory": str(directory),
        "command": provenance.command(argv),
        "git_commit": provenance.git_commit(),
        "time": provenance.now(),
    }


if __name__ == "__main__":
    sys.exit(exits.guard(main, sys.argv))
