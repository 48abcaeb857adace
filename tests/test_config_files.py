"""Every complete configuration is read, built and accounted for; only its arrays are not made."""

import inspect
from dataclasses import replace
from pathlib import Path

import composition
import pytest
import reading
import trust
from tool_runs import as_a_user

import crl

ROOT = Path(__file__).parent.parent
COMPLETE = sorted((ROOT / "configs").glob("*.gin"))
STUDIES = sorted((ROOT / "configs/study").glob("*.gin"))
PARTS = [part for part in sorted((ROOT / "configs").glob("*/*.gin")) if part not in STUDIES]


@pytest.mark.parametrize("file", COMPLETE, ids=lambda file: file.stem)
def test_complete_configuration_builds(file, monkeypatch):
    with as_a_user(monkeypatch):
        _build(file)


def _build(file: Path) -> None:
    configuration = reading.read([file])
    configuration.check()
    trust.check(configuration)
    composition.load(configuration)
    arguments = composition.build_arguments(configuration, crl.train, given=("run",))
    trainer = arguments["trainer"]
    plan = crl.plan(trainer, arguments["env_steps"], arguments["eval_every"])
    used = composition.operative(configuration, crl.train)
    composition.refuse_unused(configuration, used)
    assert plan.updates > 0
    assert sum(plan.parameters.values()) == sum(_paper_count(trainer.env, used).values()) + 1  # and log_alpha
    assert {key.argument for key in used.bindings if key.selector == "crl.train"} == (
        set(inspect.signature(crl.train).parameters) - {"run", "config"}
    )


def _paper_count(env, used) -> dict[str, int]:
    """Parameters by the paper's formula: in*W + 3W + D*(W^2 + 3W) + W*out + out."""

    def count(scope: str, inputs: int, outputs: int) -> int:
        of = {
            key.argument: b.value
            for key, b in used.bindings.items()
            if str(key).startswith(f"{scope}/nets.ResidualMLP")
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
    text = "".join(file.read_text() for file in COMPLETE + STUDIES)
    unused = [part.name for part in PARTS if f"{part.parent.name}/{part.name}'" not in text]
    assert [name for name in unused if not (ROOT / "configs/env" / name).exists()] == []


@pytest.mark.parametrize("part", sorted((ROOT / "configs/env").glob("*.gin")), ids=lambda part: part.stem)
def test_a_task_needs_nothing_but_an_algorithm_and_networks(part, monkeypatch):
    with as_a_user(monkeypatch):
        configuration = reading.read([part, ROOT / "configs/algo/crl.gin", ROOT / "configs/net/residual.gin"])
        configuration.check()
        composition.load(configuration)
        arguments = composition.build_arguments(configuration, crl.train, given=("run",))
        used = composition.operative(configuration, crl.train)
        # What the algorithm's own bindings are used for is seen when an update is traced, which this does not.
        of_the_task = {key: b for key, b in configuration.bindings.items() if key.selector.startswith("envs.")}
        composition.refuse_unused(replace(configuration, bindings=of_the_task), used)
        train, test = arguments["trainer"].env, arguments["evaluate"].env
        assert type(train) is type(test)
        assert (train.obs_size, train.goal_size, train.action_size) == (test.obs_size, test.goal_size, test.action_size)
        assert part.read_text().startswith("# Part: ")


@pytest.mark.parametrize("maze", ["u4", "u5", "big"])
def test_the_ants_mazes_of_figure_1_are_tested_on_their_far_goals(maze):
    configuration = reading.read([ROOT / f"configs/env/ant_{maze}_maze.gin"])
    shown = {str(key): binding.value for key, binding in configuration.bindings.items()}
    assert shown["envs.AntMaze.maze"] == f"{maze}_maze" and shown["eval/envs.AntMaze.maze"] == f"{maze}_maze_eval"


def test_deepest_agent_is_the_papers():
    configuration = reading.read([ROOT / "configs/humanoid_1024.gin"])
    shown = {str(key): binding.value for key, binding in configuration.bindings.items()}
    assert shown["critic/nets.ResidualMLP.depth"] == 1024 and shown["actor/nets.ResidualMLP.depth"] == 512
    assert {name: shown[f"crl.Trainer.{name}"] for name in ("num_envs", "unroll", "updates", "batch_size")} == {
        "num_envs": 512,
        "unroll": 62,
        "updates": 800,
        "batch_size": 512,
    }
    assert (shown["crl.Trainer.capacity"], shown["crl.Trainer.prefill"]) == (10_000, 1_000)
    assert shown["nets.ResidualMLP.width"] == 256 and shown["crl.GeometricGoals.discount"] == 0.99
    assert shown["optax.adam.learning_rate"] == 3e-4 and shown["crl.infonce.logsumexp_penalty"] == 0.1
