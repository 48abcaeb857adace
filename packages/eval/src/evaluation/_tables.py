"""The tables of the report: metrics with their intervals, goals, and where the run came from."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from evaluation._metrics import is_number
from evaluation._run_content import GoalJSON, Spread

# metric: (what a reader calls it, what it is)
METRICS = {
    "eval/time_at_goal": ("Time at goal", "steps of the episode within the threshold"),
    "eval/time_at_goal_fraction": ("Share of time", "the same over the time limit"),
    "eval/success_any": ("Reached", "episodes with at least one step at the goal"),
    "eval/success_end": ("There at the end", "episodes whose last step is at the goal"),
    "eval/distance": ("Final distance", "from the last state to the goal"),
    "eval/episode_length": ("Episode length", "steps until the time limit or a fall"),
}
SHARES = ("eval/time_at_goal_fraction", "eval/success_any", "eval/success_end")


def amount(metric: str, value: Any, unit: bool = True) -> str:
    """A value as a reader wants it: shares in percent, steps and metres with their unit."""
    if not is_number(value):
        return "–"
    if metric in SHARES:
        return f"{100 * value:.1f}%"
    if metric == "eval/distance":
        return f"{value:.2f}" + (" m" if unit else "")
    if metric in METRICS:
        return f"{value:,.1f}" + (" steps" if unit else "")
    return f"{value:.4g}"


def count(value: Any) -> str:
    """A number of episodes."""
    return f"{value:,}" if is_number(value) else "–"


def metrics_table(numbers: Mapping[str, Spread]) -> str:
    """Every metric: mean, interval, and both as a bar where the metric is a share."""
    names = [name for name in METRICS if name in numbers] + sorted(set(numbers) - set(METRICS))
    rows = "".join(_metric(name, numbers[name]) for name in names)
    return (
        '<table class="metrics"><thead><tr><th>Metric</th><th>Mean</th><th>95% interval</th>'
        f'<th class="wide"></th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _metric(name: str, entry: Spread) -> str:
    label, meaning = METRICS.get(name, (name.removeprefix("eval/").replace("_", " "), ""))
    interval, bar = between(name, entry), ""
    low, high, mean = (entry.get(key) for key in ("ci_low", "ci_high", "mean"))
    spread = ""
    if low is not None and high is not None and is_number(low) and is_number(high):
        spread = f'<i style="left:{100 * low:.2f}%;width:{100 * (high - low):.2f}%"></i>'
    if name in SHARES and mean is not None and is_number(mean):
        bar = f'<div class="bar"><b style="width:{100 * mean:.2f}%"></b>{spread}</div>'
    return (
        f'<tr title="{escape(meaning)}"><th scope="row">{escape(label)}</th>'
        f'<td>{amount(name, mean)}</td><td>{interval}</td><td class="wide">{bar}</td></tr>'
    )


def between(name: str, entry: Mapping[str, Any]) -> str:
    """The interval of a metric."""
    low, high = entry.get("ci_low"), entry.get("ci_high")
    if not is_number(low) or not is_number(high):
        return "–"
    return f"{amount(name, low, False).rstrip('%')} – {amount(name, high, False)}"


def goals_table(goals: Sequence[GoalJSON]) -> str:
    """One row a goal: how many episodes had it and how they went, each mean with its 95 % interval below it."""
    columns = {
        "eval/success_any": "Reached",
        "eval/success_end": "At the end",
        "eval/time_at_goal_fraction": "Time",
        "eval/distance": "Distance",
    }
    head = "".join(f"<th>{label}</th>" for label in columns.values())
    rows = []
    for goal in goals:
        entries = [(name, goal.get(name, {})) for name in columns]
        cells = "".join(f"<td>{amount(n, e.get('mean'))}<br><small>{between(n, e)}</small></td>" for n, e in entries)
        place = ", ".join(f"{float(x):g}" for x in goal["goal"])
        rows.append(f'<tr><th scope="row">{place}</th><td>{count(goal.get("n"))}</td>{cells}</tr>')
    return (
        f'<div class="scroll"><table><thead><tr><th>Goal (m)</th><th>Episodes</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def facts(meta: Mapping[str, Any]) -> str:
    """What `meta.json` says, known keys first and in words; keys that are not known are shown as they are."""
    shown = [key for key in _FACTS if key in meta] + [key for key in meta if key not in {*_FACTS, *_ELSEWHERE}]
    rows = "".join(
        f"<div><dt>{escape(_FACTS.get(key, key.replace('_', ' ')))}</dt><dd>{_value(meta[key])}</dd></div>"
        for key in shown
        if meta[key] not in (None, "", [], {})
    )
    command = meta.get("command")
    shell = " ".join(map(str, command)) if isinstance(command, list) else command
    line = f'<pre class="command"><code>{escape(str(shell))}</code></pre>' if shell else ""
    return line + (f'<dl class="facts">{rows}</dl>' if rows else "")


_ELSEWHERE = ("name", "command", "env")  # these the page shows in other places
_FACTS = {
    "started": "Started",
    "seed": "Seed",
    "engine": "Physics engine",
    "devices": "Devices",
    "git_commit": "Commit",
    "parameters": "Parameters",
    "versions": "Versions",
}


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<span>{escape(str(key))} <b>{_value(one)}</b></span>" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_value, value))
    if isinstance(value, str) and re.match("[0-9a-f]{40}", value):
        return f"<code>{escape(value)}</code>"
    if isinstance(value, str) and (time := re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):[\d.]+\+00:00", value)):
        return f"{time[1]} {time[2]} UTC"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    return escape(str(value))


def gin(text: str) -> str:
    """A gin file as HTML: comments and names marked."""
    return "\n".join(map(_gin_line, text.strip().splitlines()))


def _gin_line(line: str) -> str:
    if line.lstrip().startswith("#"):
        return f"<i>{escape(line)}</i>"
    name = re.match(r"[\w./]+(?=\s*=)", line)
    return f"<b>{escape(name[0])}</b>{escape(line[name.end() :])}" if name else escape(line)
