"""Which OpenGL library draws, tried in processes of their own: a library is chosen once in each."""

import sys

import processes
import pytest
from environment import users_environment

DRAW = """
import numpy as np, envs
env = envs.PointMaze(engine="native")
for again in range(2):
    try:
        print(bool(envs.render(env, np.ones((1, 2)), np.ones((1, 2)), 64, 48).any()))
    except envs.NoRenderer as reason:
        print(reason)
"""
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "MUJOCO_GL", "PYOPENGL_PLATFORM")


def drawn(code: str = DRAW, **variables: str) -> list[str]:
    """What two pictures in a row come to in a process with these environment variables and no other display."""
    here = {name: value for name, value in users_environment().items() if name not in DISPLAYS}
    done = processes.finish([sys.executable, "-c", code], env=here | variables)
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("display", [{"DISPLAY": ":77"}, {"WAYLAND_DISPLAY": "wayland-77"}])
def test_a_display_that_is_gone_hides_no_other_library(display):
    without = drawn()
    if without != ["True", "True"]:
        pytest.skip(f"There is no OpenGL without a display here: {without[0]}")
    assert drawn(**display) == without


def test_a_second_picture_fails_as_the_first():
    """MuJoCo itself ends the process when it is asked for a context again after it has found no OpenGL."""
    said = "MuJoCo found no OpenGL to draw with (glfw: no window system answers)."
    assert drawn(DISPLAY=":77", MUJOCO_GL="glfw") == [said, said]


def test_every_library_that_was_tried_is_named():
    tried = drawn(DISPLAY=":77", MUJOCO_EGL_DEVICE_ID="99", LD_LIBRARY_PATH="")
    if tried[0] == "True":
        pytest.skip("OSMesa draws here, so that nothing fails.")
    assert tried[0].startswith("MuJoCo found no OpenGL to draw with (glfw: no window system answers; egl: ")
    assert "; osmesa: " in tried[0] and tried[0].endswith(").") and len(tried) == 2


def test_a_picture_that_is_too_large_spoils_none_that_follow():
    if drawn()[0] != "True":
        pytest.skip("There is no OpenGL without a display here.")
    large = DRAW.replace("64, 48", "np.int64(64 if again else 10**6), 48")
    refused, fine = drawn(large)
    assert refused.startswith("MuJoCo found no OpenGL to draw with (egl: Offscreen framebuffer") and fine == "True"
