"""Every method of the packages is abstract or final, so that what a call runs is found in one place."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import pytest

import crl
import envs
import evaluation
import nets

PACKAGES = (nets, envs, crl, evaluation)
OURS = {*(package.__name__ for package in PACKAGES), __name__.partition(".")[0]}


def classes(package: ModuleType) -> list[type]:
    """Every class that a module of the package, at any depth, defines."""
    names = [m.name for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    modules = [package, *map(importlib.import_module, names)]
    return [c for m in modules for c in vars(m).values() if inspect.isclass(c) and c.__module__ == m.__name__]


def ours(cls: type) -> list[type]:
    """The class and those of ours that it extends, in the order in which Python looks for a method."""
    return [c for c in cls.__mro__ if c.__module__.partition(".")[0] in OURS]


def methods(cls: type) -> set[str]:
    """Methods and properties in the body of a class, private ones too; names like `__init__` aside."""
    found = {name for name, value in vars(cls).items() if hasattr(value, "__get__")}
    return {name for name in found - inspect.get_annotations(cls).keys() if not name.startswith("__")}


def overridden(cls: type) -> Iterator[str]:
    """Concrete methods in the line of a class that never run, for another of that name comes before them."""
    before: dict[str, type] = {}
    for c in ours(cls):
        for name in methods(c):
            if name in before and name not in getattr(c, "__abstractmethods__", ()):
                yield f"{before[name].__qualname__}.{name} overrides {c.__qualname__}.{name}"
            before.setdefault(name, c)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_no_concrete_method_is_overridden(package: ModuleType):
    found = classes(package)
    assert any(len(ours(cls)) > 1 for cls in found)
    assert sorted({line for cls in found for line in overridden(cls)}) == []


class _Half(envs.AbstractPolicy[tuple[()]]):
    """Implements `start` and leaves `act` abstract."""

    def start(self) -> tuple[()]:
        return ()

    @property
    def named(self) -> str:
        return "half"


class _Whole(_Half):
    """Implements what was abstract, and what was not, too."""

    def start(self) -> tuple[()]:
        return ()

    def act(self, memory, obs, goal, key):
        return obs, memory

    @property
    def named(self) -> str:
        return "whole"


def test_an_override_is_found():
    assert list(overridden(_Half)) == []
    assert sorted(overridden(_Whole)) == ["_Whole.named overrides _Half.named", "_Whole.start overrides _Half.start"]
