"""A run as one web page that needs nothing but itself."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from evaluation._chart import Line, chart, quantity
from evaluation._learning import learning
from evaluation._maps import task_map
from evaluation._metrics import CLOCKS, Series, by_metric, clock, is_number
from evaluation._run_content import Evaluation, Metadata, RunContent, Spread
from evaluation._tables import amount, count, facts, gin, goals_table, metrics_table

_REACHING = (
    ("eval/time_at_goal_fraction", "time at goal", "var(--goal)"),
    ("eval/success_any", "reached it at all", "var(--amber)"),
    ("eval/success_end", "there at the end", "var(--blue)"),
)
_MOST_PANELS = 48  # of the algorithm's metrics


def report(run: RunContent) -> str:
    """The page of a run: film, learning curve, numbers with intervals, goals, and origin.

    Whatever is missing is left out, so a run that has only begun has a page too. Everything that comes from
    a file is escaped: the page of somebody else's run executes nothing of theirs.
    """
    evaluation = run.evaluation or Evaluation()
    series, by = by_metric(run.records), CLOCKS[clock(run.records)]
    numbers = evaluation.metrics or _last(series)
    return filled(
        "run.html",
        name=escape(run.meta.name or run.name),
        task=escape(_task(run.meta, evaluation)),
        headline=_headline(numbers, run.evaluation is not None),
        progress=_progress(run.records),
        stage=_stage(run, series, by),
        numbers=_number_section(numbers, evaluation),
        goals=_map_section(evaluation),
        learning=_learning(series, by),
        origin=_origin(run),
    )


def filled(template: str, **parts: str) -> str:
    """A page: a file of this package with its `$name`s filled in; what UTF-8 has no letter for is a question mark."""
    text, style, script = (
        (files("evaluation") / name).read_text(encoding="utf-8") for name in (template, "page.css", "page.js")
    )
    page = Template(text).substitute(style=style, script=script, **parts)
    return page.encode("utf-8", "replace").decode("utf-8")  # a path or JSON may hold half of a letter


def inline(content: bytes, kind: str) -> str:
    """A picture or film as an address that holds all of it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _last(series: Mapping[str, Series]) -> dict[str, Spread]:
    """The last evaluation of training, which has no intervals."""
    return {name: {"mean": float(one.values[-1])} for name, one in series.items() if name.startswith("eval/")}


def _task(meta: Metadata, evaluation: Evaluation) -> str:
    task = {**meta.task, **evaluation.task}
    parts = [str(task["name"])] if task.get("name") else []
    if is_number(task.get("episode_length")):
        step = task.get("control_step")
        each = f" of {step:g} s" if is_number(step) else ""
        parts.append(f"{task['episode_length']:,} steps{each} an episode")
    if is_number(task.get("threshold")):
        parts.append(f"goal reached within {task['threshold']:g} m")
    return ", ".join(parts)


def _headline(numbers: Mapping[str, Spread], evaluated: bool) -> str:
    main = numbers.get("eval/time_at_goal_fraction")
    share = None if main is None else main["mean"]
    if main is None or share is None:
        return '<p class="claim">No evaluation yet.</p>'
    between = ""
    low, high = main.get("ci_low"), main.get("ci_high")
    if low is not None and high is not None:
        ends = f"{100 * low:.1f} to {100 * high:.1f}%"
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
        f'<p class="claim"><strong>{100 * share:.0f}<i>%</i></strong> <span>of the time at the goal'
        f"<small>{between}</small></span></p><dl>"
        + "".join(f"<div><dt>{label}</dt><dd>{value}</dd></div>" for value, label in others)
        + "</dl>"
    )


def _progress(records: Sequence[Mapping[str, Any]]) -> str:
    """How far the run is, in one line of words."""
    last = {key: value for record in records for key, value in record.items() if is_number(value)}
    parts = [f"{quantity(last[key])} {label}" for key, label in _COUNTS if key in last]
    if "seconds" in last:
        minutes, seconds = divmod(round(last["seconds"]), 60)
        hours, minutes = divmod(minutes, 60)
        parts.append(f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s")
    return " · ".join(parts)


_COUNTS = (("env_steps", "environment steps"), ("updates", "updates"))


def _stage(run: RunContent, series: Mapping[str, Series], by: str) -> str:
    parts = []
    if run.film is not None:
        source = inline(run.film, "video/mp4")
        parts.append(
            f'<figure class="film"><video autoplay loop muted playsinline controls src="{source}"></video>'
            "<figcaption>Each tile is one episode, drawn at random and not picked. Its frame lights up while"
            " the agent is at its goal; the bar below it shows when it was.</figcaption></figure>"
        )
    shown = [Line(series[name], label, colour) for name, label, colour in _REACHING if name in series]
    if shown:
        parts.append(chart("Learning curve", shown, percent=True, by=by))
    return "".join(parts)


def _number_section(numbers: Mapping[str, Spread], evaluation: Evaluation) -> str:
    if not numbers:
        return ""
    parts = [f"<h2>In numbers</h2>{metrics_table(numbers)}"]
    if evaluation.interval:
        parts.append(f'<p class="note">Interval {escape(evaluation.interval)}.</p>')
    if goals := evaluation.goals:
        few = " open" if len(goals) <= 8 else ""
        parts.append(f"<details{few}><summary>Goal by goal</summary>{goals_table(goals)}</details>")
    return f"<section>{''.join(parts)}</section>"


def _map_section(evaluation: Evaluation) -> str:
    picture = task_map(evaluation.task, evaluation.goals)
    heading = "<h2>Where it succeeds <small>episodes that reached the goal</small></h2>"
    return f"<section>{heading}{picture}</section>" if picture else ""


def _learning(series: Mapping[str, Series], by: str) -> str:
    panels, left_out = learning(series, _MOST_PANELS)
    charts = [chart(label, [Line(one, label, "var(--blue)")], by=by) for label, one in panels]
    if not charts:
        return ""
    note = f'<p class="note">{left_out}</p>' if left_out else ""
    heading = f"<h2>How it learned <small>by {by}</small></h2>"
    return f'<section>{heading}<div class="small">{"".join(charts)}</div>{note}</section>'


def _origin(run: RunContent) -> str:
    configurations = (
        ("config.gin", "Configuration as given", run.config),
        ("operative_config.gin", "Every value used", run.operative_config),
    )
    parts = [facts(run.meta.facts)] + [
        f"<details><summary>{label} <code>{name}</code></summary><pre>{gin(text)}</pre></details>"
        for name, label, text in configurations
        if text is not None
    ]
    if run.curve is not None:
        link = f'<a download="curve.png" href="{inline(run.curve, "image/png")}">curve.png</a>'
        parts.append(f'<p class="note">The learning curve as a picture: {link}</p>')
    content = "".join(parts)
    return f"<section><h2>How it was made</h2>{content}</section>" if content else ""
