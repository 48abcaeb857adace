"""OpenGL without a window, from whichever library this machine has."""

import os
import sys
import warnings
from typing import Any

import mujoco

_OFF = ("disable", "disabled", "off", "false", "0")
_LIBRARIES = ("glfw", "egl", "osmesa")
_FONT = mujoco.mjtFontScale.mjFONTSCALE_100.value
_functions: bool | None = None  # whether MuJoCo has found OpenGL's functions; None before it has looked


class NoRenderer(RuntimeError):
    """MuJoCo cannot draw here: no OpenGL, or no model. The message is one sentence."""


def opengl(model: mujoco.MjModel, width: int, height: int) -> tuple[Any, mujoco.MjrContext]:
    """A current OpenGL context for pictures of this size, and what MuJoCo keeps in it.

    MuJoCo's own choice is made once, when it is imported, and without a display, or with one that is gone, falls on a
    library that fails. Here each is tried until one works, unless `MUJOCO_GL` names one.

    Raises NoRenderer where there is none.
    """
    asked = os.environ.get("MUJOCO_GL", "").lower().strip()
    if asked in _OFF:
        raise NoRenderer(f"MUJOCO_GL={asked} switches MuJoCo's drawing off.")
    failed: dict[str, Exception] = {}
    for library in (asked,) if asked in _LIBRARIES else _candidates():
        try:
            gl = _current(library, width, height)
        except Exception as error:  # each fails in its own way: ImportError, AttributeError, GLError, ...
            failed[library] = error
            continue
        try:
            return gl, mujoco.MjrContext(model, _FONT)
        except Exception as error:  # of what is to be drawn, as of a picture that is too large
            gl.free()
            raise _missing({library: error}) from error
    raise _missing(failed) from next(iter(failed.values()))


def _missing(failed: dict[str, Exception]) -> NoRenderer:
    reasons = "; ".join(f"{library}: {' '.join(str(e).split()).rstrip('.')}" for library, e in failed.items())
    return NoRenderer(f"MuJoCo found no OpenGL to draw with ({reasons}).")


def _candidates() -> tuple[str, ...]:
    """The libraries to try on this machine, best first."""
    if sys.platform != "linux":
        return ("glfw",)
    return _LIBRARIES if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") else ("egl", "osmesa")


def _current(library: str, width: int, height: int) -> Any:
    """A current context of a library with which MuJoCo can draw."""
    platform, loaded = os.environ.get("PYOPENGL_PLATFORM"), set(sys.modules)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # GLFW warns where it finds no display, and then fails
            gl = _context(library, width, height)
            gl.make_current()
            if library == "glfw" and sys.platform != "darwin":
                _check_glfw()
            _find_functions()
            return gl
    except Exception:
        # PyOpenGL is bound, when it is imported, to the library that has failed now; the next one needs its own.
        for name in set(sys.modules) - loaded:
            if name.split(".")[0] == "OpenGL" or name.startswith(("mujoco.egl", "mujoco.osmesa")):
                del sys.modules[name]
        if platform is None:
            os.environ.pop("PYOPENGL_PLATFORM", None)
        raise


def _find_functions() -> None:
    """Lets MuJoCo look for OpenGL's functions in the current context, for a model of nothing.

    It looks once in a process; where it fails, a second attempt would end the process.
    """
    global _functions
    if _functions is False:
        raise RuntimeError("MuJoCo has looked for OpenGL in vain before")
    if _functions is None:
        _functions = False
        mujoco.MjrContext(mujoco.MjSpec().compile(), _FONT).free()
        _functions = True


def _check_glfw() -> None:
    """Raises where GLFW has made no context, of which it only warns."""
    import glfw

    if not glfw.get_current_context():  # a null pointer
        raise RuntimeError("no window system answers")


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
