"""Which MjData fields an observation may ask an engine for."""

AFTER_FORCES = frozenset({"qfrc_actuator"})
"""Fields of the last substep's forces. They are zero in a state that no step led to."""

_OF_STATE = frozenset({"xpos", "xquat", "xmat", "xipos", "site_xpos", "geom_xpos", "subtree_com", "cinert", "cvel"})
"""Functions of positions and velocities, current at the state reached (MuJoCo's stage mjSTAGE_VEL)."""


def check_fields(fields: tuple[str, ...]) -> None:
    """Raises ValueError for a field that the engines do not keep current."""
    known = AFTER_FORCES | _OF_STATE
    for name in fields:
        if name not in known:
            raise ValueError(f"Field {name!r} is not among those an engine computes: {', '.join(sorted(known))}.")
