"""The maze of a task as an inline SVG, each goal coloured by how often it is reached."""

from collections.abc import Sequence
from html import escape

from evaluation._run_content import GoalJSON, TaskJSON
from evaluation._tables import count

RIM = 0.3  # of the outer walls is shown, in cells


def task_map(task: TaskJSON, goals: Sequence[GoalJSON] | None) -> str:
    """`maze_map` of a task in a maze; nothing of another task."""
    maze, cell_size = task.get("maze"), task.get("cell_size")
    return maze_map(maze, cell_size, goals) if maze and cell_size and goals else ""


def maze_map(maze: str, cell_size: float, goals: Sequence[GoalJSON]) -> str:
    """An SVG of a maze, seen as its text is written: rows downwards.

    Args:
        maze: its rows joined by `/`; `1` is wall, `R` a start.
        cell_size: in metres; cell (i, j) is centred at x = i, y = j times this.
        goals: entries of `evaluation.json`; the share of episodes that reached one is its colour and number.
    """
    rows = maze.split("/")
    columns = max(map(len, rows))
    walls = "".join(f"M{j} {i}h1v1h-1z" for i, row in enumerate(rows) for j, letter in enumerate(row) if letter == "1")
    starts = "".join(
        f'<circle class="start" cx="{j + 0.5}" cy="{i + 0.5}" r="0.14"/>'
        f'<text class="note" x="{j + 0.5}" y="{i + 0.86}">start</text>'
        for i, row in enumerate(rows)
        for j, letter in enumerate(row)
        if letter == "R"
    )
    large = max(len(rows), columns) > 9  # then there is no room for how many episodes; the tooltip says it
    cells = "".join(_goal(goal, cell_size, large) for goal in goals if len(goal["goal"]) > 1)
    box = f"{1 - RIM} {1 - RIM} {columns - 2 + 2 * RIM} {len(rows) - 2 + 2 * RIM}"
    return (
        f'<svg class="maze" viewBox="{box}" role="img" aria-label="Share of episodes that reached each goal">'
        f'<path class="wall" d="{walls}"/>{cells}{starts}</svg>'
    )


def _goal(goal: GoalJSON, cell_size: float, large: bool) -> str:
    row, column = goal["goal"][0] / cell_size, goal["goal"][1] / cell_size
    x, y = column + 0.5, row + 0.5
    reached = goal.get("eval/success_any")
    mean = None if reached is None else reached["mean"]
    if reached is None or mean is None:
        share, label, note, hint = 0.0, "–", "not drawn", "No episode had this goal."
    else:
        share, low, high = float(mean), reached.get("ci_low"), reached.get("ci_high")
        episodes = "1 episode" if goal["n"] == 1 else f"{count(goal['n'])} episodes"
        label, note = f"{100 * share:.0f}%", episodes
        hint = f"Reached in {share:.0%} of {episodes}" + (
            "." if low is None or high is None else f"; 95% interval {100 * low:.0f} to {100 * high:.0f}%."
        )
    strength = "strong" if share > 0.5 else "weak" if mean is not None else "empty"
    return (
        f'<g class="goal {strength}" style="--share:{100 * share:.1f}%"><title>{escape(hint)}</title>'
        f'<rect x="{x - 0.46:.3f}" y="{y - 0.46:.3f}" width="0.92" height="0.92" rx="0.1"/>'
        f'<text x="{x:.3f}" y="{y + (0.1 if large else 0.06):.3f}">{label}</text>'
        + ("</g>" if large else f'<text class="note" x="{x:.3f}" y="{y + 0.3:.3f}">{note}</text></g>')
    )
