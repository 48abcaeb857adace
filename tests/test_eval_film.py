"""Films play everywhere, show what happened, and need no OpenGL."""

import re
from pathlib import Path

import imageio_ffmpeg
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import processes
import pytest
from eval_line import Line, go_and_stay, go_on

import envs
from evaluation import film
from evaluation._drawing import View, drawings, extent
from evaluation._first_episode import shoot
from evaluation._mosaic import BORDER, GAP, HEADER, STRIP, tile_size
from evaluation._palette import AGENT, FALLEN, GOAL, IDLE, WALL

KEY = jr.key(0)


def decode(path: Path) -> np.ndarray:
    """The frames of a film. ffmpeg is called directly: imageio-ffmpeg forks, which JAX warns about."""
    options = f"-v error -i {path} -f rawvideo -pix_fmt rgb24 -".split()
    raw = processes.finish([imageio_ffmpeg.get_ffmpeg_exe(), *options], text=False).stdout
    size = re.search(r"Video: h264.*?, yuv420p.*?, (\d+)x(\d+)", describe(path))
    assert size, "H.264 with the colours that browsers know"
    width, height = int(size[1]), int(size[2])
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def describe(path: Path) -> str:
    """What ffmpeg says about a file."""
    return processes.finish([imageio_ffmpeg.get_ffmpeg_exe(), "-i", path], status=1).stderr  # for want of an output


def test_a_film_without_opengl_says_so_and_plays_in_browsers(tmp_path, monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "disabled")
    path = tmp_path / "new" / "film.mp4"
    env = envs.PointMaze(episode_length=20)
    how = film(env, lambda obs, goal, key: goal - obs[:2], KEY, path)
    assert how == "Drawn in 2-D from the states. MUJOCO_GL=disabled switches MuJoCo's drawing off."
    assert decode(path).shape[0] == 21 + 20
    assert [file.name for file in path.parent.iterdir()] == ["film.mp4"]


def test_a_film_with_opengl_or_a_reason_why_not(tmp_path):
    path = tmp_path / "film.mp4"
    how = film(envs.PointMaze(episode_length=6), lambda obs, goal, key: goal - obs[:2], KEY, path, agents=2)
    assert how == "Rendered by MuJoCo." or how.startswith("Drawn in 2-D from the states. M")
    assert path.stat().st_size > 1000


def test_borders_tell_who_is_at_the_goal_and_who_fell(tmp_path):
    # Four agents that never stop; those whose goal is at 3 m fall there, at their goal.
    env = Line(nearest=2, farthest=3, cliff=3.0)
    path = tmp_path / "film.mp4"
    film(env, go_on, KEY, path, agents=4)
    take = shoot(env, go_on, jr.split(KEY, 4))
    frames = decode(path)
    cell = np.array(tile_size(1.0, 4)) + 2 * BORDER + GAP + (STRIP, 0)
    assert len(frames) == 4 + 20, "four moments, and the last one for a second"
    assert set(take.goal[0, :, 0]) == {2.0, 3.0}, "both cases are in the film"
    for frame, moment in ((0, 0), (2, 2), (3, 3), (-1, 3)):
        for i in range(4):
            top, left = HEADER + cell[0] * (i // 2), GAP + cell[1] * (i % 2)
            colour = GOAL if take.at_goal[moment, i] else FALLEN if take.fallen[moment, i] else IDLE
            seen = frames[frame, top + 2, left + 200].astype(int)
            assert abs(seen - colour).max() < 25, (moment, i, seen, colour)


def test_episodes_that_end_early_stand_still():
    env = Line(nearest=1, farthest=6, cliff=4.0)
    take = shoot(env, go_on, jr.split(KEY, 8))
    assert take.position.shape == (5, 8, 2), "nobody lives longer than four steps"
    np.testing.assert_array_equal(take.position[:, :, 0], np.arange(5.0)[:, None] * np.ones(8))
    assert take.fallen[-1].all() and not take.fallen[:-1].any()

    def some_go(obs, goal, key):
        return jnp.where(goal[0] > 3, go_on(obs, goal, key), 0.0)

    mixed = shoot(env, some_go, jr.split(KEY, 8))
    runs = mixed.goal[0, :, 0] > 3
    assert runs.any() and not runs.all() and len(mixed.position) == env.episode_length + 1
    np.testing.assert_array_equal(mixed.position[4:, runs, 0], 4.0)
    np.testing.assert_array_equal(mixed.goal, np.broadcast_to(mixed.goal[:1], mixed.goal.shape))


def test_a_long_episode_is_shown_faster(tmp_path):
    path = tmp_path / "film.mp4"
    film(Line(episode_length=999), go_and_stay, KEY, path, agents=1)
    frames = decode(path)
    assert 200 <= len(frames) <= 261, "at most 12 s and the last second"


def test_a_maze_is_drawn_as_it_is_written():
    maze = envs.Maze("11111/1R001/11101/10G01/11111", 2.0)
    size = (360, 360)
    position = np.array([[[2.0, 6.0]], [[4.0, 6.0]]])  # row 1, column 3; then row 2
    drawn = list(drawings(position, np.array([[6.0, 4.0]]), np.zeros((2, 1), bool), maze, 0.5, size))
    view = View(*extent(maze), size)
    for frame, at in zip(drawn, position, strict=True):
        row, column = view.pixel(at[0]).round().astype(int)
        assert row < 180 < column or at[0, 0] == 4.0
        assert abs(frame[0, row, column].astype(int) - AGENT).max() <= 1
        row, column = view.pixel(np.array([4.0, 3.0])).round().astype(int)
        assert tuple(frame[0, row, column]) == WALL


@pytest.mark.parametrize("agents", [0, 13, 1.5, True])
def test_a_wrong_number_of_agents_is_refused(tmp_path, agents):
    with pytest.raises((ValueError, TypeError), match="agents"):
        film(Line(), go_on, KEY, tmp_path / "film.mp4", agents=agents)


def test_a_film_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    class Broken(Exception):
        pass

    def break_down(*args, **kwargs):
        raise Broken

    monkeypatch.setattr("evaluation._mosaic.Mosaic.frame", break_down)
    with pytest.raises(Broken):
        film(Line(), go_on, KEY, tmp_path / "film.mp4", agents=1)
    assert list(tmp_path.iterdir()) == []


def test_goals_in_three_dimensions_are_drawn_from_above(tmp_path, monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "disabled")
    env = envs.Humanoid(episode_length=2)
    assert film(env, lambda obs, goal, key: jnp.zeros(17), KEY, tmp_path / "film.mp4", agents=2).startswith("Drawn")
