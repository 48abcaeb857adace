"""Which MjData fields an observation may ask an engine for."""

import mujoco

AFTER_FORCES = frozenset({"qfrc_actuator"})
"""Fields of the last substep's forces. They are zero in a state that no step led to."""

_OF_POSITIONS = frozenset({"xpos", "xquat", "xmat", "xipos", "site_xpos", "geom_xpos", "subtree_com", "cinert"})
_OF_VELOCITIES = frozenset({"cvel"})


def check_fields(fields: tuple[str, ...]) -> None:
    """Raises ValueError for a field that the engines do not keep current."""
    known = AFTER_FORCES | _OF_POSITIONS | _OF_VELOCITIES
    for name in fields:
        if name not in known:
            raise ValueError(f"Field {name!r} is not among those an engine computes: {', '.join(sorted(known))}.")


def stage(fields: tuple[str, ...]) -> int:
    """The `mujoco.mjtStage` up to which a state must be evaluated so that `fields` are current there."""
    stages = mujoco.mjtStage
    return (stages.mjSTAGE_VEL if _OF_VELOCITIES & set(fields) else stages.mjSTAGE_POS).value
