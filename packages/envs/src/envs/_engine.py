"""The choice of an engine by name."""

import jax
import mujoco

from envs._arguments import check_count, shown
from envs._physics import AbstractEngine

ENGINES = ("auto", "native", "mjx")


def engine(model: mujoco.MjModel, frame_skip: int, fields: tuple[str, ...] = (), name: str = "auto") -> AbstractEngine:
    """Builds the engine that advances `model`.

    **Arguments**
    - `model`: compiled with automatic reset off; without activations, mocap bodies and plugins, whose state
      is not carried.
    - `frame_skip`: substeps of `model.opt.timestep` seconds in a control step.
    - `fields`: MjData fields to return at each step, such as `("cinert", "cvel")`.
    - `name`: `native` (MuJoCo's C engine, CPU), `mjx` (MuJoCo in JAX), or `auto`: native on a CPU, MJX
      elsewhere.

    Raises ValueError for an unknown name or field, or a model that an engine cannot carry. Warns where MJX may hang.
    """
    if not isinstance(name, str) or name not in ENGINES:
        raise ValueError(f"Engine {shown(name)} is unknown; there are {', '.join(ENGINES)}.")
    frame_skip = check_count("frame_skip", frame_skip)
    _check(model)
    if name == "native" or (name == "auto" and jax.default_backend() == "cpu"):
        from envs._native import NativeEngine

        return NativeEngine(model, frame_skip, fields)
    from envs._mjx import MJXEngine  # here, because importing mujoco.mjx takes seconds

    return MJXEngine(model, frame_skip, fields)


def _check(model: mujoco.MjModel) -> None:
    if model.na or model.nmocap or model.nplugin:
        raise ValueError(
            f"The model has {model.na} activations, {model.nmocap} mocap bodies and {model.nplugin} plugins;"
            " the engines carry the state of none of these."
        )
    if not model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_AUTORESET:
        # MuJoCo would silently put an exploded simulation back to its start.
        raise ValueError("The model resets itself when it is unstable; compile it with mjDSBL_AUTORESET.")
