"""How a model looks in pictures: ground and walls in calm dark colours, so that one sees the agent and its goal."""

import copy

import mujoco
import numpy as np

from envs._camera import FIELD_OF_VIEW

_WALL = (0.27, 0.38, 0.5, 1.0)
_FLOOR = (0.11, 0.18, 0.26, 1.0)
_CHECKS = ((24, 42, 60), (33, 54, 75))  # 8-bit colours of a floor's pattern, dark to light
_SKY = (9, 18, 28)


def styled(model: mujoco.MjModel, width: int, height: int) -> mujoco.MjModel:
    """A copy to draw in pictures of `width` times `height` pixels."""
    model = copy.copy(model)
    model.vis.quality.offsamples = 0
    model.vis.quality.shadowsize = 0
    model.vis.quality.numslices, model.vis.quality.numstacks = 16, 10
    model.vis.global_.offwidth, model.vis.global_.offheight = width, height
    model.vis.global_.fovy = FIELD_OF_VIEW
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
