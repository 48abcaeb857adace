"""Pictures of states, drawn by MuJoCo without a window."""

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jaxtyping import Float, UInt8

from envs._arguments import check_count
from envs._base import AbstractEnv
from envs._camera import aim, moving_trees
from envs._looks import styled
from envs._opengl import NoRenderer as NoRenderer
from envs._opengl import opengl

_GOAL = (0.18, 0.83, 0.7)
_GOAL_FAR, _GOAL_NEAR = 0.6, 0.3  # opacity: plain to see from far, and not in the way of what is inside


class Renderer:
    """Draws states of one environment at one size; a context manager that holds the OpenGL context.

    The camera stands at the environment's `viewpoint`. A goal is a sphere at its `goal_position`, whose radius is the
    success threshold. There are no shadows, reflections or multisampling: without a GPU they cost ten times the rest.

    OpenGL comes from the first library that works: GLFW where a display is named, then EGL, then OSMesa; the
    environment variable `MUJOCO_GL` (`egl`, `glfw`, `osmesa`, or `disabled`) chooses otherwise.
    """

    def __init__(self, env: AbstractEnv, width: int, height: int):
        """**Arguments**
        - `env`: its engine holds the model to draw.
        - `width`, `height`: of a picture, in pixels.

        Raises NoRenderer where there is no OpenGL, or where the engine has no MuJoCo model; ValueError for a size that
        is none.
        """
        width, height = check_count("width", width), check_count("height", height)
        model = model_of(env)
        self._env, self._shape = env, (height, width)
        self._model = styled(model, width, height)
        self._gl, self._context = opengl(self._model, width, height)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        self._scene = mujoco.MjvScene(self._model, maxgeom=model.ngeom + 100)
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            self._scene.flags[flag] = False
        self._data, self._option = mujoco.MjData(self._model), mujoco.MjvOption()
        self._camera = mujoco.MjvCamera()
        self._trees, self._radii = moving_trees(self._model)
        self._movable = np.flatnonzero(model.body_weldid[model.geom_bodyid] != 0)

    def __call__(
        self, qpos: Float[np.ndarray, "time nq"], goals: Float[np.ndarray, "time goal"]
    ) -> UInt8[np.ndarray, "time height width rgb"]:
        """One picture a state, from generalised positions and goals of the task."""
        self._gl.make_current()
        pictures = np.empty((len(qpos), *self._shape, 3), np.uint8)
        places = np.asarray(jax.vmap(self._env.goal_position)(jnp.asarray(goals, float)), np.float64)
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
        radius = self._env.threshold
        seen = np.concatenate([data.subtree_com[self._trees], goal[None]])
        aim(self._camera, self._env.viewpoint, seen, np.append(self._radii, radius), width / height)
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(model, data, self._option, None, self._camera, everything, scene)
        # From far to near while the nearest thing that can move comes from two radii to one, seen from above.
        apart = np.linalg.norm(data.geom_xpos[self._movable, :2] - goal[:2], axis=1).min()
        opacity = np.interp(apart / radius, (1, 2), (_GOAL_NEAR, _GOAL_FAR))
        colour = np.array([*_GOAL, opacity], np.float32)
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
