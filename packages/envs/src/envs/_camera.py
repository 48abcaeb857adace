"""The camera of a picture: as near as it may be to what must be seen."""

import itertools

import mujoco
import numpy as np
from jaxtyping import Float, Int

from envs._viewpoint import Viewpoint

FIELD_OF_VIEW = 24.0  # degrees from top to bottom; narrow, so that walls hide little of the floor behind them
_MARGIN = 1.04


def aim(
    camera: mujoco.MjvCamera,
    viewpoint: Viewpoint,
    centres: Float[np.ndarray, "spheres 3"],
    radii: Float[np.ndarray, " spheres"],
    aspect: float,
) -> None:
    """Points a free camera in a direction, from the smallest distance at which it sees what it must.

    That is the viewpoint's box, or else the spheres around `centres` with `radii`, m. `aspect` is the picture's width
    over its height.
    """
    if viewpoint.box is not None:
        centres, radii = np.array(list(itertools.product(*zip(*viewpoint.box, strict=True)))), np.zeros(8)
    azimuth, elevation = np.radians(viewpoint.azimuth), np.radians(viewpoint.elevation)
    forward = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    right = np.array([np.sin(azimuth), -np.cos(azimuth), 0.0])
    up = np.cross(right, forward)
    depth = centres @ forward
    lookat, distance = np.zeros(3), 0.0
    half = np.tan(np.radians(FIELD_OF_VIEW / 2)) / _MARGIN
    for axis, slope in ((right, half * aspect), (up, half)):
        # A sphere at height h above the line of sight and depth f is in the picture if h + r <= slope * (d + f).
        # The sight line is raised until the highest and the lowest sphere ask for the same distance d.
        height = centres @ axis
        reach = radii * np.sqrt(1 + slope**2)
        highest, lowest = (np.max((side * height + reach) / slope - depth) for side in (1, -1))
        lookat += slope * (highest - lowest) / 2 * axis
        distance = max(distance, (highest + lowest) / 2)
    middle = (depth.min() + depth.max()) / 2
    camera.lookat[:] = lookat + middle * forward
    camera.distance = distance + middle
    camera.azimuth, camera.elevation = viewpoint.azimuth, viewpoint.elevation


def moving_trees(model: mujoco.MjModel) -> tuple[Int[np.ndarray, " trees"], Float[np.ndarray, " trees"]]:
    """The roots of the bodies that can move, and the radius of each tree's bounding sphere in the model's pose, m.

    The spheres are centred at the trees' centres of mass. Radii that do not follow the limbs keep a picture steady.
    """
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    tree = model.body_rootid[model.geom_bodyid]
    movable = model.body_weldid[model.geom_bodyid] != 0
    roots = np.unique(tree[movable])
    extent = np.linalg.norm(data.geom_xpos - data.subtree_com[tree], axis=1) + model.geom_rbound
    return roots, np.array([extent[(tree == root) & movable].max() for root in roots])
