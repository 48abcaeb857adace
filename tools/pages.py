"""The pages of runs and studies: what they show is read here, from directories that may be a stranger's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import run_directory
from exits import UserError

import crl
import evaluation

EVALUATION, CURVE, FILM = "evaluation.json", "curve.png", "film.mp4"
STUDY, TESTED, INSIDE = "study.json", "tested.json", "inside.json"
MAP, FIGURE = "value_map.png", "inside.png"

T = TypeVar("T")


def write_report(directory: Path, out: Path | None = None) -> Path:
    """Writes the page of a run into `out`, or into its own directory; returns the page's path.

    What is in `out` is shown in place of what the run's directory has.

    Raises:
        UserError: a file that the page shows is damaged.
    """
    folders = [crl.Folder(place) for place in (out, directory) if place is not None]
    folders[0].path.mkdir(parents=True, exist_ok=True)
    return folders[0].write(run_directory.REPORT, evaluation.report(_run(folders)))


def write_study_page(study: Path) -> Path:
    """Writes the page of a study into its directory; returns the page's path.

    Raises:
        UserError: there is no finished run, or a file that the page shows is damaged.
    """
    folder = crl.Folder(study)
    found = read_study(study)
    content = evaluation.StudyContent(
        name=folder.path.name,
        study=found,
        tested=checked(folder, TESTED, evaluation.StudyTested.from_json),
        inside=checked(folder, INSIDE, evaluation.StudyInside.from_json),
        runs={
            cell["name"]: _cell(run_folder(study, cell["name"], cell["runs"][0]["seed"]))
            for cell in evaluation.side_by_side(found)
        },
    )
    return folder.write(run_directory.REPORT, evaluation.study_page(content))


def read_study(study: Path) -> evaluation.Study:
    """What `study.json` says, and that its runs lie in the study.

    Raises:
        UserError: there is none, it is damaged, or a cell's name is that of no directory.
    """
    found = checked(crl.Folder(study), STUDY, evaluation.Study.from_json)
    if found is None:
        raise UserError(f"{study} holds no {STUDY}; tools/study.py writes it when a first run is finished.")
    for cell in found.cells:
        if not crl.is_plain(cell["name"]):
            raise UserError(f"{study / STUDY} is damaged: {cell['name']!r} is not the name of a cell.")
    return found


def run_folder(study: Path, cell: str, seed: int) -> crl.Folder:
    """The directory of a run in a study, reached by no link."""
    return crl.Folder(study).folder(cell).folder(f"seed{seed}")


def read_evaluation(folder: crl.Folder, name: str = EVALUATION) -> evaluation.Evaluation | None:
    """The numbers of an agent in a run's directory, `None` where there are none.

    Raises:
        UserError: they are damaged.
    """
    return checked(folder, name, evaluation.Evaluation.from_json)


def checked(folder: crl.Folder, name: str, check: Callable[[dict[str, Any], str], T]) -> T | None:
    """A JSON file after a check that says what is wrong with it; `None` where there is no such file.

    Raises:
        UserError: it is damaged.
    """
    if not folder.has(name):
        return None
    content = folder.json(name)
    try:
        return check(content, str(folder.path / name))
    except ValueError as e:
        raise UserError(str(e)) from e


def _run(folders: list[crl.Folder]) -> evaluation.RunContent:
    def first(file: str) -> crl.Folder | None:
        return next((folder for folder in folders if folder.has(file)), None)

    def text(file: str) -> str | None:
        return None if (folder := first(file)) is None else folder.text(file)

    def content(file: str) -> bytes | None:
        return None if (folder := first(file)) is None else folder.read(file)

    metrics = first(run_directory.METRICS)
    return evaluation.RunContent(
        name=folders[-1].path.name,
        meta=checked(first(run_directory.META) or folders[0], run_directory.META, evaluation.Metadata.from_json)
        or evaluation.Metadata(),
        evaluation=read_evaluation(first(EVALUATION) or folders[0]),
        records=[] if metrics is None else crl.read_metrics(metrics.path / run_directory.METRICS),
        config=text(run_directory.CONFIG),
        operative_config=text(run_directory.OPERATIVE),
        curve=content(CURVE),
        film=content(FILM),
    )


def _cell(folder: crl.Folder) -> evaluation.CellContent:
    film, value_map, inside = (folder.read(name) if folder.has(name) else None for name in (FILM, MAP, FIGURE))
    return evaluation.CellContent(read_evaluation(folder), film, value_map, inside)
