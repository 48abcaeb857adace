"""The table of hostile directories: a name, how the directory is made of a good one, and which tools refuse it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import exits
from hostile_stage import Stage

# Which tools meet which part of a directory.
CONFIGS = ("launch--gin", "show", "view", "study--gin", "evaluate")
AGENTS = ("view", "evaluate")
STATES = ("launch", "inside")
ON = ("launch-on",)
READ_STUDIES = ("evaluate--study", "inside--study", "publish--study")
STUDIES = ("study", *READ_STUDIES)
_BY_PART = {
    "checkpoints/agents/": AGENTS,
    "checkpoints/resume": STATES,
    "checkpoints": ("launch", "view", "evaluate", "inside"),
    "config.gin": ("launch", "view", "evaluate", "inside", "publish"),
    "meta.json": ("launch", "view", "evaluate", "film", "publish"),
    "metrics.jsonl": ("launch", "film", "publish"),
    ".lock": ("launch",),
    "tb": ("launch",),
}
_WRITTEN = ("film", "inside", "publish")
_OUTCOMES = Path(__file__).with_name("hostile_outcomes.txt")


@dataclass(frozen=True)
class Row:
    """A hostile directory.

    Attributes:
        name: of the row.
        make: turns the directory of a good run, or study, into it.
        tools: that are given it.
    """

    name: str
    make: Callable[[Stage], object]
    tools: tuple[str, ...]

    @property
    def study(self) -> bool:
        """Whether it is that of a study."""
        return self.tools[-1] in READ_STUDIES

    @property
    def id(self) -> str:
        """The name in letters that every terminal shows."""
        return self.name.encode("unicode_escape").decode()


def tools_of(part: str) -> tuple[str, ...]:
    """The tools that meet a file of a run: the first that the name begins with; else those that make pages."""
    return next((tools for start, tools in _BY_PART.items() if part.startswith(start)), _WRITTEN)


ROWS: list[Row] = []


def add(tools: tuple[str, ...], name: str, make: Callable[[Stage], object]) -> None:
    """Adds a row."""
    assert name not in {row.name for row in ROWS}
    ROWS.append(Row(name, make, tools))


def outcomes() -> dict[tuple[str, str], int]:
    """The exit status of a tool, by the `id` of a row and its name.

    Each line of the file holds the tools that end with a sentence (2), those to which the hostile part does not matter
    (0), and the row. Of a tool that stands in neither, either is right.
    """
    found = {}
    for line in _OUTCOMES.read_text(encoding="utf-8").splitlines():
        refuse, accept, name = line.split("| ", 2)
        found |= {(name, tool): exits.MISTAKE for tool in refuse.split()}
        found |= {(name, tool): exits.SUCCESS for tool in accept.split()}
    return found
