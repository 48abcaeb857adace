"""Shows a task: its numbers, a picture, and a short film of agents that act at random.

python tools/show.py --gin configs/env/arm_push_hard.gin
python tools/show.py --gin configs/env/ant_maze.gin --set "envs.AntMaze.maze = '11111/1R0G1/11111'" --out pictures/mine
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import devices
import exits
import run_directory
import trust
from absl import flags
from console import say
from exits import UserError

FLAGS = flags.FlagValues()
flags.DEFINE_multi_string("gin", [], "A gin file that names the task, such as configs/env/ant.gin.", flag_values=FLAGS)
flags.DEFINE_multi_string("set", [], "A binding on top, such as 'envs.AntMaze.maze = \"u_maze\"'.", flag_values=FLAGS)
flags.DEFINE_boolean("eval", False, "The task agents are tested on, not the one they train on.", flag_values=FLAGS)
flags.DEFINE_integer("agents", 4, "How many in the film.", 1, 12, flag_values=FLAGS)
flags.DEFINE_integer("seed", 0, "Of starts, goals and actions.", 0, flag_values=FLAGS)
flags.DEFINE_string("out", None, "Where the files go; by default pictures/NAME.", flag_values=FLAGS)
flags.DEFINE_boolean(
    "trust_config",
    False,
    "Build what a stored configuration names without a check: it can then do whatever you can do.",
    flag_values=FLAGS,
)
flags.DEFINE_boolean("help", False, "Show this.", flag_values=FLAGS)

STEPS = 200  # control steps of film


def main(argv: Sequence[str]) -> int:
    """Runs the tool; returns its exit status."""
    FLAGS.unparse_flags()
    exits.parse_flags(argv, FLAGS, __doc__ or "")
    if not FLAGS.gin:
        raise UserError("--gin is missing: which task? For example --gin configs/env/ant_u_maze.gin.")
    out = run_directory.given(FLAGS.out or f"pictures/{Path(FLAGS.gin[0]).stem}")
    devices.prepare("auto")
    configuration = trust.read(FLAGS.gin, FLAGS.set, FLAGS.trust_config)
    configuration.check()
    import gallery
    import parts

    env = parts.build(configuration, parts.TEST if FLAGS.eval else parts.TRAIN)
    for what, value in gallery.numbers(env).items():
        say(f"{what.replace('_', ' '):16} {value}")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UserError(f"--out {out} cannot be made: {e.strerror}.") from e
    say(gallery.still(env, out / "still.png", FLAGS.seed))
    say(gallery.film(env, out / "film.mp4", FLAGS.seed, FLAGS.agents, STEPS))
    return exits.SUCCESS


if __name__ == "__main__":
    sys.exit(exits.guard(main, sys.argv))
