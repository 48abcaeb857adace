"""From a configuration to objects: names are looked up, gin builds, an unused binding is refused."""

import copy
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gin
from configuration import Configuration, Key, did_you_mean
from exits import UserError, sentence
from reading import read_text
from statements import Binding, Reference, references

TRAIN = "crl.train"


def load(configuration: Configuration) -> None:
    """Imports what the configuration names and hands it to gin, replacing what gin held before.

    Raises:
        UserError: a module, a name or a parameter that does not exist, with the place where it stands.
    """
    for module, where in configuration.imports.items():
        _import(module, where)
    found: dict[int, tuple[str, Any]] = {}
    for selector, where in _selectors(configuration):
        target = _look_up(selector, configuration, where)
        other, _ = found.setdefault(id(target), (selector, target))
        if other != selector:
            raise UserError(f"{where}: `{selector}` and `{other}` are the same thing: use one of the names.")
    for key, binding in configuration.bindings.items():
        known = _parameters(_look_up(key.selector, configuration, binding.where))
        if known is not None and key.argument not in known:
            raise UserError(
                f"{binding.where}: `{key.selector}` has no parameter `{key.argument}`"
                f"{did_you_mean(key.argument, known)}"
            )
    gin.clear_config()
    try:
        gin.parse_config(configuration.text())
        gin.finalize()
    except (ValueError, TypeError, NameError, AttributeError, SyntaxError) as e:
        raise UserError(f"The configuration cannot be used: {sentence(e)}") from e


def build(configuration: Configuration, name: str) -> Any:
    """What the configuration gives an argument, such as `crl.train.trainer`: references become objects.

    Raises:
        UserError: the argument is not bound, or a constructor refuses its values.
    """
    selector, _, argument = name.rpartition(".")
    if Key("", selector, argument) not in configuration.bindings:
        raise UserError(f"`{name}` is not bound: this is no complete configuration; configs/ has some.")
    with building(configuration):
        # gin turns a reference into its object when the value is copied.
        return copy.deepcopy(gin.get_bindings(selector, resolve_references=False)[argument])


@contextmanager
def building(configuration: Configuration) -> Iterator[None]:
    """Turns what a constructor says about its arguments into a `UserError` with the place of the binding."""
    try:
        yield
    except (ValueError, TypeError) as e:
        raise UserError(_complaint(e, configuration)) from e
    except RecursionError as e:
        raise UserError("The configuration refers to itself without end.") from e
    except (LookupError, AttributeError, ArithmeticError) as e:  # of values that a constructor did not look at
        raise UserError(f"{_complaint(e, configuration)} ({type(e).__name__})") from e


def build_arguments(configuration: Configuration, train: Callable[..., Any], given: tuple[str, ...]) -> dict[str, Any]:
    """Every argument of `crl.train`: what the configuration gives it, else its default.

    Args:
        configuration: loaded.
        train: `crl.train`.
        given: arguments that a tool gives; binding one is a `UserError`.
    """
    arguments = {}
    for name, parameter in inspect.signature(train).parameters.items():
        bound = configuration.bindings.get(Key("", TRAIN, name))
        if name in given:
            if bound:
                raise UserError(f"{bound.where}: `{TRAIN}.{name}` cannot be bound: the tool gives it.")
        elif bound or parameter.default is parameter.empty:
            arguments[name] = build(configuration, f"{TRAIN}.{name}")
        else:
            arguments[name] = parameter.default
    return arguments


def operative(configuration: Configuration, train: Callable[..., Any]) -> Configuration:
    """Every value in use, defaults included. Call it when everything is built.

    `train`'s own values are added here: it has not been called yet.
    """
    used = read_text(gin.operative_config_str(), "the operative configuration")
    for name, parameter in inspect.signature(train).parameters.items():
        key = Key("", TRAIN, name)
        if key in configuration.bindings:
            used.bindings[key] = configuration.bindings[key]
        elif isinstance(parameter.default, bool | int | float | str | tuple):
            used.bindings[key] = Binding(*key, parameter.default, "default")
    used.imports.setdefault("crl", "default")
    used.macros = {name: macro for name, macro in configuration.macros.items()}
    return used


def refuse_unused(configuration: Configuration, used: Configuration) -> None:
    """Raises `UserError` for the first binding that nothing read while everything was built."""
    for key, binding in configuration.bindings.items():
        if not any(
            (key.selector, key.argument) == (other.selector, other.argument) and _within(other.scope, key.scope)
            for other in used.bindings
        ):
            raise UserError(f"{binding.where}: `{key}` is bound, but nothing in this configuration uses it.")


def _within(scope: str, outer: str) -> bool:
    return not outer or f"{scope}/".startswith(f"{outer}/")


def _import(module: str, where: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as e:
        missing = isinstance(e, ModuleNotFoundError) and e.name and f"{module}.".startswith(f"{e.name}.")
        if missing:
            hint = did_you_mean(module, ("nets", "envs", "crl", "evaluation", "optax"))
            raise UserError(f"{where}: there is no module `{module}`{hint}") from e
        raise UserError(f"{where}: the module `{module}` cannot be imported: {sentence(e)}.") from e


def _selectors(configuration: Configuration) -> Iterator[tuple[str, str]]:
    for key, binding in configuration.bindings.items():
        yield key.selector, binding.where
    for value, where in configuration.values():
        for item in references(value):
            if isinstance(item, Reference):
                yield item.selector, where


def _look_up(selector: str, configuration: Configuration, where: str) -> Any:
    """The object at a dotted path, as gin finds it: attribute by attribute from the package."""
    root, *names = selector.split(".")
    if root == "gin":
        return getattr(gin, names[0], None) if len(names) == 1 else None
    target: Any = importlib.import_module(root)
    for name in names:
        try:
            target = getattr(target, name)
        except AttributeError as e:
            known = getattr(target, "__all__", None) or [item for item in dir(target) if item[0] != "_"]
            raise UserError(f"{where}: `{selector}` does not exist{did_you_mean(name, known)}") from e
    if not callable(target):
        raise UserError(f"{where}: `{selector}` is neither a class nor a function.")
    return target


def _parameters(target: Any) -> list[str] | None:
    """The names a class or function can be configured by; `None` where it takes any."""
    if inspect.isclass(target):
        target = next(
            vars(base)[name]
            for base in inspect.getmro(target)
            for name in ("__init__", "__new__")
            if name in vars(base)
        )
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return [parameter.name for parameter in parameters if parameter.name != "self"]


def _complaint(error: Exception, configuration: Configuration) -> str:
    """One sentence from what a constructor raised and what gin added to it."""
    text = sentence(error)
    at = re.search(r"In call to configurable '(\w+)'", str(error))
    owner = at.group(1) if at else ""
    missing = re.search(r"missing (?:\d+|a) required .*?arguments?: (.*)", text)
    if missing:
        names = re.findall(r"'(\w+)'", missing.group(1))
        needed = " and ".join(f"`{name}`" for name in names)
        return f"{owner or TRAIN} needs {needed}, and nothing is bound to it."
    named = set(re.findall(r"\w+", text))
    for key, binding in configuration.bindings.items():
        if key.selector.rsplit(".", 1)[-1] == owner and key.argument in named:
            return f"{text} ({binding.where})"
    return text
