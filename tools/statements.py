"""What a gin file says, statement by statement, read without importing or running anything that it names."""

import cmath
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from exits import UserError
from gin import config_parser

_SHOWN = 200  # characters of a wrong line in a message


@dataclass(frozen=True)
class Reference:
    """A value `@scope/module.Name` or, evaluated, `@scope/module.Name()`."""

    scope: str
    selector: str
    evaluate: bool

    def __repr__(self) -> str:
        return f"@{self.scope}{'/' if self.scope else ''}{self.selector}{'()' if self.evaluate else ''}"


@dataclass(frozen=True)
class Macro:
    """A value `%NAME`."""

    name: str

    def __repr__(self) -> str:
        return f"%{self.name}"


class Import(NamedTuple):
    """`import module`; `symbol` then stands for the module `target` in this file."""

    module: str
    symbol: str
    target: str
    where: str


class Feature(NamedTuple):
    """`from __gin__ import name`."""

    name: str
    where: str


class Include(NamedTuple):
    """`include 'file'`."""

    file: str
    where: str


class Binding(NamedTuple):
    """`scope/selector.argument = value`; a macro `NAME = value` has no argument."""

    scope: str
    selector: str
    argument: str
    value: Any
    where: str

    @property
    def name(self) -> str:
        """The left-hand side, as gin writes it."""
        scope = f"{self.scope}/" if self.scope else ""
        return f"{scope}{self.selector}{'.' if self.argument else ''}{self.argument}"


class Use(NamedTuple):
    """`scope/selector:`, the head of a block of bindings."""

    selector: str
    where: str


Statement = Import | Feature | Include | Binding | Use


class _Inert(config_parser.ParserDelegate):
    """Keeps references and macros as what they are: words."""

    def configurable_reference(self, scoped_configurable_name: str, evaluate: bool) -> Reference:
        scope, _, selector = scoped_configurable_name.rpartition("/")
        return Reference(scope, selector, evaluate)

    def macro(self, macro_name: str) -> Macro:
        return Macro(macro_name)


def parse(text: str, source: str, numbered: bool = True) -> Iterator[Statement]:
    """The statements of a gin text, in order.

    Args:
        text: of the file.
        source: its name in messages.
        numbered: whether a line number belongs behind that name.

    Raises:
        UserError: the text is not gin; the sentence holds the file, the line and what stands there.
    """
    lines = text.splitlines()

    def where(line: int | None) -> str:
        return f"{source}:{line}" if numbered else source

    def not_gin(line: int | None) -> UserError:
        number = min(max(line or 1, 1), max(len(lines), 1))
        content = f": `{lines[number - 1].strip()[:_SHOWN]}`" if lines and numbered else ""
        return UserError(
            f"{where(number)}{content} is not gin syntax (name = value; text in quotes, references with @, "
            "macros with %)."
        )

    try:
        for statement in config_parser.ConfigParser(text, _Inert()):
            translated = _translate(statement, where(statement.location.line_num))
            if isinstance(translated, Binding) and (number := _not_finite(translated.value)) is not None:
                raise UserError(f"{translated.where}: `{translated.name}` holds {number}, which is no finite number.")
            yield translated
    except SyntaxError as e:
        raise not_gin(e.lineno) from e
    except tokenize.TokenError as e:
        raise not_gin(e.args[1][0]) from e
    except (RecursionError, MemoryError) as e:  # the latter is what Python's own parser says of it
        raise UserError(f"{source} is not gin: its values are nested too deep.") from e
    except (TypeError, ValueError) as e:  # an unhashable key of a dict, a number of too many digits
        raise UserError(f"{source} is not gin: {' '.join(str(e).split())}.") from e


def references(value: Any) -> Iterator[Reference | Macro]:
    """Every reference and macro in a value, however deep."""
    if isinstance(value, Reference | Macro):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from references(key)
            yield from references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from references(item)


def _not_finite(value: Any) -> complex | None:
    """A number such as 1e400 in a value, which Python reads as infinity and gin could not write down."""
    if isinstance(value, float | complex):
        return None if cmath.isfinite(value) else value
    items = (*value, *value.values()) if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return next((number for item in items if (number := _not_finite(item)) is not None), None)


def replace_references(value: Any, new: Callable[[Reference], Reference]) -> Any:
    """The value with every reference replaced."""
    if isinstance(value, Reference):
        return new(value)
    if isinstance(value, Macro):
        return value
    if isinstance(value, dict):
        return {replace_references(k, new): replace_references(v, new) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(replace_references(item, new) for item in value)
    return value


def _translate(statement: Any, where: str) -> Statement:
    match statement:
        case config_parser.ImportStatement():
            if statement.module.startswith("__gin__"):
                return Feature(statement.module.partition(".")[2], where)
            # `import a.b as c` names a.b; `import a.b` names a; `from a import b` names a.b.
            whole = statement.is_from or statement.alias
            target = statement.module if whole else statement.module.split(".")[0]
            return Import(statement.module, statement.bound_name(), target, where)
        case config_parser.IncludeStatement():
            return Include(statement.filename, where)
        case config_parser.BlockDeclaration():
            return Use(statement.selector, where)
    return Binding(statement.scope, statement.selector, statement.arg_name, statement.value, where)
