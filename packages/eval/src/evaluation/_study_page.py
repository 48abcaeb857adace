"""A study as one web page that needs nothing but itself."""

from collections.abc import Callable, Sequence
from html import escape

from evaluation._maps import task_map
from evaluation._report import filled, inline
from evaluation._study_charts import Cell, by_path_length, curves, finals, grid, labelled, percent
from evaluation._study_content import (
    CellContent,
    LaterCell,
    Study,
    StudyContent,
    StudyInside,
    StudyTested,
    side_by_side,
)
from evaluation._study_profile import profiles
from evaluation._study_table import inside_table, study_table, tested_table
from evaluation._tables import facts


def study_page(content: StudyContent) -> str:
    """The page of a study: main figure, table, films and pictures of two cells, costs, commands.

    Everything that comes from a file is escaped. What a study lacks is left out; so is what was found of other agents
    than those at the ends of its runs.
    """
    study = content.study
    cells, pair = (labelled(some, study.axes) for some in (study.cells, side_by_side(study)))
    best = max(cells, key=lambda cell: cell["final"]["mean"])
    tested = content.tested if _of_these_runs(content.tested, cells) else None
    looked = content.inside if _of_these_runs(content.inside, cells) else None

    def shown(title: str, draw: Callable[[CellContent], str]) -> str:
        return _side_by_side(title, pair, lambda cell: draw(content.runs.get(cell["name"], CellContent())))

    return filled(
        "study.html",
        name=escape(study.name or content.name),
        about=escape(study.about),
        headline=_headline(cells[0], best, len(cells) - 1) + _missing(study.missing),
        stage=_stage(cells, study),
        films=shown("How they act", lambda run: _film(run.film)),
        tested=_section("Tested", tested_table, tested, cells),
        maps=_succeed(content, tested, pair),
        far=_far(tested, cells),
        values=shown("What their critics hold to be near", lambda run: _picture(run.value_map)),
        inside=shown("What is inside them", lambda run: _picture(run.inside)),
        looked=_section("What depth does inside", inside_table, looked, cells),
        profiles=profiles(cells) if min(len(cell["runs"]) for cell in cells) > 1 else "",
        table=study_table(cells, study.thresholds),
        origin=_origin(study, [later.command for later in (tested, looked) if later]),
    )


def _headline(first: Cell, best: Cell, others: int) -> str:
    if best["name"] == first["name"]:
        return (
            f'<p class="claim"><strong>{100 * first["final"]["mean"]:.0f}<i>%</i></strong> <span>of the time at '
            f"the goal with {escape(first['label'])}: no other does better<small>{_seeds(first)}</small></span></p>"
        )
    against = (
        f"{escape(best['label'])} {percent(best['final'])} %, {escape(first['label'])} {percent(first['final'])} %"
    )
    times, beyond = best.get("over_first"), best.get("beyond_first")
    if times is None or times > 1000:
        number, words = f"{100 * best['final']['mean']:.0f}<i>%</i>", "of the time at the goal, where the first has 0"
    else:
        number, words = f"{times:.1f}<i>×</i>", "the time at the goal"
    together = f", and stays so for {others} comparisons together" if others > 1 else ""
    verdict = f"the interval of their difference is above 0{together}"
    if beyond is not None and not best.get("above_first"):
        number, words = "≈", f"no difference that {_seeds(best)} can tell; highest"
        verdict = f"of their difference {percent(beyond)}"
    return (
        f'<p class="claim"><strong>{number}</strong> <span>{words} with {escape(best["label"])}'
        f"<small>{against}; {_seeds(best)}, 95% intervals; {verdict}</small></span></p>"
    )


def _missing(names: Sequence[str]) -> str:
    if not names:
        return ""
    some = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
    return f'<p class="task">Not finished, and not in these numbers: {escape(some)} ({len(names)} in all).</p>'


def _seeds(cell: Cell) -> str:
    return f"{len(cell['runs'])} seeds" if len(cell["runs"]) > 1 else "1 seed"


def _stage(cells: list[Cell], study: Study) -> str:
    square = len(study.axes) == 2 and len(cells) > 3
    return curves(cells, study.published) + (grid(cells, study.axes) if square else finals(cells, study.critical))


def _side_by_side(
    title: str, pair: list[Cell], draw: Callable[[Cell], str], whose: str = "the first seed of each, not picked"
) -> str:
    drawn = [(cell, draw(cell)) for cell in pair]
    shown = "".join(
        f"<figure><figcaption>{escape(cell['label'])}</figcaption>{one}</figure>" for cell, one in drawn if one
    )
    small = f"<small>{whose}</small>"
    return f'<section><h2>{title} {small}</h2><div class="two">{shown}</div></section>' if shown else ""


def _succeed(content: StudyContent, tested: StudyTested | None, pair: list[Cell]) -> str:
    """Maps of goals: of all seeds where the study was tested, else of a seed of each."""
    title, by_name = "Where they succeed", tested.cells if tested else {}
    if all(cell["name"] in by_name and by_name[cell["name"]].goals for cell in pair):

        def of_all(cell: Cell) -> str:
            found = by_name[cell["name"]]
            return task_map(found.task, found.goals)

        return _side_by_side(title, pair, of_all, "mean of all seeds")

    def of_one(cell: Cell) -> str:
        found = content.runs.get(cell["name"], CellContent()).evaluation
        return task_map(found.task, found.goals) if found else ""

    return _side_by_side(title, pair, of_one)


def _far(tested: StudyTested | None, cells: list[Cell]) -> str:
    """Time at the goal against the length of the way to it, in a maze with one start."""
    points = [tested.cells[cell["name"]].by_path_length for cell in cells] if tested else []
    if not points or not all(points):
        return ""
    drawn = by_path_length(cells, [one or [] for one in points])
    return (
        f'<section class="far"><h2>How far they come <small>the last agents of all seeds</small></h2>{drawn}</section>'
    )


def _section(
    title: str,
    table: Callable[[list[tuple[str, LaterCell]]], str],
    later: StudyTested | StudyInside | None,
    cells: list[Cell],
) -> str:
    if later is None:
        return ""
    return f"<section><h2>{title}</h2>{table([(cell['label'], later.cells[cell['name']]) for cell in cells])}</section>"


def _of_these_runs(later: StudyTested | StudyInside | None, cells: list[Cell]) -> bool:
    """Whether something was found later of the agents at the ends of the study's runs."""
    if later is None:
        return False
    ends = {cell["name"]: [(run["seed"], run["curve"]["env_steps"][-1]) for run in cell["runs"]] for cell in cells}
    return {name: list(cell.agents or ()) for name, cell in later.cells.items()} == ends


def _film(film: bytes | None) -> str:
    if film is None:
        return ""
    return f'<video autoplay loop muted playsinline controls src="{inline(film, "video/mp4")}"></video>'


def _picture(png: bytes | None) -> str:
    return "" if png is None else f'<img alt="" src="{inline(png, "image/png")}">'


def _origin(study: Study, later: list[str]) -> str:
    minutes = sum(run["seconds"] for cell in study.cells for run in cell["runs"]) / 60
    cost = f'<p class="note">The sum of all runs\' times, some side by side: {minutes / 60:.1f} hours.</p>'
    cost += "".join(f'<p class="note"><code>{escape(command)}</code></p>' for command in later)
    theirs = study.published
    source = f'<p class="note">Published curves: {escape(theirs["source"])}.</p>' if theirs else ""
    return f"<section><h2>How it was made</h2>{facts(study.origin)}{cost}{source}</section>"
