"""Films play everywhere, show what happened, and need no OpenGL."""

import re
import tempfile
from pathlib import Path

import imageio_ffmpeg
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import processes
import pytest
from eval_line import Line, go_and_stay, go_on

import envs
from evaluation import _video, film
from evaluation._drawing import View, drawings, extent
from evaluation._first_episode import shoot
from evaluation._mosaic import BORDER, GAP, HEADER, STRIP, tile_size
from evaluation._palette import AGENT, FALLEN, GOAL, IDLE, WALL

KEY = jr.key(0)


def decode(content: bytes, folder: Path) -> np.ndarray:
    """The frames of a film. ffmpeg is called directly: imageio-ffmpeg forks, which JAX warns about."""
    path = folder / "film.mp4"
    path.write_bytes(content)
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
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    env = envs.PointMaze(episode_length=20)
    content, how = film(env, lambda obs, goal, key: goal - obs[:2], KEY)
    assert how == "Drawn in 2-D from the states. MUJOCO_GL=disabled switches MuJoCo's drawing off."
    assert decode(content, tmp_path).shape[0] == 21 + 20
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_film_with_opengl_or_a_reason_why_not():
    content, how = film(envs.PointMaze(episode_length=6), lambda obs, goal, key: goal - obs[:2], KEY, agents=2)
    assert how == "Rendered by MuJoCo." or how.startswith("Drawn in 2-D from the states. M")
    assert len(content) > 1000


def test_of_an_endless_episode_the_beginning_is_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(_video, "MOST_STEPS", 5)
    for longest, asked in ((None, "2,147,483,647"), (7, "7")):
        content, how = film(Line(episode_length=2**31 - 1), go_and_stay, KEY, agents=1, longest=longest)
        assert how.endswith(f" It shows the first 5 of {asked} control steps.")
        assert len(decode(content, tmp_path)) == 6 + 20
    for whole in (5, 3):
        assert "first" not in film(Line(episode_length=2**31 - 1), go_and_stay, KEY, agents=1, longest=whole)[1]


@pytest.mark.parametrize("longest", [0, -1, True])
def test_a_wrong_number_of_steps_is_refused(longest):
    with pytest.raises(ValueError) as caught:
        film(Line(), go_on, KEY, longest=longest)
    assert str(caught.value) == f"evaluation.film.longest is {longest!r}; it must be a positive integer or None."


def test_borders_tell_who_is_at_the_goal_and_who_fell(tmp_path):
    # Four agents that never stop; those whose goal is at 3 m fall there, at their goal.
    env = Line(nearest=2, farthest=3, cliff=3.0)
    content, _ = film(env, go_on, KEY, agents=4)
    take = shoot(env, go_on, jr.split(KEY, 4))
    frames = decode(content, tmp_path)
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
    content, _ = film(Line(episode_length=999), go_and_stay, KEY, agents=1)
    frames = decode(content, tmp_path)
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
def test_a_wrong_number_of_agents_is_refused(agents):
    with pytest.raises((ValueError, TypeError), match="agents"):
        film(Line(), go_on, KEY, agents=agents)


def test_a_film_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    class Broken(Exception):
        pass

    def break_down(*args, **kwargs):
        raise Broken

    monkeypatch.setattr("evaluation._mosaic.Mosaic.frame", break_down)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(Broken):
        film(Line(), go_on, KEY, agents=1)
    assert list(tmp_path.iterdir()) == []


def test_goals_in_three_dimensions_are_drawn_from_above(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "disabled")
    env = envs.Humanoid(episode_length=2)
    assert film(env, lambda obs, goal, key: jnp.zeros(17), KEY, agents=2)[1].startswith("Drawn")
