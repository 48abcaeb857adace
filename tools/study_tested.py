"""The last agents of a study, tested on as many episodes as asked for: tested.json, and a table."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import results
import run_directory
import saved_agent
import study_results
from exits import UserError

import evaluation

FILE = "tested.json"
METRICS = ("eval/time_at_goal_fraction", "eval/success_any", "eval/success_end", "eval/distance")


def read(study: Path) -> dict[str, Any]:
    """What `study.json` of a study says.

    Raises:
        UserError: there is none, or it is damaged.
    """
    file = study / study_results.FILE
    if not file.is_file():
        raise UserError(f"--study {study} holds no {study_results.FILE}: tools/study.py writes it.")
    try:
        found = json.loads(file.read_text())
        return found | {"cells": [{"name": cell["name"], "runs": cell["runs"]} for cell in found["cells"]]}
    except (ValueError, KeyError, TypeError) as e:
        raise UserError(f"{file} is damaged: {e}.") from e


def test(study: Path, found: dict[str, Any], episodes: int | None, origin: dict[str, Any], trusted: bool) -> str:
    """Tests the newest agent of every run that is finished; returns a table.

    Writes each run's `evaluation.json`, and for the study `tested.json`: of every metric mean and Student's interval
    over the seeds of a cell, of the time at the goal also how it differs from the first cell's (Welch).
    """
    cells = []
    for cell in found["cells"]:
        runs = [study / cell["name"] / f"seed{run['seed']}" for run in cell["runs"]]
        numbers = [_numbers(run, episodes, origin, trusted) for run in runs]
        means = {name: [one[name]["mean"] for one in numbers] for name in METRICS if name in numbers[0]}
        cells.append(
            {
                "name": cell["name"],
                "episodes": numbers[0][METRICS[0]]["n"],
                "runs": means,
                **{name: study_results.estimate(evaluation.student(values)) for name, values in means.items()},
            }
        )
        first = cells[0]["runs"][METRICS[0]]
        cells[-1]["beyond_first"] = study_results.estimate(evaluation.welch(means[METRICS[0]], first))
    run_directory.write_json(study / FILE, {"interval": "95 %, over seeds", "origin": origin, "cells": cells})
    return _table(cells)


def _numbers(run: Path, episodes: int | None, origin: dict[str, Any], trusted: bool) -> dict[str, Any]:
    configuration = saved_agent.read(run, trusted)
    step = saved_agent.step(run, None)
    trainer, agent, seed = saved_agent.load(configuration, run, step)
    evaluator = saved_agent.evaluator(configuration, trainer.env, episodes)
    whole = results.Test(evaluator, trainer.algorithm, agent, seed, step, {"directory": str(run), **origin})
    return whole.numbers(run)


def _table(cells: list[dict[str, Any]]) -> str:
    names = [name for name in METRICS if name in cells[0]]
    short = [name.removeprefix("eval/") for name in names]
    wide = max(len(cell["name"]) for cell in cells)
    lines = [f"{'cell':<{wide}} {'n':>2}" + "".join(f"  {name:<24}" for name in short)]
    for cell in cells:
        shown = (study_results.shown(cell[name], ".3f") for name in names)
        n = int(np.size(cell["runs"][names[0]]))
        lines.append(f"{cell['name']:<{wide}} {n:>2}" + "".join(f"  {text:<24}" for text in shown))
    return "\n".join([*lines, f"{cells[0]['episodes']} episodes a run; 95 % intervals over seeds"])
