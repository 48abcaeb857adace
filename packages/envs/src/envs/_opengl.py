"""OpenGL without a window, from whichever library this machine has."""

import os
import sys
import warnings
from typing import Any

import mujoco

_OFF = ("disable", "disabled", "off", "false", "0")


class NoRenderer(RuntimeError):
    """MuJoCo cannot draw here: no OpenGL, or no model. The message is one sentence."""


def opengl(model: mujoco.MjModel, width: int, height: int) -> tuple[Any, mujoco.MjrContext]:
    """A current OpenGL context for pictures of this size, and what MuJoCo keeps in it.

    MuJoCo's own choice is made once, when it is imported, and without a display falls on a library that
    fails.

    Raises NoRenderer where there is none.
    """
    asked = os.environ.get("MUJOCO_GL", "").lower().strip()
    if asked in _OFF:
        raise NoRenderer(f"MUJOCO_GL={asked} switches MuJoCo's drawing off.")
    windows = sys.platform != "linux" or bool(os.environ.get("DISPLAY"))
    library = asked if asked in ("egl", "glfw", "osmesa") else "glfw" if windows else "egl"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # GLFW warns where it finds no display, and then fails
            gl = _context(library, width, height)
            gl.make_current()
            return gl, mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
    except Exception as error:  # each library fails in its own way: ImportError, AttributeError, GLError, ...
        reason = " ".join(str(error).split()).rstrip(".")
        raise NoRenderer(f"MuJoCo found no OpenGL to draw with ({library}: {reason}).") from error


def _context(library: str, width: int, height: int) -> Any:
    if library == "egl":
        from mujoco.egl import GLContext
    elif library == "osmesa":
        from mujoco.osmesa import GLContext
    elif sys.platform == "darwin":
        from mujoco.cgl import GLContext
    else:
        from mujoco.glfw import GLContext
    return GLContext(width, height)
