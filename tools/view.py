"""Shows an agent live in a web browser, where its goal can be dragged. Needs the extra `viewer`.

python tools/view.py --gin configs/env/ant_maze.gin
python tools/view.py --run_dir runs/quickstart/seed0
python tools/view.py --run_dir runs/quickstart/seed0 --step 100000 --port 9000
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import devices
import exits
import run_directory
import saved_agent
import trust
from absl import flags
from console import say
from exits import UserError

if TYPE_CHECKING:
    import envs

FLAGS = flags.FlagValues()
flags.DEFINE_multi_string("gin", [], "A gin file that names an environment, to look at a task.", flag_values=FLAGS)
flags.DEFINE_multi_string("set", [], "A binding over those of --gin, as 'envs.Ant.gear = 30'.", flag_values=FLAGS)
flags.DEFINE_string("run_dir", None, "A run, to look at its agent.", flag_values=FLAGS)
flags.DEFINE_integer("step", None, "Env steps of the snapshot; by default the newest.", flag_values=FLAGS)
flags.DEFINE_integer("seed", 0, "Draws starts, goals and random actions.", flag_values=FLAGS)
flags.DEFINE_integer(
    "port", 8080, "Of the page; where it is taken the next free one, with 0 any.", 0, 65535, flag_values=FLAGS
)
flags.DEFINE_enum("device", "auto", devices.KINDS, "What to act on.", flag_values=FLAGS)
flags.DEFINE_boolean(
    "trust_config",
    False,
    "Build what a stored configuration names without a check: it can then do whatever you can do.",
    flag_values=FLAGS,
)
flags.DEFINE_boolean("help", False, "Show this.", flag_values=FLAGS)


def main(argv: Sequence[str]) -> int:
    """Runs the tool; returns its exit status."""
    FLAGS.unparse_flags()
    exits.parse_flags(argv, FLAGS, __doc__ or "")
    if bool(FLAGS.gin) == bool(FLAGS.run_dir):
        raise UserError("Give either --gin, to look at a task, or --run_dir, to look at an agent.")
    if FLAGS.run_dir and FLAGS.set:
        raise UserError("--set changes what --gin says; a run is shown as it was trained.")
    if FLAGS.gin and FLAGS.step is not None:
        raise UserError("--step is a snapshot of a run: it needs --run_dir.")
    devices.prepare(FLAGS.device)
    try:
        from evaluation import Viewer  # before anything is loaded: it may not be installed
    except ImportError as e:
        raise UserError(exits.sentence(e)) from e
    env, policies = _agent(run_directory.given(FLAGS.run_dir)) if FLAGS.run_dir else _task()
    import jax.random as jr

    import envs
    import evaluation

    session = evaluation.Session(env, policies | evaluation.baselines(env), jr.key(FLAGS.seed))
    try:
        viewer = Viewer(session, FLAGS.port)
    except (envs.NoRenderer, evaluation.NoAccessControl) as e:
        raise UserError(exits.sentence(e)) from e
    say(f"{viewer.address} (Ctrl-C ends it)")
    viewer.run()
    return exits.SUCCESS


def _task() -> "tuple[envs.AbstractEnv, dict[str, envs.Policy]]":
    """The environment that gin files name: the one evaluated in, else the one trained in."""
    configuration = trust.read(FLAGS.gin, FLAGS.set, FLAGS.trust_config)
    configuration.check()
    import parts

    devices.check(FLAGS.device)
    tested = parts.TEST in map(str, configuration.bindings)
    env = parts.build(configuration, parts.TEST if tested else parts.TRAIN)
    return env, {}


def _agent(directory: Path) -> "tuple[envs.AbstractEnv, dict[str, envs.Policy]]":
    """The environment that a run is evaluated in, and its agent without noise."""
    configuration = saved_agent.read(directory, FLAGS.trust_config)
    step = saved_agent.step(directory, FLAGS.step)
    devices.check(FLAGS.device)
    trainer, networks, _ = saved_agent.load(configuration, directory, step)
    import crl
    import envs

    policy = trainer.algorithm.policy(crl.on_one_device(networks))
    env = saved_agent.evaluator(configuration, trainer.env).env
    return env, {f"agent after {step:,} steps": envs.deterministic(policy)}


if __name__ == "__main__":
    sys.exit(exits.guard(main, sys.argv))
