"""MuJoCo's pictures: what they show where there is OpenGL, and what is said where there is none."""

import itertools

import jax.numpy as jnp
import jax.random as jr
import mujoco
import numpy as np
import pytest
from eval_line import Line

import envs
from envs._camera import FIELD_OF_VIEW, aim

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


FAMILIES = [
    envs.PointMaze,
    envs.AntMaze,
    envs.AntPush,
    envs.Ant,
    envs.Humanoid,
    envs.HalfCheetah,
    envs.Reacher,
    envs.Pusher,
    envs.ArmReach,
]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_picture_of_every_family(family):
    env = family(episode_length=2)
    before = env.engine.model.geom_rgba.copy()
    seen = pictures(env, np.array([[0.0, 0.0], [0.0, 0.0], [0.4, 0.4]]))
    assert seen.shape == (3, 120, 160, 3) and seen.dtype == np.uint8
    assert (env.engine.model.geom_rgba == before).all(), "a copy is styled, not the engine's model"
    np.testing.assert_allclose(seen[0], seen[1], atol=1, rtol=0)  # a texture's last bit may differ
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


@pytest.mark.parametrize("aspect", [0.6, 1.0, 1.5])
@pytest.mark.parametrize("azimuth, elevation", [(180.0, -90.0), (180.0, -72.0), (235.0, -32.0), (90.0, -14.0)])
@pytest.mark.parametrize("boxed", [False, True])
def test_everything_is_in_the_picture_and_fills_it(aspect, azimuth, elevation, boxed):
    rng = np.random.default_rng(0)
    centres, radii = rng.uniform(-4, 4, (3, 3)), rng.uniform(0.1, 1, 3)
    box = ((-1.0, -2.0, 0.0), (1.0, 3.0, 0.5)) if boxed else None
    camera = mujoco.MjvCamera()
    aim(camera, envs.Viewpoint(azimuth, elevation, box), centres, radii, aspect)
    if box is not None:
        centres, radii = np.array(list(itertools.product(*zip(*box, strict=True)))), np.zeros(8)
    # The eye by MuJoCo's definition of a free camera: `distance` behind `lookat`.
    a, e = np.radians([azimuth, elevation])
    forward = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    right = np.array([np.sin(a), -np.cos(a), 0.0])
    seen = centres - (np.asarray(camera.lookat) - camera.distance * forward)
    depth = seen @ forward
    used = []
    for axis, slope in ((right, aspect), (np.cross(right, forward), 1.0)):
        slope = slope * np.tan(np.radians(FIELD_OF_VIEW / 2))
        # A cone of this slope holds a sphere if its axis is nearer to the centre than the sphere is wide.
        used += [np.max((side * (seen @ axis) + radii * np.sqrt(1 + slope**2)) / (slope * depth)) for side in (1, -1)]
    assert max(used) < 1.0 and max(used) > 0.9


def test_a_goal_has_a_place_whatever_its_numbers_mean():
    maze, cheetah, grasp = envs.PointMaze(), envs.HalfCheetah(goal_x=3.0), envs.ArmGrasp()
    np.testing.assert_allclose(maze.goal_position(jnp.array([1.0, 2.0])), [1, 2, 0])
    np.testing.assert_allclose(envs.Reacher().goal_position(jnp.array([0.1, 0.2, 0.01])), [0.1, 0.2, 0.01])
    np.testing.assert_allclose(cheetah.goal_position(jnp.array([3.0])), [3, 0, 0.7], rtol=1e-6)
    state = grasp.reset(jr.key(1))
    np.testing.assert_allclose(grasp.goal_position(state.goal), grasp.cube(state.physics), atol=1e-6)


def test_a_goal_shows_what_is_inside_it():
    env = envs.ArmPush()
    qpos = np.asarray(env.reset(jr.key(0)).physics.qpos)
    cube = qpos[env.engine.model.joint("cube").qposadr[0] :][:3]
    try:
        far, inside = envs.render(env, np.stack([qpos, qpos]), np.stack([cube + np.array([0.4, 0, 0]), cube]), *SIZE)
    except envs.NoRenderer:
        return
    cube_seen = (far[..., 0] > 90) & (far[..., 0] > 2.0 * far[..., 2].astype(float))  # reddish: no arm, goal or floor
    assert cube_seen.sum() > 20
    teal = 0.18 * 255
    assert (inside[cube_seen][:, 0] > 2 * teal).mean() > 0.8
