"""Target networks."""

from typing import Any, TypeVar

import equinox as eqx
import optax

Networks = TypeVar("Networks")


def polyak(online: Networks, target: Networks, tau: float) -> Networks:
    """(1 - tau) target + tau online for every array; what is no array stays the target's."""
    new, _ = eqx.partition(online, eqx.is_inexact_array)
    old, rest = eqx.partition(target, eqx.is_inexact_array)
    slow: Any = eqx.combine(optax.incremental_update(new, old, tau), rest)
    return slow
