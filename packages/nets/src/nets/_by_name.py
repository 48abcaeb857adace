"""Functions as fields of a module that can be pickled and copied."""

import sys
from functools import reduce
from types import FunctionType
from typing import Any, NamedTuple

import equinox as eqx


class _Named(NamedTuple):
    """A function by where it is defined."""

    module: str
    name: str


class ByName(eqx.Module):
    """Pickles and copies functions among its fields by their names, where they have one.

    Python does so with plain functions, but not with those of `jax.jit` or `jax.custom_jvp`, as `jax.nn.silu` and
    `jax.nn.relu` are: they pickle as the function inside, which is not what is found by its name. A lambda has none.
    """

    def __getstate__(self) -> dict[str, Any]:
        return {name: _named(value) for name, value in vars(self).items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            if isinstance(value, _Named):
                value = _found(value)
            object.__setattr__(self, name, value)  # a module is frozen


def _named(value: Any) -> Any:
    """The place where a function is found, if it is found there; any other value as it is."""
    place = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not callable(value) or isinstance(value, FunctionType) or not all(isinstance(part, str) for part in place):
        return value
    named = _Named(*place)  # pyright: ignore[reportArgumentType]
    try:
        return named if _found(named) is value else value
    except (AttributeError, ImportError):
        return value


def _found(named: _Named) -> Any:
    __import__(named.module)
    return reduce(getattr, named.name.split("."), sys.modules[named.module])
