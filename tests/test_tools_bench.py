"""tools/bench.py: what it measures is measured here on a few rows for an instant; speeds are never asserted."""

import json
from pathlib import Path

import bench
import bench_physics
import exits
import numpy as np
import parts
import pytest
from tool_runs import as_a_user


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bench_physics, "_SECONDS", 0.01)
    monkeypatch.setattr(bench_physics, "REPEATS", dict.fromkeys(bench.ENGINES, 3))
    with as_a_user(monkeypatch):
        yield


def run(*arguments: str) -> int:
    return exits.guard(bench.main, ["bench.py", *arguments])


def test_physics_is_measured_beside_a_plain_loop_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for task in ("point_maze", "reacher"):
        assert run("physics", f"--tasks={task}", "--engines=native", "--rows=8", f"--out={tmp_path}") == exits.SUCCESS
    summary = json.loads((tmp_path / "summary.json").read_text())
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
    assert "times the same without contact caps, compiled in" in bench_physics.line("point_maze", "mjx", found)


def test_the_plain_loop_does_the_same_work():
    """As many substeps under controls of the same range: else the ratio says nothing."""
    env = parts.task("half_cheetah", "native")
    ours = bench_physics.Acting(env, 4)
    before = np.asarray(ours.state.env.physics.qpos)
    assert ours() > 0 and not np.array_equal(before, ours.state.env.physics.qpos)
    assert int(ours.state.t[0]) > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "What is to be measured?"),
        (("learning",), "What is to be measured?"),
        (("physics", "--tasks=point_mace"), "There is no task 'point_mace' in configs/env; did you mean point_maze?"),
        (("physics", "--engines=bullet"), "--engines bullet is unknown; there are native, mjx"),
        (("physics", "--rows=0"), "rows"),
    ],
)
def test_wrong_arguments(arguments, words, capsys):
    assert run(*arguments) == 2
    assert words in capsys.readouterr().err


def test_damaged_measurements_are_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "summary.json").write_text("{")
    assert run("physics", "--tasks=reacher", f"--out={tmp_path}") == 2
    assert "holds no measurements to add to" in capsys.readouterr().err
    assert (tmp_path / "summary.json").read_text() == "{"
