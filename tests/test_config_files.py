"""Every complete configuration is read, built and accounted for; only its arrays are not made."""

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import composition
import equinox as eqx
import jax.random as jr
import pytest
import reading
import trust
from configuration import Configuration, Key
from tool_runs import as_a_user

import crl
import nets
from crl.algorithms import contrastive

ROOT = Path(__file__).parent.parent
COMPLETE = sorted((ROOT / "configs").glob("*.gin"))
STUDIES = sorted((ROOT / "configs/study").glob("*.gin"))
PARTS = [part for part in sorted((ROOT / "configs").glob("*/*.gin")) if part not in STUDIES]
ENVS, ALGORITHMS = (sorted((ROOT / "configs" / kind).glob("*.gin")) for kind in ("env", "algo"))
CONTRASTIVE, TRAIN = ROOT / "configs/algo/contrastive.gin", ROOT / "configs/train.gin"
COMPLETE = [file for file in COMPLETE if not file.read_text().startswith("# Part: ")]
# A replay that takes no memory; networks keep the sizes of their parts.
SMALL = (
    "Online.num_envs = 4",
    "Online.capacity_per_env = 100",
    "Online.prefill_per_env = 62",
    "Trainer.batch_size = 8",
)


@pytest.mark.parametrize("file", COMPLETE, ids=lambda file: file.stem)
def test_complete_configuration_builds(file, monkeypatch):
    with as_a_user(monkeypatch):
        _build(file)


def _build(*files: Path, settings: Sequence[str] = ()) -> dict[str, Any]:
    """The arguments of `crl.train`, after all that is done before step 1: nothing is left over to be refused."""
    configuration = reading.read(files, settings)
    configuration.check()
    trust.check(configuration)
    composition.load(configuration)
    arguments = composition.build_arguments(configuration, crl.train, given=("run", "callbacks"))
    trainer = arguments["trainer"]
    sizes = {name: arguments[name] for name in ("env_steps", "updates", "eval_every")}
    plan = crl.plan(trainer, **sizes)
    used = composition.operative(configuration, crl.train)
    composition.refuse_unused(configuration, used)
    assert plan.updates > 0
    counts = _paper_counts(trainer, used)
    if counts is not None:
        assert sum(plan.parameters.values()) == sum(counts.values()) + 1  # and log_alpha
    other_clock = {name for name in ("env_steps", "updates") if sizes[name] is None}
    assert len(other_clock) == 1
    assert {key.argument for key in used.bindings if key.selector == "crl.train"} == (
        set(inspect.signature(crl.train).parameters) - {"run", "config", "callbacks"} - other_clock
    )
    return arguments


def _paper_counts(trainer: crl.Trainer, used: Configuration) -> dict[str, int] | None:
    """Parameters by the paper's formula: in*W + 3W + D*(W^2 + 3W) + W*out + out.

    `None` where something else is built than contrastive RL with the paper's residual networks.
    """
    env, algorithm = trainer.env, trainer.algorithm
    if type(algorithm) is not contrastive.ContrastiveRL:
        return None
    networks = eqx.filter_eval_shape(algorithm.build, env, jr.key(0))
    for network in (networks.actor, networks.critic.phi, networks.critic.psi):
        if not isinstance(network, nets.ResidualMLP) or type(network.blocks.blocks) is not nets.ResidualBlock:
            return None

    def count(argument: str, inputs: int, outputs: int) -> int:
        reference = used.bindings[Key("", "crl.algorithms.contrastive.ContrastiveRL", argument)].value
        of = {
            key.argument: binding.value
            for key, binding in used.bindings.items()
            if (key.scope, key.selector) == (reference.scope, reference.selector)
        }
        width, depth = of["width"], of["depth"]
        return inputs * width + 3 * width + depth * (width**2 + 3 * width) + width * outputs + outputs

    return {
        "actor": count("actor", env.obs_size + env.goal_size, 2 * env.action_size),
        "phi": count("critic", env.obs_size + env.action_size, 64),
        "psi": count("critic", env.goal_size, 64),
    }


@pytest.mark.parametrize("file", COMPLETE, ids=lambda file: file.stem)
def test_header_says_what_to_expect(file):
    header = [line for line in file.read_text().splitlines() if line.startswith("#")]
    for word in ("Reproduces:", "Expected:", "Cost:"):
        assert any(line.startswith(f"# {word}") for line in header), word
    assert f"# Command:    python tools/launch.py --gin configs/{file.name}" in header
    if "paper" in file.read_text().split("# Cost")[0].split("# Expected")[1] and "of 1000" in file.read_text():
        assert "MuJoCo" in " ".join(header)


def test_every_part_is_used():
    """By a complete configuration or a study; environments and algorithms are for users to put together."""
    text = "".join(file.read_text() for file in COMPLETE + STUDIES)
    assert "'train.gin'" in text
    unused = [part.name for part in PARTS if f"{part.parent.name}/{part.name}'" not in text]
    assert [
        name for name in unused if not any((ROOT / "configs" / kind / name).exists() for kind in ("env", "algo"))
    ] == []


@pytest.mark.parametrize("part", ENVS, ids=lambda part: part.stem)
def test_any_env_trains_with_contrastive_rl(part, monkeypatch):
    with as_a_user(monkeypatch):
        arguments = _build(part, CONTRASTIVE, TRAIN, settings=SMALL)
        train, test = arguments["trainer"].env, arguments["evaluate"].env
        assert type(train) is type(test)
        assert (train.obs_size, train.goal_size, train.action_size) == (test.obs_size, test.goal_size, test.action_size)
        assert part.read_text().startswith("# Part: ")


@pytest.mark.parametrize("part", ALGORITHMS, ids=lambda part: part.stem)
def test_any_algorithm_trains_on_a_point_maze(part, monkeypatch):
    bound = {str(key) for key in reading.read([part]).bindings}
    with as_a_user(monkeypatch):
        arguments = _build(ROOT / "configs/env/point_maze.gin", part, TRAIN, settings=SMALL)
        assert "crl.Trainer.algorithm" in bound and part.read_text().startswith("# Part: ")
        assert isinstance(arguments["trainer"].algorithm, crl.AbstractAlgorithm)


@pytest.mark.parametrize("maze", ["u4", "u5", "big"])
def test_the_ants_mazes_of_figure_1_are_tested_on_their_far_goals(maze):
    configuration = reading.read([ROOT / f"configs/env/ant_{maze}_maze.gin"])
    shown = {str(key): binding.value for key, binding in configuration.bindings.items()}
    assert shown["envs.AntMaze.maze"] == f"{maze}_maze" and shown["eval/envs.AntMaze.maze"] == f"{maze}_maze_eval"


def test_deepest_agent_is_the_papers():
    configuration = reading.read([ROOT / "configs/humanoid_1024.gin"])
    shown = {str(key): binding.value for key, binding in configuration.bindings.items()}
    assert shown["critic/nets.ResidualMLP.depth"] == 1024 and shown["actor/nets.ResidualMLP.depth"] == 512
    assert {name: shown[f"crl.Trainer.{name}"] for name in ("updates_per_collect", "batch_size")} == {
        "updates_per_collect": 800,
        "batch_size": 512,
    }
    assert {
        name: shown[f"crl.data.online.Online.{name}"]
        for name in ("num_envs", "unroll", "capacity_per_env", "prefill_per_env")
    } == {"num_envs": 512, "unroll": 62, "capacity_per_env": 10_000, "prefill_per_env": 1_000}
    assert shown["nets.ResidualMLP.width"] == 256 and shown["crl.goals.geometric.Geometric.discount"] == 0.99
    assert shown["optax.adam.learning_rate"] == 3e-4
    assert shown["crl.losses.infonce.infonce.logsumexp_penalty"] == 0.1
    assert shown["crl.algorithms.contrastive.ContrastiveRL.target_entropy_per_action"] == -0.5
