"""A stored configuration may name the parts of a run and nothing else; checking it runs nothing of it."""

import importlib
import inspect
import pkgutil
import sys

import pytest
import reading
import trust
from exits import UserError

GOOD = """from __gin__ import dynamic_registration
import crl
import crl.energies.l2
import envs
import envs.point_maze
import evaluation
import nets
import optax
from crl.algorithms import contrastive
from crl.data import online
from crl.goals import geometric
from crl.losses import infonce
WIDTH = 32
crl.train.trainer = @crl.Trainer()
crl.train.evaluate = @evaluation.Evaluator()
crl.Trainer.env = @train/envs.PointMaze()
crl.Trainer.data = @online.Online()
crl.Trainer.algorithm = @contrastive.ContrastiveRL()
crl.Trainer.goals = @geometric.Geometric()
contrastive.ContrastiveRL.actor = @actor/nets.ResidualMLP
contrastive.ContrastiveRL.energy = @crl.energies.l2.l2
contrastive.ContrastiveRL.loss = @infonce.infonce
contrastive.ContrastiveRL.actor_optimizer = @optax.chain()
actor/nets.ResidualMLP.width = %WIDTH
nets.ResidualBlock.activation = @nets.relu
evaluation.Evaluator.env = @envs.point_maze.PointMaze()
optax.chain.args = [@optax.clip_by_global_norm(), {'x': @optax.adam()}]
optax.adam.learning_rate = @optax.cosine_decay_schedule()
"""


def check(text: str) -> None:
    """The check as `evaluate.py` makes it."""
    configuration = reading.read_text(text, "config.gin")
    trust.check(configuration)


def test_a_run_is_accepted():
    check(GOOD)


@pytest.mark.parametrize(
    "line",
    [
        "import os\ncrl.Trainer.env = @os.system()",
        "import os\nos.system.command = 'touch pwned'",
        "import os as nets\ncrl.Trainer.env = @nets.system()",
        "from os import path",
        "import os.path as crl",
        "import posix",
        "import builtins\ncrl.Trainer.env = @builtins.exec()",
        "import subprocess\ncrl.Trainer.env = @subprocess.Popen()",
        "import equinox\ncrl.Trainer.env = @equinox._serialisation.pathlib.os.system()",
        "import equinox\ncrl.Trainer.env = @equinox.tree_serialise_leaves()",
        "import jax\ncrl.Trainer.env = @jax.numpy.save()",
        "import gin.config",
        "import netsx",
        "import nets._check",
        "import nets.os",
        "from nets import os",
        "import optax.contrib",
        "import tools",
        "import launch",
        "crl.Trainer.env = @nets.jax.numpy.save()",
        "crl.Trainer.env = @nets.residual.eqx.tree_serialise_leaves()",
        "crl.Trainer.env = @nets._check.index()",
        "crl.Trainer.env = @nets.residual.jax",
        "crl.Trainer.env = @envs.mujoco.MjModel.from_xml_path()",
        "crl.Trainer.env = @envs.point_maze.mujoco.MjModel()",
        "crl.Trainer.env = @envs.importlib.import_module()",
        "crl.Trainer.env = @envs.__getattr__()",
        "crl.Trainer.env = @envs.PointMaze.__init__.__globals__",
        "crl.Trainer.env = @envs.Any",
        "crl.Trainer.env = @envs.Arm()",
        "crl.Trainer.env = @envs.point_maze.PointMaze.start",
        "crl.Trainer.env = @crl.Run()",
        "crl.Trainer.env = @crl.Checkpoints()",
        "crl.Trainer.env = @crl.load_networks()",
        "crl.Trainer.env = @crl.load_state()",
        "crl.Trainer.data = @crl.data.offline.Offline()",
        "crl.data.offline.Offline.file = '/etc/passwd'",
        "crl.Trainer.env = @crl.read_metrics()",
        "crl.Trainer.env = @crl._run.os.system()",
        "crl.Trainer.env = @crl.Trainer.collect",
        "crl.Trainer.env = @evaluation.film()",
        "crl.Trainer.env = @evaluation.report",
        "crl.Trainer.env = @evaluation.Viewer()",
        "crl.Trainer.env = @evaluation.Session()",
        "crl.Trainer.env = @envs.Bodies()",
        "crl.Trainer.env = @evaluation.curve",
        "crl.Trainer.env = @optax.jax.numpy.save()",
        "crl.Trainer.env = @optax.tree.map()",
        "crl.Trainer.env = @optax.apply_updates",
        "crl.Trainer.env = @gin.config.os.system()",
        "crl.Trainer.env = @x/gin.constant()",
        "crl.Trainer.env = [1, (2, {'a': [@crl.Run()]})]",
        "crl.Trainer.env = {@crl.Run(): 1}",
        "HIDDEN = [@crl.Run()]\ncrl.Trainer.env = %HIDDEN",
        "crl.Trainer.env = @a.b/crl.Trainer()",
        "crl.Trainer.env = @_x/crl.Trainer()",
        "crl.Trainer.env = @\u0430ctor/crl.Trainer()",
        "crl.Trainer.env = @crl.Tr\u0430iner()",
        "crl.Run.directory = '/etc'",
        "crl.Trainer.env = @missing.Thing()",
        "crl.Trainer.env = @crl",
        "crl.Trainer.env = @optax",
        "import crl.trackers.wandb\nnets.ResidualMLP.activation = @crl.trackers.wandb.Wandb()",
        "import crl.trackers.wandb\nW = @crl.trackers.wandb.Wandb()\nnets.ResidualMLP.activation = %W",
    ],
)
def test_an_attack_is_refused_in_one_sentence(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        check(GOOD + line + "\n")
    assert "\n" not in str(caught.value) and "config.gin:" in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["envs.PointMazeLidar", "envs.point_maze_lidar.PointMazeLidar"])
def test_a_task_that_no_list_names_is_a_part_of_a_run(name):
    check(f"import envs.point_maze_lidar\nimport crl\ncrl.Trainer.env = @{name}()\n")


def test_an_include_is_refused(tmp_path):
    (tmp_path / "a.gin").write_text("import os\n")
    with pytest.raises(UserError, match="may not include another file"):
        check(f"include '{tmp_path / 'a.gin'}'\n")


def test_a_refused_module_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "trap.py").write_text("raise SystemExit('ran')")
    (tmp_path / "nets_trap.py").write_text("raise SystemExit('ran')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("trap", "nets_trap"):
        with pytest.raises(UserError, match=f"imports `{name}`"):
            check(f"import {name}\n")
        assert name not in sys.modules


def test_what_an_alias_means_is_what_is_checked():
    with pytest.raises(UserError, match=r"names `envs\.system`"):
        check("import envs as os\nimport crl\ncrl.Trainer.env = @os.system()\n")
    check("import envs as os\nimport crl\ncrl.Trainer.env = @os.PointMaze()\n")


@pytest.mark.parametrize("package", trust.OURS)
def test_nothing_allowed_takes_a_path(package):
    """Nothing of ours that a stored configuration may name has a file among its arguments."""
    module = importlib.import_module(package)
    paths = ("path", "directory", "run_dir", "file", "folder", "out", "html", "png", "mp4", "metrics_file")
    named = {f"{package}.{name}": getattr(module, name) for name in module.__all__}
    for found in pkgutil.walk_packages(module.__path__, f"{package}."):
        if not any(part.startswith("_") for part in found.name.split(".")):
            extension = importlib.import_module(found.name)
            named |= {f"{found.name}.{name}": value for name, value in vars(extension).items()}
    allowed = {name: target for name, target in named.items() if trust.allowed(name)}
    assert allowed and (package != "crl" or "crl.data.online.Online" in allowed)
    for name, target in allowed.items():
        if name != "crl.train" and callable(target):
            function = target.__init__ if inspect.isclass(target) else target
            assert not set(inspect.signature(function).parameters) & set(paths), name


def test_every_optax_name_exists():
    optax = importlib.import_module("optax")
    assert [name for name in sorted(trust.OPTAX) if not callable(getattr(optax, name, None))] == []
