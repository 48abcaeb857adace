"""A study as one web page that needs nothing but itself."""

import base64
import json
from collections.abc import Callable
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from evaluation._maps import maze_map
from evaluation._study_charts import Cell, by_path_length, curves, finals, grid, label, percent
from evaluation._study_profile import profiles
from evaluation._study_table import inside_table, study_table, tested_table
from evaluation._tables import facts

_FILM, _MAP, _INSIDE = "film.mp4", "value_map.png", "inside.png"


def study_page(study: Path | str) -> Path:
    """Writes `report.html` of a study: main figure, table, films and pictures of two cells, costs, commands.

    Everything that comes from a file is escaped. What a study lacks is left out.

    Args:
        study: holds `study.json`, and where it has them `tested.json`, `inside.json` and the run directories
            `<cell>/seed<n>`.

    Returns:
        The path of the page; it appears only when it is complete.

    Raises:
        ValueError: there is no `study.json`, or it holds no cell.
    """
    study = Path(study)
    if not (study / "study.json").is_file():
        raise ValueError(f"{study} holds no study.json; tools/study.py writes it when a first run is finished.")
    found = json.loads((study / "study.json").read_text())
    cells = [cell | {"label": label(cell, found["axes"])} for cell in found["cells"]]
    if not cells:
        raise ValueError(f"{study / 'study.json'} holds no finished run.")
    best = max(cells, key=lambda cell: cell["final"]["mean"])
    pair = [cells[0], best if best is not cells[0] else cells[-1]]
    pair = pair[: len(cells)]
    tested, looked = (_of_these_runs(study / name, cells) for name in ("tested.json", "inside.json"))
    package = files("evaluation")
    page = Template((package / "study.html").read_text()).substitute(
        style=(package / "page.css").read_text(),
        script=(package / "page.js").read_text(),
        name=escape(str(found.get("name") or study.name)),
        about=escape(found.get("about", "")),
        headline=_headline(cells[0], best, len(cells) - 1) + _missing(found.get("missing", [])),
        stage=_stage(cells, found),
        films=_side_by_side("How they act", pair, lambda cell: _film(_run(study, cell))),
        tested=_section("Tested", tested_table, tested, cells),
        maps=_succeed(study, tested, pair),
        far=_far(tested, cells),
        values=_side_by_side(
            "What their critics hold to be near", pair, lambda cell: _picture(_run(study, cell) / _MAP)
        ),
        inside=_side_by_side("What is inside them", pair, lambda cell: _picture(_run(study, cell) / _INSIDE)),
        looked=_section("What depth does inside", inside_table, looked, cells),
        profiles=profiles(cells) if min(len(cell["runs"]) for cell in cells) > 1 else "",
        table=study_table(cells, found["thresholds"]),
        origin=_origin(found, [later["origin"]["command"] for later in (tested, looked) if later]),
    )
    partial = study / ".report.partial.html"
    partial.write_text(page)
    return partial.replace(study / "report.html")


def _headline(first: Cell, best: Cell, others: int) -> str:
    if best is first:
        return (
            f'<p class="claim"><strong>{100 * first["final"]["mean"]:.0f}<i>%</i></strong> <span>of the time at '
            f"the goal with {escape(first['label'])}: no other does better<small>{_seeds(first)}</small></span></p>"
        )
    against = (
        f"{escape(best['label'])} {percent(best['final'])} %, {escape(first['label'])} {percent(first['final'])} %"
    )
    if best["over_first"] is None or best["over_first"] > 1000:
        number, words = f"{100 * best['final']['mean']:.0f}<i>%</i>", "of the time at the goal, where the first has 0"
    else:
        number, words = f"{best['over_first']:.1f}<i>×</i>", "the time at the goal"
    together = f", and stays so for {others} comparisons together" if others > 1 else ""
    verdict = f"the interval of their difference is above 0{together}"
    if not best["above_first"]:
        number, words = "≈", f"no difference that {_seeds(best)} can tell; highest"
        verdict = f"of their difference {percent(best['beyond_first'])}"
    return (
        f'<p class="claim"><strong>{number}</strong> <span>{words} with {escape(best["label"])}'
        f"<small>{against}; {_seeds(best)}, 95% intervals; {verdict}</small></span></p>"
    )


def _missing(names: list[str]) -> str:
    if not names:
        return ""
    some = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
    return f'<p class="task">Not finished, and not in these numbers: {escape(some)} ({len(names)} in all).</p>'


def _seeds(cell: Cell) -> str:
    return f"{len(cell['runs'])} seeds" if len(cell["runs"]) > 1 else "1 seed"


def _stage(cells: list[Cell], found: dict[str, Any]) -> str:
    square = len(found["axes"]) == 2 and len(cells) > 3
    return curves(cells, found.get("published")) + (
        grid(cells, found["axes"]) if square else finals(cells, found["critical"])
    )


def _side_by_side(
    title: str, pair: list[Cell], draw: Callable[[Cell], str], whose: str = "the first seed of each, not picked"
) -> str:
    drawn = [(cell, draw(cell)) for cell in pair]
    shown = "".join(
        f"<figure><figcaption>{escape(cell['label'])}</figcaption>{one}</figure>" for cell, one in drawn if one
    )
    small = f"<small>{whose}</small>"
    return f'<section><h2>{title} {small}</h2><div class="two">{shown}</div></section>' if shown else ""


def _succeed(study: Path, tested: dict[str, Any] | None, pair: list[Cell]) -> str:
    """Maps of goals: of all seeds where the study was tested, else of a seed of each."""
    title, by_name = "Where they succeed", {cell["name"]: cell for cell in tested["cells"]} if tested else {}
    if all(by_name.get(cell["name"], {}).get("goals") for cell in pair):
        return _side_by_side(title, pair, lambda cell: _goals(by_name[cell["name"]]), "mean of all seeds")
    return _side_by_side(title, pair, lambda cell: _goals(_evaluation(_run(study, cell))))


def _far(tested: dict[str, Any] | None, cells: list[Cell]) -> str:
    """Time at the goal against the length of the way to it, in a maze with one start."""
    if tested is None or not all(cell.get("by_path_length") for cell in tested["cells"]):
        return ""
    drawn = by_path_length(cells, tested["cells"])
    return (
        f'<section class="far"><h2>How far they come <small>the last agents of all seeds</small></h2>{drawn}</section>'
    )


def _section(title: str, table: Callable[..., str], content: dict[str, Any] | None, cells: list[Cell]) -> str:
    if content is None:
        return ""
    return f"<section><h2>{title}</h2>{table(content, {cell['name']: cell['label'] for cell in cells})}</section>"


def _of_these_runs(file: Path, cells: list[Cell]) -> dict[str, Any] | None:
    """What a file says of the agents at the ends of the study's runs; nothing where it is of others, or not there."""
    if not file.is_file():
        return None
    content = json.loads(file.read_text())
    ends = {cell["name"]: [[run["seed"], run["curve"]["env_steps"][-1]] for run in cell["runs"]] for cell in cells}
    return content if {cell["name"]: cell.get("agents") for cell in content["cells"]} == ends else None


def _run(study: Path, cell: Cell) -> Path:
    return study / cell["name"] / f"seed{cell['runs'][0]['seed']}"


def _film(run: Path) -> str:
    if not (run / _FILM).is_file():
        return ""
    return f'<video autoplay loop muted playsinline controls src="{_inline(run / _FILM, "video/mp4")}"></video>'


def _evaluation(run: Path) -> dict[str, Any]:
    return json.loads((run / "evaluation.json").read_text()) if (run / "evaluation.json").is_file() else {}


def _goals(tested: dict[str, Any]) -> str:
    goals, task = tested.get("goals"), tested.get("task") or {}
    return maze_map(str(task["maze"]), float(task["cell_size"]), goals) if goals and task.get("maze") else ""


def _picture(png: Path) -> str:
    return f'<img alt="" src="{_inline(png, "image/png")}">' if png.is_file() else ""


def _origin(found: dict[str, Any], later: list[str]) -> str:
    minutes = sum(run["seconds"] for cell in found["cells"] for run in cell["runs"]) / 60
    cost = f'<p class="note">The sum of all runs\' times, some side by side: {minutes / 60:.1f} hours.</p>'
    cost += "".join(f'<p class="note"><code>{escape(command)}</code></p>' for command in later)
    theirs = found.get("published")
    source = f'<p class="note">Published curves: {escape(theirs["source"])}.</p>' if theirs else ""
    return f"<section><h2>How it was made</h2>{facts(found['origin'])}{cost}{source}</section>"


def _inline(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
