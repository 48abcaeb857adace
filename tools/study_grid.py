"""A study: one configuration, what varies in it, and the runs that this makes."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import reading
import run_directory
import trust
from configuration import SEED, SEEDS, Configuration, Key
from exits import UserError

import crl

MODULE, GRID, PUBLISHED = "study", "study.grid", "study.published"
_ARGUMENTS, _OPTIONAL = ("axes", "seeds"), ("thresholds",)
_EVALUATE = "crl.train.evaluate"


@dataclass(frozen=True)
class Cell:
    """One combination of what varies.

    Attributes:
        name: of its directory, such as depth16_batch_size256.
        values: what each axis has here, for a person: {"depth": "16", "batch_size": "256"}.
        configuration: complete, without the grid.
    """

    name: str
    values: dict[str, str]
    configuration: Configuration


@dataclass(frozen=True)
class Run:
    """A cell with a seed, and where it goes."""

    cell: Cell
    seed: int
    directory: Path

    @property
    def name(self) -> str:
        """Such as depth16/seed0."""
        return f"{self.cell.name}/{self.directory.name}"


class _Choice(NamedTuple):
    """One value of an axis.

    Attributes:
        axis: short.
        label: of the value, for a person.
        word: of the value in a directory's name.
        bindings: what it changes.
    """

    axis: str
    label: str
    word: str
    bindings: dict[str, Any]


def read(files: Sequence[str], settings: Sequence[str], trusted: bool = False) -> tuple[list[Cell], tuple[int, ...]]:
    """The cells of a study and the seeds of each.

    A study is a complete configuration with two bindings more:

        study.grid.axes = {'nets.ResidualMLP.depth': (4, 16), 'block': {'plain': {...}, 'residual': {...}}}
        study.grid.seeds = (0, 1, 2)

    An axis is a binding and its values, or a name and, by label, the bindings that change together. The first axis
    varies slowest.

    Scores may be named of which is told when runs first had them, see `thresholds`. What others published of the same
    cells may be laid over, as `study.published`, see `study_published`.

    Raises:
        UserError: a file that cannot be read, no grid, or one that makes no sense; a stored one, unless `trusted`,
            that names what is no part of a run.
    """
    whole = trust.read(files, settings, trusted)
    axes, seeds = (whole.value(f"{GRID}.{name}") for name in _ARGUMENTS)
    if axes is None or seeds is None:
        raise UserError(f"{files[0]} is no study: it must bind {GRID}.axes and {GRID}.seeds (see configs/study).")
    for key, binding in whole.bindings.items():
        if key.selector == GRID and key.argument not in (*_ARGUMENTS, *_OPTIONAL):
            known = ", ".join((*_ARGUMENTS, *_OPTIONAL))
            raise UserError(f"{binding.where}: `{GRID}` has no parameter `{key.argument}`; it has {known}.")
    _check_seeds(seeds)
    choices = [_axis(name, values) for name, values in _items(axes)]
    cells = []
    for chosen in itertools.product(*choices):
        values = {choice.axis: choice.label for choice in chosen}
        changes = [f"{name} = {value!r}" for choice in chosen for name, value in choice.bindings.items()]
        configuration = _without_grid(trust.read(files, [*settings, *changes], trusted))
        configuration.check()
        cells.append(Cell("_".join(choice.word for choice in chosen), values, configuration))
    names = [cell.name for cell in cells]
    if len(set(names)) < len(names):
        raise UserError(f"`{GRID}.axes` makes {max(names, key=names.count)} twice; every cell needs a name of its own.")
    for name in names:
        if not crl.is_plain(name) or name.startswith("."):
            raise UserError(f"`{GRID}.axes` makes a cell named {name!r}, which cannot be the name of its directory.")
    _check_training(cells)
    return cells, tuple(seeds)


def thresholds(whole: Configuration) -> tuple[float, ...]:
    """Shares of the time at the goal, `study.grid.thresholds = (0.2, 0.4)`; none where a study gives none.

    Raises:
        UserError: they are no shares in rising order.
    """
    given = whole.value(f"{GRID}.thresholds")
    if given is None:
        return ()
    shares = isinstance(given, tuple | list) and all(type(share) in (int, float) and 0 < share <= 1 for share in given)
    if not shares or list(given) != sorted(set(given)):
        raise UserError(f"`{GRID}.thresholds` must be rising shares of the time, such as (0.2, 0.4); got {given!r}.")
    return tuple(map(float, given))


def runs(cells: Sequence[Cell], seeds: Sequence[int], out: Path) -> list[Run]:
    """Every cell with every seed, in `out`: all cells of the first seed first, so that a part of a study compares."""
    return [Run(cell, seed, run_directory.of_seed(out / cell.name, seed)) for seed in seeds for cell in cells]


def about(file: str) -> str:
    """What the head of a gin file says first: its comment up to an empty one."""
    text = reading.read_file(Path(file).expanduser())
    lines = itertools.takewhile(lambda line: line.startswith("# "), text.splitlines())
    return " ".join(line.removeprefix("# ") for line in lines)


def _check_seeds(seeds: Any) -> None:
    numbers = isinstance(seeds, tuple | list) and seeds and all(type(seed) is int and seed >= 0 for seed in seeds)
    if not numbers or len(set(seeds)) < len(seeds):
        raise UserError(f"`{GRID}.seeds` must be different integers >= 0, such as (0, 1, 2); got {seeds!r}.")


def _items(axes: Any) -> list[tuple[str, Any]]:
    if not isinstance(axes, dict) or not axes or not all(isinstance(name, str) for name in axes):
        raise UserError(f"`{GRID}.axes` must be a dict from names to what they vary over; got {axes!r}.")
    for name in axes:
        if name in (SEED, SEEDS):
            raise UserError(f"`{GRID}.axes` must not hold {name}: seeds are given by `{GRID}.seeds`.")
    return list(axes.items())


def _check_training(cells: Sequence[Cell]) -> None:
    """Every run must be of the one seed that the study gives it, and leave evaluations to compare."""
    for configuration in (cell.configuration for cell in cells):
        if several := configuration.value(SEEDS):
            raise UserError(f"{SEEDS} must not be bound in a study, which has `{GRID}.seeds`; got {several!r}.")
        if configuration.value(_EVALUATE) is None:
            raise UserError(
                f"{_EVALUATE} of a study must be an evaluator (in gin: @evaluation.Evaluator()), for it compares "
                "evaluations; got None."
            )
    if len({repr(cell.configuration.value(SEED)) for cell in cells}) > 1:  # by another name, or in an axis of labels
        raise UserError(f"`{GRID}.axes` must not change {SEED}: seeds are given by `{GRID}.seeds`.")


def _axis(name: str, values: Any) -> list[_Choice]:
    """The values that an axis is a choice of."""
    if isinstance(values, dict) and values and all(isinstance(change, dict) for change in values.values()):
        return [_Choice(name, str(label), _word(name, str(label), True), change) for label, change in values.items()]
    if not isinstance(values, tuple | list) or not values or "." not in name:
        raise UserError(
            f"`{GRID}.axes` has {name!r}: {values!r}; an axis is a binding with a tuple of values, as "
            "'nets.ResidualMLP.depth': (4, 16), or a name with bindings by label, as 'block': {'plain': {...}}."
        )
    scope, _, full = name.rpartition("/")
    short = "_".join(filter(None, (*scope.split("/"), full.rpartition(".")[2])))
    return [_Choice(short, str(value), _word(short, str(value), False), {name: value}) for value in values]


def _word(axis: str, label: str, speaks: bool) -> str:
    """What a value is called in a directory's name: with its axis, unless it is a word that `speaks` for itself."""
    between = "" if label[:1].isdigit() else "_"
    text = label if speaks and between else f"{axis}{between}{label}"
    return "".join(letter if letter.isalnum() or letter in ".-" else "_" for letter in text)


def _without_grid(configuration: Configuration) -> Configuration:
    imports = {module: where for module, where in configuration.imports.items() if module != MODULE}
    bindings = {key: binding for key, binding in configuration.bindings.items() if not _of_grid(key)}
    return Configuration(imports, configuration.macros, bindings, configuration.sources)


def _of_grid(key: Key) -> bool:
    return key.selector in (GRID, PUBLISHED)
