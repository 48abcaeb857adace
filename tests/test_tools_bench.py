"""tools/bench.py: what it measures is measured here on a few rows for an instant; speeds are never asserted."""

import json
import os
from functools import partial
from pathlib import Path

import bench
import bench_alone
import bench_compile
import bench_learner
import bench_loop
import bench_memory
import bench_physics
import bench_replay
import bench_scaling
import bench_seeds
import equinox as eqx
import exits
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import parts
import pytest
from tool_runs import as_a_user

import crl
import envs
import nets


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bench_physics, "_SECONDS", 0.01)
    monkeypatch.setattr(bench_physics, "TURNS", dict.fromkeys(bench_physics.TURNS, 3))
    monkeypatch.setattr(bench_learner, "TURNS", 2)
    monkeypatch.setattr(bench_learner, "SECONDS", 0.001)
    monkeypatch.setattr(bench_learner, "STEPS", 1)
    with as_a_user(monkeypatch):
        yield


def run(*arguments: str) -> int:
    return exits.guard(bench.main, ["bench.py", *arguments])


def test_physics_is_measured_beside_a_plain_loop_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "summary.json"
    for task in ("point_maze", "reacher"):
        assert run("physics", f"--tasks={task}", "--engines=native", "--rows=8", f"--json={file}") == exits.SUCCESS
    summary = json.loads(file.read_text())
    assert set(summary["tasks"]) == {"point_maze", "reacher"}, "what was measured before stays"
    for found in summary["tasks"].values():
        native = found["native"]
        assert native["steps_per_second"] > 0 and native["beside"] > 0
        assert 0.01 < native["ratio"] < 10
    assert summary["run"]["native"]["command"].startswith("python bench.py physics")
    assert "reacher" in capsys.readouterr().out


def test_mjx_in_a_maze_is_measured_beside_itself_without_caps(monkeypatch: pytest.MonkeyPatch):
    env = parts.task("point_maze", "mjx")
    found = bench_physics.measure(env, 2)
    assert found["ratio"] > 0 and found["compile_seconds"] > 0
    assert (env.engine.model.numeric_data == 16).all(), "the caps of the environment itself stay"
    assert "times the same without contact caps, compiled in" in bench_physics.line(
        ("tasks", "point_maze", "mjx"), found
    )


def test_the_plain_loop_does_the_same_work():
    """As many substeps under controls of the same range: else the ratio says nothing."""
    env = parts.task("half_cheetah", "native")
    ours = bench_physics.Acting(env, 4)
    before = np.asarray(ours.state.env.physics.qpos)
    assert ours() > 0 and not np.array_equal(before, ours.state.env.physics.qpos)
    assert int(ours.state.t[0]) > 0


def test_the_learner_is_measured_beside_its_matrix_products(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    sizes = ("--depths=8", "--batches=6", "--widths=12")
    assert run("learner", *sizes, f"--json={tmp_path / 'summary.json'}") == exits.SUCCESS
    found = json.loads((tmp_path / "summary.json").read_text())["depth 8, batch 6, width 12"]["learner"]
    assert all(found[name] > 0 for name in ("blas", "xla", "chain", "blocks", "pair", "update"))
    assert found["ratio_low"] <= found["ratio"] <= found["ratio_high"]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].split()[:3] == ["8", "6", "12"]


def test_the_chain_does_the_matrix_work_of_the_blocks():
    """Else the ratio says nothing: three products of [batch, width] and [width, width] a layer."""
    depth, batch, width = 8, 6, 12
    x = jnp.ones((batch, width))
    blocks = nets.Stacked(partial(nets.ResidualBlock, width), depth // 4, key=jr.key(0))
    blocks, static = eqx.partition(blocks, eqx.is_array)
    means = 2 * 2 * batch * width * depth  # of the norm's gradient, on a CPU: two products with a vector a layer
    for apply, params, more in (
        (lambda p, x: jax.vmap(eqx.combine(p, static))(x), blocks, means),
        (bench_learner.chain, jnp.ones((depth, width, width)), 0),
    ):
        program = jax.make_jaxpr(bench_learner.gradient(apply, x))((params, x))
        assert crl.matmul_flops(program.jaxpr) == 3 * 2 * batch * width**2 * depth + more


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch):
    """Measures here what the tool measures in fresh processes."""
    monkeypatch.setattr(bench_replay, "CAPACITY", 130)
    monkeypatch.setattr(bench_replay, "BATCHES", 3)
    monkeypatch.setattr(bench_loop, "_SECONDS", 0.01)
    monkeypatch.setattr(bench_loop, "BATCH", 8)
    monkeypatch.setattr(bench_loop, "WIDTH", 8)
    monkeypatch.setattr(bench_scaling, "BASE", {"depth": 4, "batch": 8, "width": 12})
    for module in (bench_replay, bench_loop, bench_compile, bench_memory, bench_scaling):
        monkeypatch.setattr(module, "alone", lambda measure, *arguments, **environment: measure(*arguments))


@pytest.mark.parametrize(
    ("arguments", "names", "count"),
    [
        (("replay", "--envs=4", "--batches=8"), "seconds floor_seconds replay_gb ratio", 2),
        (("loop", "--envs=2", "--depths=4"), "env_steps updates acting plain learning chain process ratio", 1),
        (("memory", "--depths=32", "--batches=64", "--widths=16"), "parameters agent while_updating ratio", 3),
        (("scaling", "--depths=4,8", "--batches=8", "--widths=12"), "seconds gflops", 2),
    ],
)
def test_each_command_leaves_its_figures_and_a_line_each(
    in_this_process, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments, names: str, count: int
):
    assert run(*arguments, f"--json={tmp_path / 'out.json'}") == exits.SUCCESS
    summary = json.loads((tmp_path / "out.json").read_text())
    found = [figures[arguments[0]] for what, figures in summary.items() if what != "run"]
    assert len(found) == count
    for figures in found:
        assert all(figures[name] > 0 for name in names.split()), figures
        assert len(figures["git_commit"].split("+")[0]) == 40
    if arguments[0] == "memory":
        assert found[0]["ratio"] == 1 and found[1]["ratio"] < 1, "recomputing keeps less"
    drawn = arguments[0] in ("loop", "scaling")
    assert (tmp_path / "out.png").exists() == drawn
    assert len(capsys.readouterr().out.splitlines()) == 1 + count + drawn


def test_the_replay_that_is_sampled_is_full_and_has_episodes():
    replay = bench_replay._filled(envs.PointMaze(), 3, 130, jnp.float32)
    assert int(replay.fill) == 130 and float(jnp.abs(replay.obs).min()) > 0
    age = np.asarray(replay.episode[replay.row(jnp.arange(130, dtype=jnp.int32))])
    assert (np.diff(age, axis=0) >= 0).all()


def test_seeds_in_one_program_and_in_processes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bench_seeds, "SECONDS", 0.0)
    for seeds in (1, 3):
        assert bench_seeds.updating(4, 8, 12, seeds)["updates"] > 0


def test_alone_is_another_process_with_its_own_environment():
    assert bench_alone.alone(os.getenv, "BATHYAL_TEST", BATHYAL_TEST="7") == "7" and "BATHYAL_TEST" not in os.environ
    assert bench_alone.alone(os.getpid) != os.getpid()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "What is to be measured?"),
        (("learning",), "What is to be measured?"),
        (("physics", "--tasks=point_mace"), "There is no task 'point_mace' in configs/env; did you mean point_maze?"),
        (("physics", "--engines=bullet"), "--engines bullet is unknown; there are native, mjx"),
        (("physics", "--rows=0"), "rows"),
        (("learner", "--depths=6"), "--depths 6 is no multiple of a block's 4 layers"),
        (("learner", "--widths=wide"), "--widths wide must be integers >= 1"),
    ],
)
def test_wrong_arguments(arguments, words, capsys):
    assert run(*arguments) == 2
    assert words in capsys.readouterr().err


def test_damaged_measurements_are_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "summary.json").write_text("{")
    assert run("physics", "--tasks=reacher", f"--json={tmp_path / 'summary.json'}") == 2
    assert "holds no measurements to add to" in capsys.readouterr().err
    assert (tmp_path / "summary.json").read_text() == "{"
