"""The last agents of a study, tested on as many episodes as asked for: tested.json, and a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pages
import results
import run_directory
import saved_agent
import study_results

import crl
import evaluation

METRICS = ("eval/time_at_goal_fraction", "eval/success_any", "eval/success_end", "eval/distance")


class Cell(NamedTuple):
    """The runs of a study with one configuration: the name of their directory, and the seeds."""

    name: str
    seeds: list[int]


def read(study: Path) -> list[Cell]:
    """The cells of a study and the seeds of their finished runs.

    Raises:
        UserError: there is no `study.json`, or it is damaged.
    """
    return [Cell(cell["name"], [run["seed"] for run in cell["runs"]]) for cell in pages.read_study(study).cells]


def test(study: Path, cells: Sequence[Cell], episodes: int | None, origin: dict[str, Any], trusted: bool) -> str:
    """Tests the newest agent of every run that is finished; returns a table.

    Writes each run's `evaluation.json` (a file that says so in its name where `episodes` are not those of the run's
    configuration), and for the study `tested.json`: of every metric mean and Student's interval
    over the seeds of a cell; of the time at the goal also the interquartile mean, the profile, how it differs from the
    first cell's (Welch) and the probability of improvement; `goals` as in `evaluation.json`, means over seeds;
    in a maze with one start `by_path_length`, the time at the goals that are about as many cells away, m.
    `agents` are the seeds and the env steps of the agents tested.
    """
    found = []
    for cell in cells:
        runs = [pages.run_folder(study, cell.name, seed).path for seed in cell.seeds]
        numbers = [_numbers(run, episodes, origin, trusted) for run in runs]
        means = {name: [_number(one[name]["mean"]) for one in numbers] for name in METRICS if name in numbers[0]}
        goals = [one["goals"] for one in numbers]
        found.append(
            {
                "name": cell.name,
                "agents": [[seed, one["run"]["step"]] for seed, one in zip(cell.seeds, numbers, strict=True)],
                "episodes": numbers[0][METRICS[0]]["n"],
                "task": numbers[0]["task"],
                "runs": means,
                "goals": _goals(goals),
                "by_path_length": _by_path_length(goals, numbers[0]["task"]["cell_size"]),
                **{name: study_results.estimate(evaluation.student(values)) for name, values in means.items()},
            }
        )
        found[-1] |= study_results.distribution(means[METRICS[0]])
        if len(found) > 1:
            found[-1] |= study_results.beyond(means[METRICS[0]], found[0]["runs"][METRICS[0]])
    content = {"interval": "95 %, over seeds", "origin": origin, "cells": found}
    crl.Folder(study).write_json(pages.TESTED, content)
    return _table(found)


def _numbers(run: Path, episodes: int | None, origin: dict[str, Any], trusted: bool) -> dict[str, Any]:
    configuration = saved_agent.read(run, trusted)
    step = saved_agent.step(run, None)
    trainer, networks, seed = saved_agent.load(configuration, run, step)
    usual = saved_agent.evaluator(configuration, trainer.env)
    evaluator = saved_agent.evaluator(configuration, trainer.env, episodes)
    updates, origin = run_directory.by_updates(configuration), {"directory": str(run), **origin}
    whole = results.Test(evaluator, trainer.algorithm, networks, seed, step, origin, updates=updates)
    name = results.file_name(pages.EVALUATION, episodes=None if evaluator.size == usual.size else evaluator.size)
    found = whole.numbers(run, name)
    if name == pages.EVALUATION and crl.Folder(run).has(run_directory.REPORT):
        pages.write_report(run)
    return found


def _goals(runs: list[list[dict[str, Any]] | None]) -> list[dict[str, Any]] | None:
    """How often each goal was reached, mean over the runs that were asked for it; `None` where goals are not few."""
    by_goal: dict[tuple[float, ...], list[dict[str, Any]]] = {}
    for goals in runs:
        if goals is None:
            return None
        for goal in goals:
            by_goal.setdefault(tuple(goal["goal"]), []).append(goal)
    found = []
    for place, same in by_goal.items():
        shares = [_number(one[METRICS[1]]["mean"]) for one in same if METRICS[1] in one]
        reached = {METRICS[1]: study_results.estimate(evaluation.student(shares))} if shares else {}
        found.append({"goal": list(place), "n": sum(one["n"] for one in same), **reached})
    return found


def _by_path_length(runs: list[list[dict[str, Any]] | None], cell_size: float | None) -> list[dict[str, Any]] | None:
    """Time at the goal by how far that is, nearest first: of each run over its episodes, then over runs.

    `None` where goals are at no one distance.
    """
    by_cells: dict[int, list[tuple[int, dict[str, Any]]]] = {}
    for run, goals in enumerate(runs):
        for goal in goals or ():
            if cell_size and "path_length" in goal and METRICS[0] in goal:
                by_cells.setdefault(round(goal["path_length"] / cell_size), []).append((run, goal))
    found = []
    for _, same in sorted(by_cells.items()):
        asked = [[goal for run, goal in same if run == number] for number in range(len(runs))]
        times = [
            _mean([_number(g[METRICS[0]]["mean"]) for g in goals], [g["n"] for g in goals]) for goals in asked if goals
        ]
        length = _mean([goal["path_length"] for _, goal in same], [goal["n"] for _, goal in same])
        found.append({"path_length": length, METRICS[0]: study_results.estimate(evaluation.student(times))})
    return found or None


def _number(mean: float | None) -> float:
    return float("nan") if mean is None else mean


def _mean(values: list[float], weights: list[int]) -> float:
    return float(np.average(values, weights=weights))


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
