"""Rows: stored configurations that would run something, read something, send something, or take all memory."""

from hostile_rows import CONFIGS, add
from hostile_stage import Stage


def _appended(text: str):
    def make(stage: Stage) -> None:
        stage.append("config.gin", text.replace("{root}", str(stage.root)) + "\n")

    return make


def _macros(line: str) -> str:
    lines = [f"A0 = {line}", *(f"A{i} = (%A{i - 1}, %A{i - 1})" for i in range(1, 31))]
    return "\n".join([*lines, "envs.PointMaze.maze = %A30"])


RUN = "os.system.command = 'touch {root}/ran'"
APPENDED = {
    "imports os": f"import os\nevaluation.Evaluator.env = @os.system()\n{RUN}",
    "from os import path": f"from os import path\nevaluation.Evaluator.env = @path.os.system()\npath.{RUN}",
    "imports under our name": (
        f"import os as nets\nevaluation.Evaluator.env = @nets.system()\n{RUN.replace('os.', 'nets.', 1)}"
    ),
    "imports a module of the directory": "import strangers_module",
    "imports a module of ours that is private": "import crl._folder\nevaluation.Evaluator.env = @crl._folder.Folder()",
    "walks attributes": "evaluation.Evaluator.env = @evaluation._evaluate.jax._src.os.system()",
    "walks attributes of a class": "evaluation.Evaluator.env = @nets.ResidualMLP.__init__.__globals__.x()",
    "walks through optax": "evaluation.Evaluator.env = @optax._src.base.os.system()",
    "names a writer of ours": "evaluation.Evaluator.env = @crl.Folder()\ncrl.Folder.path = '{root}/victim'",
    "names a run": "evaluation.Evaluator.env = @crl.Run()\ncrl.Run.directory = '{root}/ran'",
    "names the training loop": "evaluation.Evaluator.env = @crl.train()",
    "binds the run of the training loop": "crl.train.run = '{root}/ran'",
    "binds gin": "import gin.config as c\nevaluation.Evaluator.env = @c.parse_config_file()",
    "gin.constant": "evaluation.Evaluator.env = @gin.constant()",
    "gin.singleton": "evaluation.Evaluator.env = @gin.singleton()\ngin.singleton.constructor = @crl.Folder",
    "a scope with a path": "../x/envs.PointMaze.maze = 'u_maze'",
    "includes the user's file": "include '{root}/victim/secret'",
    "includes a device": "include '/dev/zero'",
    "includes itself": "include 'config.gin'",
    "a tracker": "import crl.trackers.wandb\ncrl.train.trackers = (@crl.trackers.wandb.Wandb(),)",
    "a tracker for an environment": "import crl.trackers.wandb\nevaluation.Evaluator.env = @crl.trackers.wandb.Wandb()",
    "a feature": "from __gin__ import everything",
    "macros that double 30 times": _macros("1"),
    "macros of references that double": _macros("@envs.PointMaze()"),
    "a macro of itself": "A = (%A,)\nenvs.PointMaze.maze = %A",
    "macros of each other": "A = (%B,)\nB = (%A,)\nenvs.PointMaze.maze = %A",
    "a reference to itself": "evaluation.Evaluator.env = @evaluation.Evaluator()",
    "networks in networks": "crl.Trainer.algorithm = @crl.Trainer()",
    "values nested deep": "envs.PointMaze.maze = " + "(" * 100_000 + ")" * 100_000,
    "values nested 150 deep": "envs.PointMaze.maze = " + "(" * 150 + "1" + ",)" * 150,
    "minus signs": "envs.PointMaze.episode_length = " + "-" * 100_000 + "1",
    "a number of 5,000 digits": "envs.PointMaze.episode_length = " + "9" * 5_000,
    "a power": "envs.PointMaze.episode_length = 9**9**9**9",
    "1e400": "envs.PointMaze.cell_size = 1e400",
    "depth 10**9": "nets.ResidualMLP.depth = 1_000_000_000",
    "depth 2**70": "nets.ResidualMLP.depth = 1180591620717411303424",
    "width 10**9": "nets.ResidualMLP.width = 1_000_000_000",
    "width 10**6": "nets.ResidualMLP.width = 1_000_000",
    "embedding 10**9": "crl.algorithms.contrastive.ContrastiveRL.embedding = 1_000_000_000",
    "episodes of 2**31 - 1 steps": "envs.PointMaze.episode_length = 2_147_483_647",
    "episodes of 2**31 - 1 steps, tested": "eval/envs.PointMaze.episode_length = 2_147_483_647",
    "2 * 10**9 episodes": "evaluation.Evaluator.episodes = 2_000_000_000",
    "environments 10**9": "crl.data.online.Online.num_envs = 1_000_000_000",
    "capacity 10**12": "crl.data.online.Online.capacity_per_env = 1_000_000_000_000",
    "a seed of 10**30": f"crl.train.seed = {10**30}",
    "a seed that is text": "crl.train.seed = 'x'",
    "the task a number": "crl.Trainer.env = 5",
    "the trainer an optimiser": "crl.train.trainer = @optax.adam()",
    "the energy a text": "crl.algorithms.contrastive.ContrastiveRL.energy = 'x'",
    "a tuple of 10**5 values": "envs.PointMaze.maze = (" + "1," * 100_001 + ")",
    "a maze of 10**6 cells": "envs.PointMaze.maze = '"
    + "/".join(["1" * 1000, *["1" + "0" * 998 + "1"] * 998, "1" * 1000])
    + "'",
    "a maze of escapes": r"envs.PointMaze.maze = '\x1b[2J\x07[/red]'",
    "a name of escapes": "\x1b[2J\x07.x = 3",
    "a name of 500,000 letters": "x" * 500_000 + ".y = 3",
    "no gin": "((((",
    "a zero byte": "envs.PointMaze.maze = '\x00'",
    "quotes without an end": "envs.PointMaze.maze = '''",
    "a decimal of another script": "envs.PointMaze.episode_length = \u0663\u0663",
    "letters that look alike": "nets.Re\u0455idualMLP.width = 16",
    "carriage returns": "envs.PointMaze.maze = 'x'\rimport os\rerror: all is well",
}
WHOLE = {
    "empty": b"",
    "Latin-1": b"# \xe9\n",
    "zero bytes": b"\x00" * 4096,
    "UTF-16": "import crl\n".encode("utf-16"),
    "a mark of a byte order": b"\xef\xbb\xbfimport os\n",
    "escapes": b"\x1b[2J\x1b]0;x\x07\n",
    "one line of 900 kB": b"x" * 900_000,
    "comments alone": b"# x\n" * 1000,
    "100,000 imports": b"import os\n" * 99_000,
    "30,000 bindings": b"import crl\n" + b"".join(b"crl.x%d.y = 1\n" % i for i in range(30_000)),
    "30,000 macros": b"import crl\n" + b"".join(b"M%d = 1\n" % i for i in range(30_000)),
}

for _name, _text in APPENDED.items():
    add(CONFIGS, f"config.gin: {_name}", _appended(_text))
for _name, _bytes in WHOLE.items():
    add(CONFIGS, f"config.gin, whole: {_name}", lambda stage, content=_bytes: stage.write("config.gin", content))
add(CONFIGS, "config.gin, whole: 100 MB", lambda stage: stage.write("config.gin", b"# x\n" * 25_000_000))
add(
    CONFIGS,
    "operative_config.gin: imports os",
    lambda stage: stage.append("operative_config.gin", f"import os\n{RUN}\n".replace("{root}", str(stage.root))),
)
