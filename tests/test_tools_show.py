"""tools/show.py: a task's numbers, a picture, a film."""

from pathlib import Path

import exits
import imageio.v3 as iio
import pytest
import show
from tool_runs import ROOT, as_a_user


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(show, "STEPS", 4)
    with as_a_user(monkeypatch):
        yield


def run(*arguments: str) -> int:
    return exits.guard(show.main, ["show.py", *arguments])


def part(name: str) -> str:
    return str(ROOT / "configs" / "env" / f"{name}.gin")


@pytest.mark.parametrize("name", ["half_cheetah", "arm_grasp", "ant_ball_maze"])
def test_goals_of_any_size_are_shown(name, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run("--gin", part(name), "--out", str(tmp_path / "x"), "--agents=2") == exits.SUCCESS
    out = capsys.readouterr().out
    assert "engine           native" in out and "control step     0.05" in out
    if "No picture" not in out:  # there is OpenGL here
        assert iio.imread(tmp_path / "x" / "still.png").std() > 5
    assert (tmp_path / "x" / "film.mp4").stat().st_size > 1_000


def test_without_opengl_the_film_is_drawn_in_2d(tmp_path: Path, capsys, monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "disabled")
    assert run("--gin", part("half_cheetah"), "--out", str(tmp_path), "--agents=1") == exits.SUCCESS
    out = capsys.readouterr().out
    assert "No picture: MUJOCO_GL=disabled" in out and "Drawn in 2-D" in out
    assert (tmp_path / "film.mp4").exists() and not (tmp_path / "still.png").exists()


def test_what_is_tested_in_is_shown_when_asked_for(tmp_path: Path, capsys):
    maze = "'1111/1RG1/1111'"
    for arguments, shown in (((), "111111"), (("--eval",), "1111/1RG1/1111")):
        setting = f"eval/envs.PointMaze.maze = {maze}"
        assert run("--gin", part("point_maze"), "--set", setting, f"--out={tmp_path}", "--agents=1", *arguments) == 0
        assert (f"maze             {shown}" in capsys.readouterr().out) == bool(arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--gin is missing: which task?"),
        (("--gin=nowhere.gin",), "there is no file nowhere.gin"),
        (("--gin", part("ant"), "--set", "envs.Ant.radius = -1.0"), "`radius` must be a positive number of metres"),
        (("--gin", str(ROOT / "configs/algo/contrastive.gin")), "`crl.Trainer.env` is not bound"),
        (("--gin", part("ant"), "--agents=99"), "agents"),
        (("--gin", part("ant"), "--colour=red"), "colour"),
    ],
)
def test_wrong_arguments(arguments, words, capsys, tmp_path):
    assert run(*arguments, f"--out={tmp_path / 'x'}") == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
