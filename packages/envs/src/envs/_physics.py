"""Physics as one pure step: a state of three arrays, and the interface of the engines that advance it."""

import abc

import equinox as eqx
from jaxtyping import Array, Bool, Float

Fields = dict[str, Array]
"""What an observation needs besides the state: name of an MjData field (`xpos`, `cvel`, ...) -> array."""


class Physics(eqx.Module):
    """The state of one simulation that is carried from one control step to the next.

    These three arrays are all that MuJoCo's next step depends on for a model without activations or mocap
    bodies; the warm start belongs to it because the constraint solver starts its iterations there.
    """

    qpos: Float[Array, " nq"]
    """Positions of the joints: m, rad, unit quaternions."""
    qvel: Float[Array, " nv"]
    """Velocities of the joints: m/s, rad/s."""
    qacc_warmstart: Float[Array, " nv"]
    """Acceleration of the last substep, where the next solve starts: m/s^2, rad/s^2."""


class AbstractEngine(eqx.Module):
    """A simulator of one model, written for one environment; callers `vmap`."""

    name: eqx.AbstractVar[str]
    """`native`, `mjx`, or the name of a test engine."""
    control_step: eqx.AbstractVar[float]
    """Seconds of simulated time per call of `advance`."""

    @abc.abstractmethod
    def advance(
        self, physics: Physics, ctrl: Float[Array, " nu"], fresh: Bool[Array, ""]
    ) -> tuple[Physics, Fields, Bool[Array, ""]]:
        """One control step, or, where `fresh`, only the fields of a state that was just drawn.

        **Arguments**
        - `physics`: the state before the step.
        - `ctrl`: the controls held during the step, in the model's units; ignored where `fresh`.
        - `fresh`: True leaves `qpos` and `qvel` as they are and sets the warm start to zero.

        **Returns** the state reached, its fields, and `unstable`: True where the step met a value that is
        not finite or is beyond `mujoco.mjMAXVAL` (1e10). Such a step did not happen: the state before it is
        returned, with its fields.
        """
