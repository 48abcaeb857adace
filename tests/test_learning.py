"""Agents learn to reach goals: training until a known answer, on tasks small enough."""

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import optax
import processes
import pytest
import trainers
from environment import users_environment

import crl
import envs
import evaluation
import nets
from crl.algorithms.contrastive import ContrastiveRL
from crl.goals.geometric import Geometric

ROOT = Path(__file__).parent.parent
ROOM = "11111/1GGG1/1GRG1/1GGG1/11111"


def test_a_small_network_learns_every_goal_of_an_open_room(tmp_path: Path):
    network = partial(nets.ResidualMLP, width=32, depth=4)
    adam = optax.adam(2e-3)
    env = envs.PointMaze(ROOM, episode_length=60)
    trainer = trainers.trainer(
        env,
        ContrastiveRL(
            actor=network,
            critic=network,
            embedding=16,
            target_entropy_per_action=-1.0,
            actor_optimizer=adam,
            critic_optimizer=adam,
            alpha_optimizer=adam,
        ),
        num_envs=32,
        unroll=60,
        updates_per_collect=200,
        batch_size=64,
        capacity_per_env=1_200,
        prefill_per_env=120,
        goals=Geometric(0.9),
    )
    run = crl.Run(tmp_path)
    crl.train(trainer, env_steps=40_000, eval_every=40_000, evaluate=evaluation.Evaluator(env, episodes=64), run=run)
    run.close()
    first, *_, last = crl.read_metrics(tmp_path / "metrics.jsonl")
    assert first["eval/success_any"] < 0.5
    assert last["eval/success_any"] >= 0.95
    assert last["eval/time_at_goal_fraction"] >= 0.5
    assert last["train/accuracy"] > 10 / 64  # chance is 1 / 64


@pytest.mark.proof
def test_the_quickstart_reaches_its_numbers(tmp_path: Path):
    finals = []
    for seed in (0, 1, 2):
        run_dir = tmp_path / f"seed{seed}"
        launch("quickstart", run_dir, f"crl.train.seed = {seed}")
        for name in ("curve.png", "film.mp4", "report.html", "config.gin", "meta.json"):
            assert (run_dir / name).stat().st_size > 0
        assert len(list((run_dir / "checkpoints" / "agents").iterdir())) >= 2
        finals.append(crl.read_metrics(run_dir / "metrics.jsonl")[-1])
        print(seed, json.dumps({k: v for k, v in finals[-1].items() if k.startswith("eval/") or k == "seconds"}))
        assert finals[-1]["seconds"] < 360
    assert np.mean([final["eval/success_any"] for final in finals]) >= 0.9
    assert np.mean([final["eval/time_at_goal_fraction"] for final in finals]) >= 0.5


@pytest.mark.proof
def test_the_quickstart_learns_on_mjx(tmp_path: Path):
    launch("quickstart", tmp_path, 'envs.PointMaze.engine = "mjx"', "crl.train.env_steps = 200_000")
    first, *_, last = (line for line in crl.read_metrics(tmp_path / "metrics.jsonl") if "eval/success_any" in line)
    print(first, last)
    assert json.loads((tmp_path / "meta.json").read_text())["engine"] == "mjx"
    assert last["eval/success_any"] >= first["eval/success_any"] + 0.3


@pytest.mark.proof
def test_the_ant_learns_to_walk_to_goals(tmp_path: Path):
    run_dir = tmp_path / "run"
    launch("ant_u_maze", run_dir)
    tool("evaluate.py", "--run_dir", str(run_dir), "--policy", "uniform")
    tool("publish.py", "--run_dir", str(run_dir), "--out", str(tmp_path / "out"))
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    print(json.dumps({name: summary[name] for name in ("last", "uniform", "rise")}))
    assert summary["curve"][-1]["env_steps"] >= 2_000_000
    assert summary["rise"]["ci_low"] > 0
    assert summary["last"]["mean"] >= 3 * summary["uniform"]["mean"]


def launch(config: str, run_dir: Path, *settings: str) -> None:
    sets = [f"--set={setting}" for setting in settings]
    tool("launch.py", "--gin", str(ROOT / f"configs/{config}.gin"), "--run_dir", str(run_dir), *sets)


def tool(name: str, *arguments: str) -> None:
    command = [sys.executable, str(ROOT / "tools" / name), *arguments]
    processes.finish(command, env=users_environment(), stdout=None, stderr=None)
