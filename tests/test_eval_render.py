"""MuJoCo's pictures: what they show where there is OpenGL, and what is said where there is none."""

import jax.random as jr
import numpy as np
import pytest
from eval_line import Line

import envs

SIZE = (160, 120)  # width, height


def pictures(env: envs.AbstractEnv, moves: np.ndarray) -> np.ndarray:
    """Pictures of a start moved along its first coordinates; black where there is no OpenGL."""
    state = env.reset(jr.key(0))
    qpos = np.tile(np.asarray(state.physics.qpos), (len(moves), 1))
    qpos[:, : moves.shape[1]] += moves
    goals = np.tile(np.asarray(state.goal), (len(moves), 1))
    try:
        return envs.render(env, qpos, goals, *SIZE)
    except envs.NoRenderer as reason:
        assert str(reason).startswith(("MuJoCo found no OpenGL to draw with", "MUJOCO_GL="))
        return np.zeros((len(moves), SIZE[1], SIZE[0], 3), np.uint8)


@pytest.mark.parametrize("family", [envs.PointMaze, envs.AntMaze, envs.Ant, envs.Humanoid])
def test_a_picture_of_every_family(family):
    env = family(episode_length=2)
    before = env.engine.model.geom_rgba.copy()
    seen = pictures(env, np.array([[0.0, 0.0], [0.0, 0.0], [0.4, 0.4]]))
    assert seen.shape == (3, 120, 160, 3) and seen.dtype == np.uint8
    assert (env.engine.model.geom_rgba == before).all(), "a copy is styled, not the engine's model"
    np.testing.assert_array_equal(seen[0], seen[1])
    if seen.any():
        assert (seen[0] != seen[2]).any(), "the agent moved"
        teal = (seen[0, ..., 1] > 100) & (seen[0, ..., 1] > 1.3 * seen[0, ..., 0].astype(float))
        assert teal.any(), "the goal is in the picture"


def test_a_maze_is_seen_as_it_is_written():
    env = envs.PointMaze(maze="1111/1R01/10G1/1111")
    start, goal = np.asarray(env.reset(jr.key(0)).physics.qpos), np.array([[2.0, 2.0]])
    # From row 1, column 1 to row 1, column 2: to the right.
    try:
        seen = envs.render(env, np.array([[1.0, 1.0], [1.0, 2.0]]) + 0 * start, np.tile(goal, (2, 1)), 120, 120)
    except envs.NoRenderer:
        return
    moved = np.argwhere(np.abs(seen[0].astype(int) - seen[1]).sum(axis=-1) > 60)
    rows, columns = moved[:, 0], moved[:, 1]
    assert rows.max() < 60 and columns.min() < 50 and columns.max() > 70


@pytest.mark.parametrize("off", ["disabled", "off", "0"])
def test_drawing_can_be_switched_off(monkeypatch, off):
    monkeypatch.setenv("MUJOCO_GL", off)
    env = envs.PointMaze()
    with pytest.raises(envs.NoRenderer, match=f"MUJOCO_GL={off} switches"):
        envs.render(env, np.zeros((1, 2)), np.zeros((1, 2)), *SIZE)


def test_no_window_system_is_one_sentence(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(envs.NoRenderer, match=r"^MuJoCo found no OpenGL to draw with \(glfw: .*\)\.$"):
        envs.render(envs.PointMaze(), np.zeros((1, 2)), np.zeros((1, 2)), *SIZE)


def test_an_engine_without_a_mujoco_model_cannot_be_drawn():
    with pytest.raises(envs.NoRenderer, match="'line' has no MuJoCo model"):
        envs.render(Line(), np.zeros((1, 2)), np.zeros((1, 2)), *SIZE)
