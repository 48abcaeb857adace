"""Where the bodies of a model are, for who draws them without MuJoCo's own renderer."""

import copy

import mujoco
import numpy as np
from jaxtyping import Float, Shaped

from envs._base import AbstractEnv
from envs._render import model_of


class Bodies:
    """Positions and orientations of an environment's bodies, state by state.

    Attributes:
        model: a copy of the environment's `mujoco.MjModel`; who draws it may change its colours.
    """

    def __init__(self, env: AbstractEnv):
        """`env`: its engine holds the model. Raises `NoRenderer` where it holds none."""
        self.model = copy.copy(model_of(env))
        self._data = mujoco.MjData(self.model)

    def __call__(
        self, qpos: Shaped[np.ndarray, " nq"]
    ) -> tuple[Float[np.ndarray, "body 3"], Float[np.ndarray, "body 3 3"]]:
        """Where the bodies are (m) and how they are turned (rotation matrices) at generalised positions `qpos`.

        The first body is the world.
        """
        self._data.qpos[:] = qpos
        mujoco.mj_kinematics(self.model, self._data)
        return self._data.xpos.copy(), self._data.xmat.reshape(-1, 3, 3).copy()
