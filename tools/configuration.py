"""The configuration of a run: all gin files and `--set` put together, before anything is built."""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from exits import UserError
from statements import Binding, Macro, Reference, references

_MOST_VALUES = 100_000
REQUIRED = Macro("gin.REQUIRED")
SEED_KEY = ("", "crl.train", "seed")
SEED, SEEDS = "crl.train.seed", "crl.train.seeds"


class Key(NamedTuple):
    """What a binding gives a value to."""

    scope: str
    selector: str
    argument: str

    def __str__(self) -> str:
        return f"{self.scope}{'/' if self.scope else ''}{self.selector}.{self.argument}"


class Source(NamedTuple):
    """A gin file that was read.

    Attributes:
        name: with which the places in it begin.
        sha256: of its text.
        stored: whether it belongs to a run, a study or published results.
    """

    name: str
    sha256: str
    stored: bool


@dataclass
class Configuration:
    """Imports, macros and bindings with the place each was written; of several of one name, the last.

    Every selector is the full path from a package: `r.ResidualBlock` of a file that has
    `import nets.residual as r` reads `nets.residual.ResidualBlock` here.

    Attributes:
        imports: modules, with the place of the first import.
        macros: by name.
        bindings: by scope, selector and argument.
        sources: the files that were read, each as often as it was.
    """

    imports: dict[str, str] = field(default_factory=dict)
    macros: dict[str, Binding] = field(default_factory=dict)
    bindings: dict[Key, Binding] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)

    def text(self, header: str = "") -> str:
        """One gin file that says all of it, without includes; reading it gives this configuration again."""
        lines = [f"# {line}".rstrip() for line in header.splitlines()]
        lines += ["from __gin__ import dynamic_registration", ""]
        lines += [f"import {module}" for module in sorted(self.imports)]
        lines += ["", *(f"{name} = {macro.value!r}" for name, macro in self.macros.items())] if self.macros else []
        previous = None
        for key, binding in sorted(self.bindings.items(), key=lambda item: (item[0].selector, item[0].scope)):
            if (key.scope, key.selector) != previous:
                lines.append("")
            previous = (key.scope, key.selector)
            lines.append(f"{key} = {binding.value!r}")
        return "\n".join(lines) + "\n"

    def value(self, name: str, default: Any = None) -> Any:
        """The literal bound to `selector.argument` without a scope, through macros; else `default`."""
        selector, _, argument = name.rpartition(".")
        binding = self.bindings.get(Key("", selector, argument))
        value = default if binding is None else binding.value
        seen = set()
        while isinstance(value, Macro) and value.name in self.macros and value.name not in seen:
            seen.add(value.name)
            value = self.macros[value.name].value
        return value

    def of_seed(self, seed: Any) -> "Configuration":
        """The same with this one seed: what the run of a seed of several is, taken alone."""
        alone = {key: binding for key, binding in self.bindings.items() if str(key) not in (SEED, SEEDS)}
        alone[Key(*SEED_KEY)] = Binding(*SEED_KEY, seed, "")
        used = {item for binding in alone.values() for item in references(binding.value)}
        used |= {item for macro in self.macros.values() for item in references(macro.value)}
        macros = {name: macro for name, macro in self.macros.items() if Macro(name) in used}
        return Configuration(self.imports, macros, alone, self.sources)

    def values(self) -> Iterator[tuple[Any, str]]:
        """Every value on a right-hand side and where it stands."""
        for binding in (*self.macros.values(), *self.bindings.values()):
            yield binding.value, binding.where

    def check(self) -> None:
        """Refuses what gin lets pass: unknown scopes, unknown and unused macros, values still required."""
        found = [(item, where) for value, where in self.values() for item in references(value)]
        scopes = {part for item, _ in found if isinstance(item, Reference) for part in item.scope.split("/")} - {""}
        used = {item.name for item, _ in found if isinstance(item, Macro)}
        for key, binding in self.bindings.items():
            if binding.value == REQUIRED:
                raise UserError(f"{binding.where}: `{key}` must be given, for example with --set '{key} = ...'.")
            for part in filter(None, key.scope.split("/")):
                if part not in scopes:
                    raise UserError(
                        f"{binding.where}: the scope `{part}` of `{key}` is unknown: no @{part}/... "
                        f"exists{did_you_mean(part, scopes)}"
                    )
        for item, where in found:
            if isinstance(item, Macro) and item != REQUIRED and item.name not in self.macros:
                raise UserError(f"{where}: the macro `{item}` is not defined{did_you_mean(item.name, self.macros)}")
        for name, macro in self.macros.items():
            if name not in used:
                raise UserError(f"{macro.where}: the macro `{name}` is defined, but nothing uses it.")
        if (size := self._size()) > _MOST_VALUES:
            raise UserError(f"This configuration builds {size:,} values; at most {_MOST_VALUES:,} are built.")

    def _size(self) -> int:
        """How many values there are once macros and references are what they stand for.

        Thirty lines in which each names the one before twice would take all memory.

        Raises:
            UserError: something refers to itself.
        """
        sizes: dict[Reference | Macro, int | None] = {}
        arguments: dict[str, list[Any]] = {}
        for key, binding in self.bindings.items():
            arguments.setdefault(key.selector, []).append(binding.value)

        def size(value: Any) -> int:
            if isinstance(value, dict):
                return 1 + sum(size(key) + size(item) for key, item in value.items())
            if isinstance(value, list | tuple):
                return 1 + sum(map(size, value))
            if not isinstance(value, Reference | Macro):
                return 1
            if value not in sizes:
                sizes[value] = None  # not known yet: met again, it is a part of itself
                inside = arguments.get(value.selector, []) if isinstance(value, Reference) else [self._macro(value)]
                sizes[value] = 1 + sum(map(size, inside))
            if (known := sizes[value]) is None:
                raise UserError("The configuration refers to itself without end.")
            return known

        try:
            return sum(size(binding.value) for binding in self.bindings.values())
        except RecursionError as e:
            raise UserError("The configuration refers to itself without end.") from e

    def _macro(self, macro: Macro) -> Any:
        return self.macros[macro.name].value if macro.name in self.macros else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence: the known name nearest to `name`, if one is near."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else "."
