"""The 3-D half of the live view: the environment's bodies, and its goal to take hold of."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Shaped
from mjviser import ViserMujocoScene

import envs
from evaluation._session import Session

if TYPE_CHECKING:
    from viser import ViserServer

_AWAY, _THERE = (46, 190, 170), (255, 196, 0)  # 8-bit colours of a goal that is to be reached, and that is
_OPACITY = 0.45


class Stage:
    """Draws a session's environment in a viser server, with a handle that drags the goal.

    A goal is a sphere whose radius is the success threshold. Everything stands under one frame, in metres of the
    environment's own coordinates; to follow the agent, that frame moves and not the camera.
    """

    def __init__(self, server: "ViserServer", session: Session):
        """Builds the scene.

        Raises:
            envs.NoRenderer: the environment's engine has no MuJoCo model to draw.
        """
        self._session = session
        self._bodies = envs.Bodies(session.env)
        self._scene = ViserMujocoScene(server, self._bodies.model, num_envs=1)
        server.scene.world_axes.visible = False
        threshold = session.env.threshold
        self._handle = server.scene.add_transform_controls(
            "/fixed_bodies/goal",  # the frame that mjviser moves when it follows the agent
            scale=3 * threshold,
            active_axes=session.movable,
            disable_rotations=True,
            depth_test=False,  # a wall in front of it does not hide it
        )
        self._sphere = server.scene.add_icosphere(
            "/fixed_bodies/goal/sphere", threshold, _AWAY, opacity=_OPACITY, cast_shadow=False, receive_shadow=False
        )
        self._shown = np.full(3, np.nan)
        self.follow(False)
        server.initial_camera.look_at, server.initial_camera.position = _camera(session)

    def on_drag(self, heard: Callable[[], None]) -> None:
        """Calls `heard`, from a thread of viser's, whenever somebody drags the goal."""
        self._handle.on_update(lambda _: heard())

    def take_drag(self) -> None:
        """Commands the goal to where its handle is now."""
        place = np.array(self._handle.position)
        self._session.move_goal(place)
        self._shown = self._session.goal_position  # the hand that drags it is not pushed back

    def follow(self, agent: bool) -> None:
        """Keeps the agent, or else the world, still."""
        self._scene.camera_tracking_enabled = agent

    def draw(self) -> None:
        """Shows the session's state to everybody who watches."""
        session = self._session
        if not np.array_equal(self._shown, session.goal_position):
            self._shown = session.goal_position
            self._handle.position = self._shown.astype(float)
        colour = _THERE if session.at_goal else _AWAY
        if tuple(self._sphere.color) != colour:
            self._sphere.color = colour
        positions, rotations = self._bodies(np.asarray(session.state.physics.qpos))
        self._scene.update_from_arrays(positions[None], rotations[None])


def _camera(session: Session) -> tuple[Shaped[np.ndarray, "3"], Shaped[np.ndarray, "3"]]:
    """What the camera looks at first, and from where: the whole maze, or the agent and its goal."""
    maze = session.env.maze
    if maze is not None:
        # As a maze is written: rows downwards, columns to the right.
        return np.append(maze.centre, 0.0), np.append(maze.centre, 0.0) + maze.size.max() * np.array([0.4, 0.0, 1.0])
    agent, goal = session.achieved_position, session.goal_position
    far = max(1.8, 6 * session.env.threshold + np.linalg.norm(agent - goal))
    return (agent + goal) / 2, (agent + goal) / 2 + far * np.array([0.8, -0.5, 0.5])
