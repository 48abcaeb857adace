"""A user's own environment, block, algorithm and goal law, in files of their own folder outside the repository."""

import json
from pathlib import Path

from tool_runs import ROOT, TINY, settings, start

FILES = {
    "room.py": """
import envs

class Room(envs.PointMaze):
    def __init__(self, size: int = 3, engine: str = "auto"):
        inside = ["R" + "G" * (size - 1)] + ["G" * size] * (size - 1)
        rows = ["1" * (size + 2), *(f"1{row}1" for row in inside), "1" * (size + 2)]
        super().__init__("/".join(rows), starts="RG", engine=engine, episode_length=30)
""",
    "halved.py": """
import equinox as eqx
import jax
import nets

class Halved(nets.AbstractBlock):
    layers: int = eqx.field(static=True, default=1, init=False)
    dense: nets.Dense

    def __init__(self, width: int, *, key):
        self.dense = nets.Dense(width, width, key=key)

    def __call__(self, x):
        return x + jax.nn.swish(self.dense(x)) / 2
""",
    "next_state.py": """
import crl
import jax.numpy as jnp

class NextState(crl.AbstractGoalLaw):
    @property
    def outside(self):
        return frozenset()

    def __call__(self, left, bits):
        return jnp.minimum(1, left)
""",
    "imitation.py": """
import crl
import equinox as eqx
import jax
import jax.numpy as jnp
import optax

class Imitation(crl.AbstractAlgorithm):
    actor: object
    horizon: int = eqx.field(default=1, init=False)
    lookahead: int = eqx.field(default=0, init=False)
    sequence: int = eqx.field(default=1, init=False)

    def build(self, env, key):
        return self.actor(env.obs_size + env.goal_size, 2 * env.action_size, key=key)

    def start(self, networks, key):
        return networks, optax.adam(1e-3).init(eqx.filter(networks, eqx.is_array))

    def networks(self, state):
        return state[0]

    def policy(self, networks):
        return crl.TanhGaussianPolicy(networks)

    def explorer(self, networks):
        return self.policy(networks)

    def update(self, state, batch, key):
        def loss(actor):
            heads = jax.vmap(actor)(jnp.concatenate([batch.obs[:, 0], batch.goal], axis=1))
            chosen = jax.vmap(lambda head: crl.TanhGaussian.from_head(head).mode())(heads)
            return jnp.mean((chosen - batch.action[:, 0]) ** 2)

        value, grads = eqx.filter_value_and_grad(loss)(state[0])
        return crl.apply_optimizer(optax.adam(1e-3), grads, state[1], state[0]), {"train/square": value}
""",
    "mine.gin": """
from __gin__ import dynamic_registration
import crl
import evaluation
import halved
import imitation
import nets
import next_state
import room
include '{root}/configs/train.gin'
crl.Trainer.env = @train/room.Room()
evaluation.Evaluator.env = @eval/room.Room()
room.Room.size = 4
crl.Trainer.algorithm = @imitation.Imitation()
imitation.Imitation.actor = @nets.ResidualMLP
nets.ResidualMLP.width = 16
nets.ResidualMLP.depth = 2
nets.ResidualMLP.block = @halved.Halved
crl.Trainer.goals = @next_state.NextState()
""",
}


def test_own_things_are_trained_tested_and_shown_without_an_edit_in_the_repository(tmp_path: Path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text.replace("{root}", str(ROOT)))
    own = {"PYTHONPATH": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    small = settings(*(value for value in TINY if "PointMaze" not in value))
    run_dir = str(tmp_path / "run")

    def tool(*arguments: str) -> str:
        process = start(*arguments, **own)
        out, err = process.communicate()
        assert process.returncode == 0, out + err
        return out

    said = tool("launch.py", "--gin", str(tmp_path / "mine.gin"), *small, "--run_dir", run_dir)
    assert said.splitlines()[-1] == f"Done: {run_dir}/report.html"
    records = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert records[-1]["env_steps"] == 480 and records[-1]["train/square"] > 0
    assert "square" in (tmp_path / "run/report.html").read_text()
    assert "eval/success_any" in tool("evaluate.py", "--run_dir", run_dir, "--episodes", "8")
