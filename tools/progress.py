"""What a person sees while a run goes on: one live line on a terminal, plain lines elsewhere."""

import time
from typing import IO, cast

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

import crl

_PLAIN_SECONDS = 10.0  # between two plain lines of one stage
_MOST_LOSSES = 3  # a line has no room for more


class Display(crl.AbstractCallback):
    """Stage, environment steps, speeds, time left, losses and the last evaluation.

    It is live where the console is a terminal: an environment that asks for colours, as `FORCE_COLOR` does, makes no
    terminal of a file. Where nobody reads any more, nothing is shown.
    """

    def __init__(self, console: Console | None = None):
        self.console = console or Console(highlight=False)
        self.console.file = cast(IO[str], crl.Unbreakable(self.console.file))
        self._plain_at = 0.0
        self._stage = ""
        self._latest: dict[str, int | float] = {}
        self._live = self.console.file.isatty() and not self.console.is_dumb_terminal
        self._progress = Progress(
            TextColumn("{task.fields[stage]:<9}", markup=False),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TextColumn("{task.fields[numbers]}", markup=False),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=self.console,
            disable=not self._live,
        )
        self._task = self._progress.add_task("", total=None, stage="", numbers="")

    def __enter__(self) -> "Display":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def noticed(self, sentence: str) -> None:
        """Shows a sentence that stays, with every bracket in it."""
        self.console.print(Text(sentence), soft_wrap=not self._live)

    def progressed(self, progress: crl.Progress) -> None:
        """Updates the display."""
        stage, step, total, metrics = progress
        self._latest |= metrics
        numbers = _numbers(step, self._latest)
        self._progress.update(self._task, total=total, completed=min(step, total), stage=stage, numbers=numbers)
        now = time.monotonic()
        if not self._live and (stage != self._stage or now - self._plain_at > _PLAIN_SECONDS):
            self.noticed(f"{stage:<9} {min(1, step / total):4.0%}  {numbers}")
            self._plain_at = now
        self._stage = stage


def _numbers(env_steps: int, line: dict[str, int | float]) -> str:
    """Steps, speeds, the first few losses in the record's order, whatever the algorithm calls them, and success."""
    losses = [name for name in line if name.startswith("train/") and f"_{name[6:]}".endswith("_loss")]
    shown = (
        ("speed/env_steps_per_second", "", ",.0f", " steps/s"),
        ("speed/updates_per_second", "", ".3g", " updates/s"),
        *((name, f"{_loss_label(name)} ", ".2f", "") for name in losses[:_MOST_LOSSES]),
        ("eval/success_any", "success ", ".2f", ""),
        ("eval/time_at_goal_fraction", "at goal ", ".2f", ""),
    )
    parts = [f"{before}{line[name]:{form}}{after}" for name, before, form, after in shown if name in line]
    return " · ".join([f"{env_steps:,} steps", *parts])


def _loss_label(name: str) -> str:
    """`train/critic_loss` as "critic"."""
    return name.removeprefix("train/").removesuffix("_loss").replace("_", " ")
