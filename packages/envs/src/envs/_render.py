"""Pictures of states, drawn by MuJoCo without a window."""

import copy
import os
import sys
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jaxtyping import Float, UInt8

from envs._base import AbstractEnv

_OFF = ("disable", "disabled", "off", "false", "0")
_GOAL = (0.18, 0.83, 0.7)
_GOAL_FAR, _GOAL_NEAR = 0.6, 0.2  # opacity: plain to see from far, and not in the way of an agent inside
_WALL = (0.27, 0.38, 0.5, 1.0)
_FLOOR = (0.11, 0.18, 0.26, 1.0)
_CHECKS = ((24, 42, 60), (33, 54, 75))  # 8-bit colours of a floor's pattern, dark to light
_SKY = (9, 18, 28)
_FIELD_OF_VIEW = 24.0  # degrees; narrow, so that walls seen from above hide little of the floor behind them


class NoRenderer(RuntimeError):
    """MuJoCo cannot draw here: no OpenGL, or no model. The message is one sentence."""


class Renderer:
    """Draws states of one environment at one size; a context manager that holds the OpenGL context.

    A maze is seen from above, rows downwards and columns to the right, as its text is written. An arm is seen with
    its workspace. Elsewhere the camera keeps the agent and its goal in view. A goal is a sphere whose radius is the
    success threshold. There are no shadows, reflections or multisampling: without a GPU they cost ten times the rest.

    OpenGL comes from EGL where there is no display; the environment variable `MUJOCO_GL` (`egl`, `glfw`,
    `osmesa`, or `disabled`) chooses otherwise.
    """

    def __init__(self, env: AbstractEnv, width: int, height: int):
        """**Arguments**
        - `env`: its engine holds the model to draw.
        - `width`, `height`: of a picture, in pixels.

        Raises NoRenderer where there is no OpenGL, or where the engine has no MuJoCo model.
        """
        model = model_of(env)
        self._env, self._shape = env, (height, width)
        self._model = _styled(model, width, height)
        self._gl, self._context = _opengl(self._model, width, height)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        self._scene = mujoco.MjvScene(self._model, maxgeom=model.ngeom + 100)
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            self._scene.flags[flag] = False
        self._data, self._option = mujoco.MjData(self._model), mujoco.MjvOption()
        self._camera = mujoco.MjvCamera()

    def __call__(
        self, qpos: Float[np.ndarray, "time nq"], goals: Float[np.ndarray, "time goal"]
    ) -> UInt8[np.ndarray, "time height width rgb"]:
        """One picture a state, from generalised positions and goals in the task's own numbers."""
        self._gl.make_current()
        pictures = np.empty((len(qpos), *self._shape, 3), np.uint8)
        places = np.asarray(jax.vmap(self._env.goal_position)(jnp.asarray(goals)), np.float64)
        for picture, state, place in zip(pictures, qpos, places, strict=True):
            self._draw(picture, state, place)
        return pictures[:, ::-1]  # OpenGL's first row is the lowest

    def _draw(self, picture: np.ndarray, qpos: np.ndarray, goal: np.ndarray) -> None:
        model, data, scene = self._model, self._data, self._scene
        data.qpos[:] = qpos
        # What drawing needs, and no more of the dynamics.
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_camlight(model, data)
        height, width = self._shape
        _aim(self._camera, self._env, data.subtree_com[1], goal, width / height)
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(model, data, self._option, None, self._camera, everything, scene)
        radius = self._env.threshold
        inside = np.linalg.norm(data.subtree_com[1][:2] - goal[:2]) < 1.5 * radius
        colour = np.array([*_GOAL, _GOAL_NEAR if inside else _GOAL_FAR], np.float32)
        sphere, size = mujoco.mjtGeom.mjGEOM_SPHERE.value, np.full(3, radius, np.float64)
        mujoco.mjv_initGeom(scene.geoms[scene.ngeom], sphere, size, goal, np.eye(3).ravel(), colour)
        scene.ngeom += 1
        rectangle = mujoco.MjrRect(0, 0, width, height)
        mujoco.mjr_render(rectangle, scene, self._context)
        mujoco.mjr_readPixels(picture, None, rectangle, self._context)

    def __enter__(self) -> "Renderer":
        return self

    def __exit__(self, *_: object) -> None:
        self._gl.make_current()
        self._context.free()
        self._gl.free()


def render(
    env: AbstractEnv,
    qpos: Float[np.ndarray, "time nq"],
    goals: Float[np.ndarray, "time goal"],
    width: int,
    height: int,
) -> UInt8[np.ndarray, "time height width rgb"]:
    """Draws states of `env`, each with its goal: `Renderer`, for one call."""
    with Renderer(env, width, height) as renderer:
        return renderer(qpos, goals)


def model_of(env: AbstractEnv) -> mujoco.MjModel:
    """The MuJoCo model to draw, which must not be changed; raises `NoRenderer` where the engine has none."""
    model = getattr(env.engine, "model", None)
    if not isinstance(model, mujoco.MjModel):
        raise NoRenderer(f"The engine {env.engine.name!r} has no MuJoCo model to draw.")
    return model


def _styled(model: mujoco.MjModel, width: int, height: int) -> mujoco.MjModel:
    """A copy to draw: ground and walls in calm dark colours, so that one sees the agent and its goal."""
    model = copy.copy(model)
    model.vis.quality.offsamples = 0
    model.vis.quality.shadowsize = 0
    model.vis.quality.numslices, model.vis.quality.numstacks = 16, 10
    model.vis.global_.offwidth, model.vis.global_.offheight = width, height
    model.vis.global_.fovy = _FIELD_OF_VIEW
    model.light_active[:] = 0  # the lamp on the camera lights every model alike
    model.vis.headlight.active = 1
    model.vis.headlight.ambient[:] = 0.45
    model.vis.headlight.diffuse[:] = 0.6
    model.vis.headlight.specular[:] = 0.1
    for texture in range(model.ntex):
        size = model.tex_height[texture] * model.tex_width[texture] * model.tex_nchannel[texture]
        pixels = model.tex_data[model.tex_adr[texture] :][:size].reshape(-1, model.tex_nchannel[texture])
        if model.tex_type[texture] == mujoco.mjtTexture.mjTEXTURE_SKYBOX:
            pixels[:, :3] = _SKY
    for geom in np.flatnonzero(model.geom_bodyid == 0).tolist():
        plane = model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_PLANE
        texture = _texture(model, geom) if plane else -1
        if texture >= 0:
            _repaint(model, texture)
            model.geom_rgba[geom] = 1.0
            model.mat_rgba[model.geom_matid[geom]] = 1.0
            model.mat_specular[model.geom_matid[geom]] = 0.0
        else:
            model.geom_matid[geom] = -1
            model.geom_rgba[geom] = _FLOOR if plane else _WALL
    return model


def _texture(model: mujoco.MjModel, geom: int) -> int:
    """The texture of a geom's material, or -1."""
    material = model.geom_matid[geom]
    return -1 if material < 0 else int(model.mat_texid[material, mujoco.mjtTextureRole.mjTEXROLE_RGB])


def _repaint(model: mujoco.MjModel, texture: int) -> None:
    """Keeps a texture's pattern, in the floor's two colours."""
    channels = model.tex_nchannel[texture]
    size = model.tex_height[texture] * model.tex_width[texture] * channels
    pixels = model.tex_data[model.tex_adr[texture] :][:size].reshape(-1, channels)
    grey = pixels[:, :3].astype(float).mean(axis=1)
    share = (grey - grey.min()) / max(np.ptp(grey), 1.0)
    dark, light = np.array(_CHECKS, float)
    pixels[:, :3] = dark + share[:, None] * (light - dark)


def _aim(camera: mujoco.MjvCamera, env: AbstractEnv, agent: np.ndarray, goal: np.ndarray, aspect: float) -> None:
    """Points the camera at the maze, or at the agent and its goal."""
    half = np.tan(np.radians(_FIELD_OF_VIEW / 2))
    if env.maze is not None:
        rows, columns = env.maze.size - 1.4 * env.maze.cell_size  # a rim of the outer walls is enough
        camera.lookat[:] = (*env.maze.centre, env.maze.cell_size / 2)  # the walls' tops
        camera.distance = max(rows, columns / aspect) / 2 / half
        camera.azimuth, camera.elevation = 180, -90
        return
    if env.workspace is not None:
        camera.lookat[:], radius = env.workspace
        camera.distance = radius / half / min(aspect, 1.0)
        camera.azimuth, camera.elevation = -140, -30
        return
    camera.lookat[:] = (agent + goal) / 2
    apart = float(np.linalg.norm(agent - goal))
    camera.distance = (1.4 + 0.5 * apart) / half / min(aspect, 1.0)
    camera.azimuth, camera.elevation = 135, -30


def _opengl(model: mujoco.MjModel, width: int, height: int) -> tuple[Any, mujoco.MjrContext]:
    """A current OpenGL context, and what MuJoCo keeps in it.

    MuJoCo's own choice is made once, when it is imported, and without a display falls on a library that
    fails.
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
