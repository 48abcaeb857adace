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
from evaluation._study_charts import Cell, curves, finals, grid, label, percent
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
    pair = [cells[0], best] if best is not cells[0] else [best]
    package = files("evaluation")
    page = Template((package / "study.html").read_text()).substitute(
        style=(package / "page.css").read_text(),
        script=(package / "page.js").read_text(),
        name=escape(str(found.get("name") or study.name)),
        about=escape(found.get("about", "")),
        headline=_headline(cells[0], best),
        stage=_stage(cells, found),
        films=_side_by_side("How they act", pair, study, _film),
        tested=_tested(study, cells),
        maps=_side_by_side("Where they succeed", pair, study, _goals),
        values=_side_by_side("What their critics hold to be near", pair, study, lambda run: _picture(run / _MAP)),
        inside=_side_by_side("What is inside them", pair, study, lambda run: _picture(run / _INSIDE)),
        looked=_looked(study, cells),
        profiles=profiles(cells) if min(len(cell["runs"]) for cell in cells) > 1 else "",
        table=study_table(cells, found["threshold"]),
        origin=_origin(found),
    )
    partial = study / ".report.partial.html"
    partial.write_text(page)
    return partial.replace(study / "report.html")


def _headline(first: Cell, best: Cell) -> str:
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
    verdict = "the interval of their difference is above 0"
    if (best["beyond_first"]["ci_low"] or 0) <= 0:
        number, words = "≈", f"no difference that {_seeds(best)} can tell; highest"
        verdict = f"of their difference {percent(best['beyond_first'])}"
    return (
        f'<p class="claim"><strong>{number}</strong> <span>{words} with {escape(best["label"])}'
        f"<small>{against}; {_seeds(best)}, 95% intervals; {verdict}</small></span></p>"
    )


def _seeds(cell: Cell) -> str:
    return f"{len(cell['runs'])} seeds" if len(cell["runs"]) > 1 else "1 seed"


def _stage(cells: list[Cell], found: dict[str, Any]) -> str:
    square = len(found["axes"]) == 2 and len(cells) > 3
    return curves(cells, found.get("published")) + (
        grid(cells, found["axes"]) if square else finals(cells, found["critical"])
    )


def _side_by_side(title: str, pair: list[Cell], study: Path, draw: Callable[[Path], str]) -> str:
    drawn = [(cell, draw(_run(study, cell))) for cell in pair]
    shown = "".join(
        f"<figure><figcaption>{escape(cell['label'])}</figcaption>{one}</figure>" for cell, one in drawn if one
    )
    small = f"<small>seed {pair[0]['runs'][0]['seed']} of each, not picked</small>"
    return f'<section><h2>{title} {small}</h2><div class="two">{shown}</div></section>' if shown else ""


def _tested(study: Path, cells: list[Cell]) -> str:
    if not (study / "tested.json").is_file():
        return ""
    names = {cell["name"]: cell["label"] for cell in cells}
    return f"<section><h2>Tested</h2>{tested_table(json.loads((study / 'tested.json').read_text()), names)}</section>"


def _looked(study: Path, cells: list[Cell]) -> str:
    if not (study / "inside.json").is_file():
        return ""
    names = {cell["name"]: cell["label"] for cell in cells}
    table = inside_table(json.loads((study / "inside.json").read_text()), names)
    return f"<section><h2>What depth does inside</h2>{table}</section>"


def _run(study: Path, cell: Cell) -> Path:
    return study / cell["name"] / f"seed{cell['runs'][0]['seed']}"


def _film(run: Path) -> str:
    if not (run / _FILM).is_file():
        return ""
    return f'<video autoplay loop muted playsinline controls src="{_inline(run / _FILM, "video/mp4")}"></video>'


def _goals(run: Path) -> str:
    if not (run / "evaluation.json").is_file():
        return ""
    tested = json.loads((run / "evaluation.json").read_text())
    goals, task = tested.get("goals"), tested.get("task") or {}
    return maze_map(str(task["maze"]), float(task["cell_size"]), goals) if goals and task.get("maze") else ""


def _picture(png: Path) -> str:
    return f'<img alt="" src="{_inline(png, "image/png")}">' if png.is_file() else ""


def _origin(found: dict[str, Any]) -> str:
    minutes = sum(run["seconds"] for cell in found["cells"] for run in cell["runs"]) / 60
    cost = f'<p class="note">All runs together: {minutes / 60:.1f} hours, as run.</p>'
    theirs = found.get("published")
    source = f'<p class="note">Published curves: {escape(theirs["source"])}.</p>' if theirs else ""
    return f"<section><h2>How it was made</h2>{facts(found['origin'])}{cost}{source}</section>"


def _inline(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
