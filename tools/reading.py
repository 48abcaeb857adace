"""Reads gin files, what they include, and `--set` values into one configuration."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import made_by
from configuration import Configuration, Key, Source, did_you_mean
from exits import UserError, sentence
from statements import (
    Binding,
    Feature,
    Import,
    Include,
    Reference,
    Statement,
    Use,
    parse,
    references,
    replace_references,
)
from stored import is_stored

_MOST_FILES = 200  # that one configuration is made of
ROOT = Path(__file__).resolve().parent.parent
_BUILTIN = {"gin": "gin"}  # what gin itself provides: macro, singleton


def read(files: Sequence[str | Path], settings: Sequence[str] = ()) -> Configuration:
    """The configuration that gin files and then `--set` values add up to.

    An include is looked for beside the file that includes it (if that is a link, beside what it shows, too), then in
    the working directory, then in the project.

    Raises:
        UserError: a file that is missing, is not gin, uses a name it does not import, or is of another version.
    """
    configuration = Configuration()
    for file in files:
        _add_file(configuration, _find(str(_expanded(file)), [Path()], "--gin"), ())
    for setting in settings:
        _set(configuration, setting)
    return configuration


def read_text(text: str, source: str) -> Configuration:
    """The configuration of one text, which is a stored one; an include is a `UserError`.

    Args:
        text: gin statements.
        source: where the text is from, for messages.
    """
    statements = list(_without_includes(parse(text, source)))
    configuration = Configuration()
    configuration.sources.append(Source(source, digest(text), stored=True))
    _add(configuration, statements, dict(_BUILTIN), (), ())
    return configuration


def _without_includes(statements: Iterable[Statement]) -> Iterator[Statement]:
    for statement in statements:
        if isinstance(statement, Include):
            raise UserError(f"{statement.where}: a stored configuration may not include another file.")
        yield statement


def read_file(path: Path) -> str:
    """The text of a gin file, a user's or a stranger's.

    Raises:
        UserError: it cannot be read, is no UTF-8 text or too large.
    """
    from crl import FileError, Folder

    try:
        target = path.resolve()  # a user may name a file by a link
        return Folder(target.parent).text(target.name)
    except FileError as e:
        raise UserError(sentence(e)) from e
    except (OSError, RuntimeError) as e:  # the latter for links that go around in a circle
        raise UserError(f"{_short(path)} cannot be read: {getattr(e, 'strerror', None) or sentence(e)}.") from e


def _expanded(file: str | Path) -> Path:
    try:
        return Path(file).expanduser()  # a shell leaves the ~ of --gin=~/x alone
    except RuntimeError as e:
        raise UserError(f"--gin {file}: {sentence(e).rstrip('.')}.") from e


def _add_file(configuration: Configuration, path: Path, including: tuple[Path, ...]) -> None:
    name, target = _short(path), path.resolve()
    if target in including:
        raise UserError(f"{name} includes itself.")
    if len(configuration.sources) >= _MOST_FILES:
        raise UserError(f"{name}: a configuration has at most {_MOST_FILES} files, includes counted.")
    text, stored = read_file(path), is_stored(path)
    if stored:
        made_by.refuse_other_record(path, name)
    configuration.sources.append(Source(name, digest(text), stored))
    statements = _without_includes(parse(text, name)) if stored else parse(text, name)
    _add(configuration, statements, dict(_BUILTIN), (path.parent, target.parent), (*including, target))


def digest(text: str) -> str:
    """The SHA-256 by which a configuration is known again."""
    return hashlib.sha256(text.encode()).hexdigest()


def _add(
    configuration: Configuration,
    statements: Iterable[Statement],
    symbols: dict[str, str],  # which module each name stands for in this file
    folders: tuple[Path, ...],  # in which includes are looked for first
    including: tuple[Path, ...],
) -> None:
    for statement in statements:
        match statement:
            case Feature(name, where):
                if name != "dynamic_registration":
                    raise UserError(f"{where}: __gin__ has no feature `{name}`; there is dynamic_registration.")
            case Import(module, symbol, target, where):
                if symbol in _BUILTIN:
                    raise UserError(f"{where}: the name `{symbol}` is taken; import {module} under another one.")
                symbols[symbol] = target
                configuration.imports.setdefault(module, where)
            case Include(file, where):
                _add_file(configuration, _find(file, [*folders, Path(), ROOT], where), including)
            case Use(selector, where):
                _full(selector, symbols, where)
            case Binding(_, _, "", value, where):
                configuration.macros[statement.name] = statement._replace(value=_complete(value, symbols, where))
            case Binding(scope, selector, argument, value, where):
                key = Key(scope, _full(selector, symbols, where), argument)
                configuration.bindings[key] = Binding(*key, _complete(value, symbols, where), where)


def _set(configuration: Configuration, setting: str) -> None:
    """Takes in one `--set`, whose selectors may be short: `train.env_steps` for `crl.train.env_steps`."""
    where = f"--set '{' '.join(setting.split())[:100]}'"
    statements = list(parse(setting, where, numbered=False)) if "=" in setting else []
    statement = statements[0] if len(statements) == 1 else None
    if not isinstance(statement, Binding):
        raise UserError(f"{where} is not of the form 'name = value'.")
    symbols = {module.split(".")[0]: module.split(".")[0] for module in configuration.imports} | _BUILTIN
    known = {key.selector for key in configuration.bindings}
    for value, _ in configuration.values():
        known |= {item.selector for item in references(value) if isinstance(item, Reference)}

    def lengthen(selector: str) -> str:
        if selector.split(".")[0] in symbols:
            return selector
        matches = sorted(name for name in known if name.endswith(f".{selector}"))
        if len(matches) == 1:
            return matches[0]
        ends = {name.rsplit(".", 1)[-1] for name in known}
        hint = f"; it may be {' or '.join(matches)}." if matches else did_you_mean(selector, ends | set(symbols))
        raise UserError(f"{where}: this configuration knows no `{selector}`{hint}")

    value = replace_references(
        statement.value, lambda item: Reference(item.scope, lengthen(item.selector), item.evaluate)
    )
    selector = lengthen(statement.selector) if statement.argument else statement.selector
    _add(configuration, [statement._replace(selector=selector, value=value)], symbols, (), ())


def _complete(value: Any, symbols: dict[str, str], where: str) -> Any:
    return replace_references(
        value, lambda item: Reference(item.scope, _full(item.selector, symbols, where), item.evaluate)
    )


def _full(selector: str, symbols: dict[str, str], where: str) -> str:
    """The path of a configurable from its package, whatever this file calls its module."""
    symbol, dot, rest = selector.partition(".")
    if symbol not in symbols:
        hint = did_you_mean(symbol, symbols.keys() - _BUILTIN.keys())
        raise UserError(f"{where}: `{symbol}` of `{selector}` is not imported in this file{hint}")
    return f"{symbols[symbol]}{dot}{rest}"


def _find(file: str, folders: list[Path], where: str) -> Path:
    try:
        for folder in folders:
            if (folder / file).is_file():
                return folder / file
        near = [path.name for folder in folders for path in (folder / file).parent.glob("*.gin")]
    except (OSError, ValueError, RuntimeError) as e:  # too long, with a zero byte, or with a link that goes in a circle
        raise UserError(f"{where}: {file!r} cannot be a file: {getattr(e, 'strerror', None) or sentence(e)}.") from e
    raise UserError(f"{where}: there is no file {file}{did_you_mean(Path(file).name, near)}")


def _short(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
