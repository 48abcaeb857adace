"""What `evaluation.json` holds: every metric with its spread, for all goals and for each."""

from typing import Any

import numpy as np
from jaxtyping import Array, Float, Key

from envs import AbstractEnv, Maze, Policy
from evaluation._evaluate import EpisodeRecord, Evaluator, by_name
from evaluation._path_lengths import Places
from evaluation._stats import LEVEL, Estimate, bootstrap, iqm, proportion

Group = tuple[np.ndarray, np.ndarray]  # a goal, and the rows of the episodes that had it


def evaluate(evaluator: Evaluator, policy: Policy, key: Key[Array, ""], stochastic: bool = False) -> dict[str, Any]:
    """The content of `evaluation.json`, ready for `json.dumps`: what is no finite number is `None`.

    The arguments are those of `Evaluator.episodes`. Every metric of `Evaluator` is an entry `{mean, ci_low,
    ci_high, n}`, with `iqm` where it is not a share of episodes. The intervals are 95 %: Wilson's for shares of
    episodes, a bootstrap over episodes for the rest; an end that one episode cannot tell is `None`. `goals` is the
    same by goal where the goals are few, else `None`; in a maze with one start, with the `path_length` from there, m.
    `task` is what a reader needs to draw them: time limit, control step, threshold and the maze as text.
    """
    env, record = evaluator.env, evaluator.episodes(policy, key, stochastic)
    content: dict[str, Any] = {name: _entry(value) for name, value in by_name(record, env).items()}
    groups = _by_goal(np.asarray(record.goal), env.maze)
    content["goals"] = groups and [
        _goal_entry(group, record, env) | path for group, path in zip(groups, _paths(groups, env), strict=True)
    ]
    content["task"] = {
        "episodes": evaluator.size,
        "episode_length": env.episode_length,
        "control_step": float(env.control_step),
        "threshold": float(env.threshold),
        "maze": None if env.maze is None else env.maze.text,
        "cell_size": None if env.maze is None else float(env.maze.cell_size),
    }
    content["interval"] = f"{LEVEL:.0%}: Wilson's for shares of episodes, else a percentile bootstrap of episodes"
    return content


def _by_goal(goals: Float[np.ndarray, "episode goal"], maze: Maze | None) -> list[Group] | None:
    """Groups of episodes by goal, or `None` where the goals are no finite set.

    In a maze an episode belongs to the goal cell nearest to its goal, and a cell that was never drawn is an
    empty group. Elsewhere the goals count as a finite set where there are at most half as many as episodes.
    """
    if maze is not None:
        cells = np.asarray(maze.goals)
        rows = max(1, 1_000_000 // len(cells))  # at once: all episodes by all cells may be more than memory holds
        nearest = np.concatenate(
            [
                np.linalg.norm(goals[i : i + rows, None, :2] - cells[None], axis=-1).argmin(axis=1)
                for i in range(0, len(goals), rows)
            ]
        )
        return [(cell, np.flatnonzero(nearest == i)) for i, cell in enumerate(cells)]
    unique, which = np.unique(goals.round(6), axis=0, return_inverse=True)
    if len(unique) > len(goals) / 2:
        return None
    return [(goal, np.flatnonzero(which == i)) for i, goal in enumerate(unique)]


def _paths(groups: list[Group], env: AbstractEnv) -> list[dict[str, float]]:
    """How far each goal is from the start, walls gone round: of those that can be reached, where there is one start."""
    maze = env.maze
    # With marks what comes to the goal may be a ball, from its own cell; with `cells` starts are all along a corridor.
    if maze is None or len(maze.starts) != 1 or maze.marks or getattr(env, "cells", None) is not None:
        return [{}] * len(groups)
    places = Places(maze)
    lengths = places.path_lengths(maze.starts[0])[[places.nearest(goal) for goal, _ in groups]]
    return [{"path_length": float(length)} if np.isfinite(length) else {} for length in lengths]


def _entry(values: np.ndarray) -> dict[str, Any]:
    share = values.dtype == np.bool_
    estimate = proportion(values) if share else bootstrap(values)
    entry = {**_ends(estimate), "n": len(values)}
    return entry if share else {**entry, "iqm": _finite(float(iqm(values)))}


def _ends(estimate: Estimate) -> dict[str, float | None]:
    return {"mean": _finite(estimate.value), "ci_low": _finite(estimate.low), "ci_high": _finite(estimate.high)}


def _finite(number: float) -> float | None:
    return number if np.isfinite(number) else None


def _goal_entry(group: Group, record: EpisodeRecord, env: AbstractEnv) -> dict[str, Any]:
    goal, rows = group
    values = {name: value[rows] for name, value in by_name(record, env).items()}
    return {
        "goal": [float(x) for x in goal],
        "n": len(rows),
        **{name: _entry(value) for name, value in values.items() if len(rows)},
    }
