"""The check of a stored configuration: evaluating somebody's run must not run their code.

gin walks attributes: from an innocent import, `@equinox._serialisation.pathlib.os.system()` reaches a shell
and `@equinox.tree_serialise_leaves()` a file. So a stored configuration may only name what a run is made of.
"""

import importlib
import importlib.util
import inspect
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import own
import reading
from configuration import Configuration, Source
from exits import UserError
from statements import Reference, references

OURS = ("nets", "envs", "crl", "evaluation")
# Optimisers, what chains them, and schedules: functions of numbers and of one another.
_OPTIMISERS = """
    adabelief adadelta adafactor adagrad adam adamax adamaxw adamw adan amsgrad fromage lamb lars lion nadam
    nadamw noisy_sgd novograd optimistic_gradient_descent radam rmsprop rprop sgd sm3 yogi
"""
_AROUND_THEM = "add_decayed_weights chain clip clip_by_block_rms clip_by_global_norm"
_SCHEDULES = """
    constant_schedule cosine_decay_schedule cosine_onecycle_schedule exponential_decay join_schedules
    linear_onecycle_schedule linear_schedule piecewise_constant_schedule piecewise_interpolate_schedule
    polynomial_schedule sgdr_schedule warmup_constant_schedule warmup_cosine_decay_schedule
    warmup_exponential_decay_schedule
"""
OPTAX = frozenset(f"{_OPTIMISERS} {_AROUND_THEM} {_SCHEDULES}".split())
GIN = ("gin.macro", "gin.singleton")
# The two names of kernel files (`_x.py`) that a run is made of and that are not Equinox modules.
_KERNEL = ("crl.train", "evaluation.Evaluator")
# A tracker that may send to a service with the reader's credentials: for `crl.train.trackers` and nothing else.
_TRACKER, _TRACKERS = "crl.trackers.wandb.Wandb", "crl.train.trackers"
# What reads a file of a name that the configuration gives: a stranger's could name any of the reader's.
_FILES = ("crl.data.offline.Offline",)
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z", re.ASCII)
_LIFT = "--trust_config runs it all the same; then it can do whatever you can do"


def read(files: Sequence[str | Path], settings: Sequence[str], trusted: bool) -> Configuration:
    """`reading.read`, checked: what every tool calls for the files that a user names.

    A file of the user's own may name anything; of one that is stored with a run or results, see `check`.
    """
    configuration = reading.read(files, settings)
    check(configuration, trusted)
    return configuration


def check(configuration: Configuration, trusted: bool = False) -> None:
    """Raises `UserError` unless everything that stored files of the configuration name is a part of a run.

    First by the words alone, and only then by looking into our own packages: nothing else is imported, and
    nothing is called. Files that are not stored, and stored ones of the user's own runs, may name anything.

    Args:
        configuration: as read.
        trusted: the user has asked for no check, by --trust_config.
    """
    stored = [source for source in configuration.sources if source.stored]
    if trusted or not stored:
        return
    known = own.known()
    strangers = {source.name for source in stored if not _is_own(source, configuration, known)}
    _check_words(configuration, strangers)


def remember(configuration: Configuration, texts: Iterable[str]) -> None:
    """Notes that stored texts of this configuration are the user's own, where `check` would refuse them otherwise.

    The note is kept outside the run, where a stranger cannot forge it: digests of the texts and of the modules named.
    """
    modules = _own_modules(configuration)
    if modules or any(selector in _FILES for _, selector, _ in _names(configuration)):
        own.add([*map(reading.digest, texts), *filter(None, (own.module_digest(name) for name in modules))])


def _own_modules(configuration: Configuration, of: str | None = None) -> list[str]:
    """The modules imported that are no part of ours; of one file alone where it is named."""
    return [
        module
        for module, where in configuration.imports.items()
        if module.split(".")[0] not in (*OURS, "optax") and of in (None, _file(where))
    ]


def _is_own(source: Source, configuration: Configuration, known: frozenset[str]) -> bool:
    modules = _own_modules(configuration, source.name)
    return source.sha256 in known and all(own.module_digest(module) in known for module in modules)


def _file(where: str) -> str:
    return where.rpartition(":")[0]


def _check_words(configuration: Configuration, strangers: Container[str]) -> None:
    """The check, of all that stands in these files."""
    imports = {module: where for module, where in configuration.imports.items() if _file(where) in strangers}
    for module, where in imports.items():
        parts = module.split(".")
        if parts[0] not in (*OURS, "optax") or not all(_WORD.match(part) for part in parts):
            raise _refused(where, f"imports `{module}`")
        if parts[0] == "optax" and len(parts) > 1:
            raise _refused(where, f"imports `{module}`")
    names = [name for name in _names(configuration) if _file(name[-1]) in strangers]
    for scope, selector, where in names:
        parts = selector.split(".")
        plain = all(_WORD.match(part) for part in parts)
        if not plain or (parts[0] not in (*OURS, "optax") and selector not in GIN):
            raise _refused(where, f"names `{selector}`")
        if not all(_WORD.match(part) for part in filter(None, scope.split("/"))):
            raise _refused(where, f"has the scope `{scope}`")
    bound = [(str(key), binding) for key, binding in configuration.bindings.items()]
    for name, binding in (*bound, *configuration.macros.items()):
        for item in references(binding.value) if _file(binding.where) in strangers else ():
            if isinstance(item, Reference) and item.selector == _TRACKER and name != _TRACKERS:
                raise _refused(binding.where, f"gives `{_TRACKER}` to `{name}`")
    for module, where in imports.items():
        if not _importable(module):
            raise UserError(f"{where}: there is no module `{module}`.")
    for _, selector, where in names:
        if selector not in GIN and not allowed(selector):
            raise _refused(where, f"names `{selector}`")


def allowed(selector: str) -> bool:
    """Whether a stored configuration may name what stands at `selector`, a path from a package.

    Of optax: the functions in `OPTAX`. Of ours: what a package exports in `__all__` (and tasks, which `envs` finds by
    the names of their files), or what one of its extension points (`x.py` or `folder/x.py`, no part of it with a `_` in
    front) defines; and of that, from kernel files, only Equinox modules and `_KERNEL`, because other kernel functions
    and classes write and read files. `nets` has none of those. Nothing that reads a file.
    """
    if "." not in selector or selector in _FILES:
        return False
    package, *path, name = selector.split(".")
    if package == "optax":
        return not path and name in OPTAX
    if package not in OURS or len(path) > 2 or any(part.startswith("_") for part in (*path, name)):
        return False
    if not _importable(".".join((package, *path))):
        return False
    module = importlib.import_module(".".join((package, *path)))
    if path:
        target = vars(module).get(name)
        return callable(target) and getattr(target, "__module__", None) == module.__name__
    target = getattr(module, name, None)
    if inspect.ismodule(target) or not callable(target):
        return False
    if name not in module.__all__:  # a task that `envs` finds by its name
        return _is_extension(target, package)
    if package == "nets" or selector in _KERNEL:
        return True
    return _is_extension(target, package) or _is_equinox_module(target)


def _is_extension(target: Any, package: str) -> bool:
    home, _, file = (getattr(target, "__module__", None) or "").partition(".")
    return home == package and bool(file) and not any(part.startswith("_") for part in file.split("."))


def _is_equinox_module(target: Any) -> bool:
    import equinox as eqx

    return inspect.isclass(target) and issubclass(target, eqx.Module)


def _importable(module: str) -> bool:
    """Whether one of our packages (or optax) has this module; nothing is imported but the package itself."""
    if "." not in module:
        return True
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False


def _names(configuration: Configuration) -> Iterator[tuple[str, str, str]]:
    """Scope, selector and place of everything that is bound or referred to."""
    for key, binding in configuration.bindings.items():
        yield key.scope, key.selector, binding.where
    for value, where in configuration.values():
        for item in references(value):
            if isinstance(item, Reference):
                yield item.scope, item.selector, where


def _refused(where: str, deed: str) -> UserError:
    return UserError(
        f"{where}: this stored configuration {deed}, which is no part of a run, so nothing of it is run ({_LIFT})."
    )
