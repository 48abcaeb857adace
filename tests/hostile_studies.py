"""Rows: studies whose cells lead elsewhere, or that are no study at all."""

import json
import shutil
from collections.abc import Callable
from typing import Any

from hostile_rows import READ_STUDIES, STUDIES, add
from hostile_stage import Stage
from hostile_texts import CONTENTS, ESCAPES

CELL = "width16"


def _cells(change: Callable[[dict[str, Any]], object]) -> Callable[[Stage], None]:
    """Changes the first cell of study.json."""
    return lambda stage: stage.json("study.json", lambda content: change(content["cells"][0]))


def _elsewhere(stage: Stage, name: str) -> None:
    """A cell that is a run of the user's own, beside the study."""
    shutil.rmtree(stage.victim / "mine", ignore_errors=True)  # of the tool before
    (stage.theirs / CELL).rename(stage.victim / "mine")
    _cells(lambda cell: cell.update(name=name.replace("{victim}", str(stage.victim))))(stage)


def _many(stage: Stage) -> None:
    def change(content: dict[str, Any]) -> None:
        one = {"name": CELL, "runs": [{"seed": 0}]}
        content["cells"] = [one] * 150_000

    stage.json("study.json", change)


NAMES = ("../../victim/mine", "{victim}/mine", "..", ".", "", "width16/../width16", "a/b", "a\\b", "\x00", ESCAPES)
for _name in NAMES:
    add(READ_STUDIES, f"a cell named {_name[:20]!r}", lambda stage, name=_name: _elsewhere(stage, name))
for _value in (5, None, [], {"x": 1}, "x" * 300, True):
    add(
        READ_STUDIES,
        f"a cell named {json.dumps(_value)[:20]}",
        _cells(lambda cell, value=_value: cell.update(name=value)),
    )
for _value in (-1, True, "0", "../../../victim/mine", 1e9, 0.5, 10**400, None, [0], "1e3", "\x1b[2J"):
    add(
        READ_STUDIES,
        f"a seed of {json.dumps(_value)[:24]}",
        _cells(lambda cell, value=_value: cell["runs"][0].update(seed=value)),
    )
add(READ_STUDIES, "no cells", lambda stage: stage.json("study.json", lambda content: content.update(cells=[])))
add(READ_STUDIES, "cells, a number", lambda stage: stage.json("study.json", lambda content: content.update(cells=5)))
add(READ_STUDIES, "cells, texts", lambda stage: stage.json("study.json", lambda content: content.update(cells=["x"])))
add(READ_STUDIES, "no runs", _cells(lambda cell: cell.update(runs=[])))
add(READ_STUDIES, "runs, texts", _cells(lambda cell: cell.update(runs=["x"])))
add(
    READ_STUDIES,
    "a cell twice",
    lambda stage: stage.json("study.json", lambda content: content.update(cells=content["cells"] * 2)),
)
add(READ_STUDIES, "150,000 cells", _many)
add(READ_STUDIES, "a cell that does not exist", _cells(lambda cell: cell.update(name="other")))
add(READ_STUDIES, "a seed that does not exist", _cells(lambda cell: cell["runs"][0].update(seed=7)))
add(READ_STUDIES, "a cell with HTML", _cells(lambda cell: cell.update(values={ESCAPES: ESCAPES}, label=ESCAPES)))
for _kind, _text in CONTENTS.items():
    add(READ_STUDIES, f"study.json: {_kind}", lambda stage, text=_text: stage.write("study.json", text))
    add(READ_STUDIES, f"tested.json: {_kind}", lambda stage, text=_text: stage.write("tested.json", text))
for _name in (
    "study.json",
    "cells",
    f"cells/{CELL}.gin",
    "logs",
    "figure.png",
    "report.html",
    "tested.json",
    "inside.json",
):
    add(STUDIES, f"a study's link to the user's: {_name}", lambda stage, name=_name: stage.moved(name))
for _name in (CELL, f"{CELL}/seed0", f"{CELL}/seed0/config.gin", f"{CELL}/seed0/checkpoints/agents", ".lock"):
    add(STUDIES, f"a study's link to the user's: {_name}", lambda stage, name=_name: stage.moved(name))
for _name in ("tested.json", "inside.json", ".study.json.new", ".tested.json.new", ".report.partial.html", "notes.txt"):
    add(
        STUDIES,
        f"a study's link to nothing: {_name}",
        lambda stage, name=_name: stage.link(name, stage.victim / "new"),
    )
for _name in ("tested.json", "inside.json"):
    add(
        STUDIES,
        f"a run's link to nothing, in a study: {_name}",
        lambda stage, name=_name: stage.link(f"{CELL}/seed0/{name}", stage.victim / "new"),
    )
add(
    STUDIES,
    "a cell's configuration runs something",
    lambda stage: stage.append(
        f"{CELL}/seed0/config.gin",
        f"import os\nevaluation.Evaluator.env = @os.system()\nos.system.command = 'touch {stage.root}/ran'\n",
    ),
)
add(STUDIES, "a file among cells/ that is no configuration", lambda stage: stage.write("cells/x.sh", "rm -rf ~"))
add(STUDIES, "a directory among cells/", lambda stage: stage.write("cells/x/y.gin", "x"))
add(STUDIES, "a link among cells/", lambda stage: stage.link("cells/x.gin", stage.victim / "secret"))
