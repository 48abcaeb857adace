"""A tiny study as a user writes and starts it."""

from pathlib import Path

import exits
import study

DEPTHS = "{'nets.ResidualMLP.depth': (4, 8)}"


def written(tmp_path: Path, axes: str = DEPTHS, seeds: tuple[int, ...] = (0, 3)) -> str:
    """The file of a grid over the quickstart."""
    file = tmp_path / "grid.gin"
    file.write_text(
        "from __gin__ import dynamic_registration\n"
        "import nets\n"
        "import study\n"
        "include 'configs/quickstart.gin'\n"
        f"study.grid.axes = {axes}\n"
        f"study.grid.seeds = {seeds}\n"
    )
    return str(file)


def run(*arguments: str) -> int:
    """The exit status of `study.py`, run in this process."""
    return exits.guard(study.main, ["study.py", *arguments])
