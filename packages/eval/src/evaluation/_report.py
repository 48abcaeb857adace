"""A run as one web page that needs nothing but itself."""

import base64
import json
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from evaluation._chart import Line, chart, quantity
from evaluation._curve import LEARNING
from evaluation._maps import maze_map
from evaluation._metrics import Series, by_metric, is_number, read_lines
from evaluation._tables import amount, count, facts, gin, goals_table, metrics_table

_REACHING = (
    ("eval/time_at_goal_fraction", "time at goal", "var(--goal)"),
    ("eval/success_any", "reached it at all", "var(--amber)"),
    ("eval/success_end", "there at the end", "var(--blue)"),
)


def report(run_dir: Path | str, out: Path | str | None = None) -> Path:
    """Writes `report.html`: film, learning curve, numbers with intervals, goals, and origin of a run.

    Whatever is missing is left out, so a run that has only begun has a report too. Everything that comes from
    a file is
    escaped: the page of somebody else's run executes nothing of theirs.

    Args:
        run_dir: holds `meta.json`, `metrics.jsonl`, `config.gin`, `operative_config.gin`, `evaluation.json`,
            `curve.png`, `film.mp4`.
        out: where the page goes, and where each of these files is looked for first; `run_dir` where `None`.

    Returns:
        The path of the page; it appears only when it is complete.

    Raises:
        ValueError: `run_dir` is no directory, or a JSON file in it is damaged.
    """
    run_dir = Path(run_dir)
    out = run_dir if out is None else Path(out)
    if not run_dir.is_dir():
        raise ValueError(f"The run directory {run_dir} does not exist.")
    found = {name: path for name in _FILES for path in (run_dir / name, out / name) if path.is_file()}
    meta, evaluation = _json(found.get("meta.json")), _json(found.get("evaluation.json"))
    lines = read_lines(found.get("metrics.jsonl", run_dir / "metrics.jsonl"))
    series = by_metric(lines)
    numbers = _numbers(evaluation, series)
    name = str(meta.get("name") or run_dir.name)
    package = files("evaluation")
    page = Template((package / "run.html").read_text()).substitute(
        style=(package / "page.css").read_text(),
        script=(package / "page.js").read_text(),
        name=escape(name),
        task=escape(_task(meta, evaluation)),
        headline=_headline(numbers, bool(evaluation)),
        progress=_progress(lines),
        stage=_stage(found, series),
        numbers=_number_section(numbers, evaluation),
        goals=_map_section(evaluation),
        learning=_learning(series),
        origin=_origin(meta, found),
    )
    out.mkdir(parents=True, exist_ok=True)
    partial = out / ".report.partial.html"
    partial.write_text(page)
    return partial.replace(out / "report.html")


_FILES = (
    "meta.json",
    "metrics.jsonl",
    "config.gin",
    "operative_config.gin",
    "evaluation.json",
    "curve.png",
    "film.mp4",
)


def _json(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} does not hold a JSON object.")
    return content


def _numbers(evaluation: dict[str, Any], series: dict[str, Series]) -> dict[str, dict[str, Any]]:
    """The metrics of the evaluation, or the last ones of training, which have no intervals."""
    entries = {name: entry for name, entry in evaluation.items() if name.startswith("eval/")}
    return entries or {
        name: {"mean": float(one.values[-1])} for name, one in series.items() if name.startswith("eval/")
    }


def _task(meta: dict[str, Any], evaluation: dict[str, Any]) -> str:
    task = {**(meta.get("env") or {}), **(evaluation.get("task") or {})}
    parts = [str(task["name"])] if "name" in task else []
    if is_number(task.get("episode_length")):
        step = task.get("control_step")
        each = f" of {step:g} s" if is_number(step) else ""
        parts.append(f"{task['episode_length']:,} steps{each} an episode")
    if is_number(task.get("threshold")):
        parts.append(f"goal reached within {task['threshold']:g} m")
    return ", ".join(parts)


def _headline(numbers: dict[str, dict[str, Any]], evaluated: bool) -> str:
    main = numbers.get("eval/time_at_goal_fraction")
    if main is None:
        return '<p class="claim">No evaluation yet.</p>'
    between = ""
    if is_number(main.get("ci_low")) and is_number(main.get("ci_high")):
        ends = f"{100 * main['ci_low']:.1f} to {100 * main['ci_high']:.1f}%"
        between = f"95% interval {ends}, {count(main.get('n'))} episodes"
    elif not evaluated:
        between = "the last evaluation during training"
    others = [
        (amount(name, numbers[name]["mean"]), label)
        for name, label in (
            ("eval/success_any", "of episodes reach it"),
            ("eval/success_end", "are there at the end"),
            ("eval/distance", "from the goal at the end"),
        )
        if name in numbers
    ]
    return (
        f'<p class="claim"><strong>{100 * main["mean"]:.0f}<i>%</i></strong> <span>of the time at the goal'
        f"<small>{between}</small></span></p><dl>"
        + "".join(f"<div><dt>{label}</dt><dd>{value}</dd></div>" for value, label in others)
        + "</dl>"
    )


def _progress(lines: list[dict]) -> str:
    """How far the run is, in one line of words."""
    last = {key: value for line in lines for key, value in line.items() if is_number(value)}
    parts = [f"{quantity(last[key])} {label}" for key, label in _COUNTS if key in last]
    if "seconds" in last:
        minutes, seconds = divmod(round(last["seconds"]), 60)
        hours, minutes = divmod(minutes, 60)
        parts.append(f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s")
    return " · ".join(parts)


_COUNTS = (("env_steps", "environment steps"), ("updates", "updates"))


def _stage(found: dict[str, Path], series: dict[str, Series]) -> str:
    parts = []
    if "film.mp4" in found:
        source = _inline(found["film.mp4"], "video/mp4")
        parts.append(
            f'<figure class="film"><video autoplay loop muted playsinline controls src="{source}"></video>'
            "<figcaption>Each tile is one episode, drawn at random and not picked. Its frame lights up while"
            " the agent is at its goal; the bar below it shows when it was.</figcaption></figure>"
        )
    shown = [Line(series[name], label, colour) for name, label, colour in _REACHING if name in series]
    if shown:
        parts.append(chart("Learning curve", shown, percent=True))
    return "".join(parts)


def _number_section(numbers: dict[str, dict[str, Any]], evaluation: dict[str, Any]) -> str:
    if not numbers:
        return ""
    parts = [f"<h2>In numbers</h2>{metrics_table(numbers)}"]
    if evaluation.get("interval"):
        parts.append(f'<p class="note">Interval {escape(str(evaluation["interval"]))}.</p>')
    if goals := evaluation.get("goals"):
        few = " open" if len(goals) <= 8 else ""
        parts.append(f"<details{few}><summary>Goal by goal</summary>{goals_table(goals)}</details>")
    return f"<section>{''.join(parts)}</section>"


def _map_section(evaluation: dict[str, Any]) -> str:
    goals, task = evaluation.get("goals"), evaluation.get("task") or {}
    if not goals or not task.get("maze"):
        return ""
    picture = maze_map(str(task["maze"]), float(task["cell_size"]), goals)
    heading = "<h2>Where it succeeds <small>episodes that reached the goal</small></h2>"
    return f"<section>{heading}{picture}</section>"


def _learning(series: dict[str, Series]) -> str:
    charts = [chart(label, [Line(series[name], label, "var(--blue)")]) for name, label in LEARNING if name in series]
    if not charts:
        return ""
    heading = "<h2>How it learned <small>by environment steps</small></h2>"
    return f'<section>{heading}<div class="small">{"".join(charts)}</div></section>'


def _origin(meta: dict[str, Any], found: dict[str, Path]) -> str:
    parts = [facts(meta)] + [
        f"<details><summary>{label} <code>{name}</code></summary><pre>{gin(found[name].read_text())}</pre></details>"
        for name, label in (
            ("config.gin", "Configuration as given"),
            ("operative_config.gin", "Every value used"),
        )
        if name in found
    ]
    if "curve.png" in found:
        link = f'<a download="curve.png" href="{_inline(found["curve.png"], "image/png")}">curve.png</a>'
        parts.append(f'<p class="note">The learning curve as a picture: {link}</p>')
    content = "".join(parts)
    return f"<section><h2>How it was made</h2>{content}</section>" if content else ""


def _inline(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
