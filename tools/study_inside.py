"""What depth does inside: the last agents of a study looked into, cell by cell; inside.json, and a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import inside_views
import numpy as np
import pages
import saved_agent
import study_results
from study_tested import Cell

import crl
import evaluation

_LABELS = {
    "path": "energy and path",
    "straight": "energy and straight line",
    "effective": "replay, effective squares",
    "last_branch": "last block of phi adds",
    "gradient_ratio": "gradient, first by last block",
}


def look(study: Path, cells: Sequence[Cell], origin: dict[str, Any], trusted: bool) -> str:
    """Looks into the newest agent of every finished run; returns a table.

    Writes the files of `inside_views` into every run, and into the study `inside.json`: means with Student's interval
    over the seeds of a cell of the numbers in the table. Of phi, `last_branch` is what the last block adds as a share
    of what it is given, and `gradient_ratio` the gradient's norm of the first block by that of the last. `agents` are
    the seeds and the env steps of the agents looked into.
    """
    found = []
    for cell in cells:
        runs = [_look(pages.run_folder(study, cell.name, seed).path, origin, trusted) for seed in cell.seeds]
        agents = [[seed, run.pop("step")] for seed, run in zip(cell.seeds, runs, strict=True)]
        names = [name for name in _LABELS if name in runs[0]]
        means = {name: study_results.estimate(evaluation.student([run[name] for run in runs])) for name in names}
        found.append({"name": cell.name, "agents": agents, "runs": runs, **means})
    content = {"interval": "95 %, over seeds", "origin": origin, "cells": found}
    crl.Folder(study).write_json(pages.INSIDE, content)
    return _table(found)


def _look(run: Path, origin: dict[str, Any], trusted: bool) -> dict[str, Any]:
    configuration = saved_agent.read(run, trusted)
    whole = inside_views.write(inside_views.look(configuration, run), run, origin | {"directory": str(run)})
    phi, numbers = whole["layers"]["phi"], {"step": whole["step"]}
    if mean := whole["mean"]:
        numbers |= {"path": mean["path_correlation"], "straight": mean["straight_correlation"]}
    if replay := whole["replay"]:
        numbers["effective"] = replay["effective"]
    share = phi["branch"][-1] / phi["stream"][-2]
    ratio = phi["gradient"][0] / max(phi["gradient"][-1], np.finfo(float).tiny)
    return numbers | {"last_branch": share, "gradient_ratio": ratio}


def _table(cells: list[dict[str, Any]]) -> str:
    names = [name for name in _LABELS if name in cells[0]]
    wide = max(len(cell["name"]) for cell in cells)
    lines = [f"{'cell':<{wide}} {'n':>2}" + "".join(f"  {_LABELS[name]:<30}" for name in names)]
    for cell in cells:
        shown = (study_results.shown(cell[name], ".3g") for name in names)
        lines.append(f"{cell['name']:<{wide}} {len(cell['runs']):>2}" + "".join(f"  {text:<30}" for text in shown))
    return "\n".join([*lines, "95 % intervals over seeds"])
