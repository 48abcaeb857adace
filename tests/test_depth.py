"""Depth costs time and memory, not compilation: the paper's deepest agent learns on a CPU."""

import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import equinox as eqx
import jax
import jax.random as jr
import processes
import pytest
import trainers
from environment import users_environment

import crl
import envs
import nets
from crl.algorithms.contrastive import ContrastiveRL

ROOT = Path(__file__).parent.parent


def trainer(depth: int, width: int = 8, batch_size: int = 16) -> crl.Trainer:
    network = partial(nets.ResidualMLP, width=width, depth=depth, remat=1)
    algorithm = ContrastiveRL(actor=network, critic=network, embedding=8)
    sizes = {"num_envs": 8, "capacity_per_env": 100, "prefill_per_env": 50}
    return trainers.trainer(envs.PointMaze(), algorithm, batch_size=batch_size, **sizes)


def lower(of: crl.Trainer):
    """One whole update, traced and lowered for its shapes."""
    agent = eqx.filter_eval_shape(of.init, jr.key(0)).agent
    arrays, static = eqx.partition(agent, lambda x: isinstance(x, jax.ShapeDtypeStruct))

    def update(arrays, batch, key):
        return eqx.filter(of.algorithm.update(eqx.combine(arrays, static), batch, key), eqx.is_array)

    return jax.jit(update).lower(arrays, eqx.filter_eval_shape(of.blank_batch), jr.key(0))


def test_the_program_of_an_update_does_not_grow_with_depth():
    lines = [len(lower(trainer(depth)).as_text().splitlines()) for depth in (8, 1024)]
    assert lines[1] <= 1.05 * lines[0]


def test_the_plan_counts_what_depth_costs():
    shallow, deep = (crl.plan(trainer(depth), 1_000, 1_000) for depth in (8, 1024))
    assert sum(deep.parameters.values()) > 50 * sum(shallow.parameters.values())
    # Each of actor, phi and psi has depth x (forward + backward), phi runs once more for the actor.
    per_layer = 2 * 8 * 8 * 16  # one product of [16, 8] and [8, 8]
    added = (deep.flops_per_update - shallow.flops_per_update) / ((1024 - 8) * per_layer)
    assert 11 <= added <= 18  # 3 x 3 + 2 without recomputation, one forward more for each of four passes with it


def test_a_run_that_cannot_fit_is_refused(tmp_path: Path):
    sizes = {"num_envs": 4096, "capacity_per_env": 10_000_000}
    plan = crl.plan(trainers.trainer(envs.Humanoid(), trainer(8).algorithm, **sizes), 1_000, 1_000)
    with pytest.raises(ValueError, match=r"needs about [\d,.]+ GB of memory and [\d,.]+ GB are free"):
        plan.refuse_if_too_large(tmp_path)


@pytest.mark.proof
def test_an_update_of_1024_layers_compiles_about_as_fast_as_one_of_4():
    """In a process of its own, because the suite switches LLVM's optimisation off."""
    done = processes.finish([sys.executable, __file__], env=users_environment(), stderr=None)
    medians = json.loads(done.stdout)
    print("CPU seconds to trace and compile one update, by depth:", medians)
    assert medians["1024"] <= 1.5 * medians["4"]


def compile_seconds() -> dict[int, float]:
    """CPU seconds to trace and compile one update, by depth: medians of 5, interleaved."""
    seconds: dict[int, list[float]] = {4: [], 8: [], 1024: []}
    for _ in range(5):
        for depth, measured in seconds.items():
            began = time.process_time()
            lower(trainer(depth, width=256, batch_size=512)).compile()
            measured.append(time.process_time() - began)
            jax.clear_caches()
    return {depth: statistics.median(measured) for depth, measured in seconds.items()}


def humanoid_1024(run_dir: Path, environment: Mapping[str, str], **more: int) -> dict[str, int | float]:
    """Runs `humanoid_1024.gin` with environments, replay and steps reduced; returns its last line of metrics."""
    settings = {
        "online.Online.num_envs": 16,
        "online.Online.capacity_per_env": 200,
        "online.Online.prefill_per_env": 62,
        "crl.train.env_steps": 992,
        "evaluation.Evaluator.episodes": 1,
        **{name.replace("__", "."): value for name, value in more.items()},
    }
    sets = [f"--set={name} = {value}" for name, value in settings.items()]
    config = str(ROOT / "configs/humanoid_1024.gin")
    launch = [sys.executable, str(ROOT / "tools/launch.py"), "--gin", config, "--run_dir", str(run_dir)]
    processes.finish([*launch, *sets], env=environment)
    last = crl.read_metrics(run_dir / "metrics.jsonl")[-1]
    print(json.dumps(last, indent=1))
    return last


def test_humanoid_1024_performs_an_update_of_all_its_layers(tmp_path: Path):
    last = humanoid_1024(
        tmp_path,
        os.environ,
        crl__Trainer__updates_per_collect=1,
        crl__Trainer__batch_size=16,
        nets__ResidualMLP__width=4,
    )
    assert last["updates"] == 1
    operative = (tmp_path / "operative_config.gin").read_text()
    assert "critic/nets.ResidualMLP.depth = 1024" in operative and "actor/nets.ResidualMLP.depth = 512" in operative


@pytest.mark.proof
def test_humanoid_1024_performs_real_updates(tmp_path: Path):
    """Widths, depths and batch as they stand."""
    last = humanoid_1024(tmp_path, users_environment(), crl__Trainer__updates_per_collect=3)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6:.1f} GB")
    assert last["updates"] == 3


if __name__ == "__main__":
    print(json.dumps(compile_seconds()))
