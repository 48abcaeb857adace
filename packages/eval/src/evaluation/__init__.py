"""Evaluation of goal-reaching agents: numbers with intervals, films, learning curves, one HTML page.

Training needs `Evaluator` alone, which is imported at once. The rest is imported when it is first used:
SciPy's statistics and Matplotlib take as long to load as JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any

from evaluation._evaluate import EpisodeRecord as EpisodeRecord
from evaluation._evaluate import Evaluator as Evaluator

if TYPE_CHECKING:
    from evaluation._access import NoAccessControl as NoAccessControl
    from evaluation._aggregate import area as area
    from evaluation._aggregate import improvement as improvement
    from evaluation._aggregate import profile as profile
    from evaluation._aggregate import reached as reached
    from evaluation._aggregate import stratified as stratified
    from evaluation._aggregate import student as student
    from evaluation._aggregate import welch as welch
    from evaluation._baselines import baselines as baselines
    from evaluation._coverage import Coverage as Coverage
    from evaluation._coverage import coverage as coverage
    from evaluation._curve import curve as curve
    from evaluation._first_episode import Walk as Walk
    from evaluation._first_episode import walk as walk
    from evaluation._inside_figure import inside_figure as inside_figure
    from evaluation._inside_figure import value_map_figure as value_map_figure
    from evaluation._metrics import clock as clock
    from evaluation._path_lengths import Places as Places
    from evaluation._principal import Plane as Plane
    from evaluation._principal import principal_plane as principal_plane
    from evaluation._report import report as report
    from evaluation._run_content import Evaluation as Evaluation
    from evaluation._run_content import Metadata as Metadata
    from evaluation._run_content import RunContent as RunContent
    from evaluation._session import Session as Session
    from evaluation._stats import Estimate as Estimate
    from evaluation._stats import bootstrap as bootstrap
    from evaluation._stats import difference as difference
    from evaluation._stats import iqm as iqm
    from evaluation._stats import proportion as proportion
    from evaluation._study_content import CellContent as CellContent
    from evaluation._study_content import Study as Study
    from evaluation._study_content import StudyContent as StudyContent
    from evaluation._study_content import StudyInside as StudyInside
    from evaluation._study_content import StudyTested as StudyTested
    from evaluation._study_content import side_by_side as side_by_side
    from evaluation._study_figure import study_figure as study_figure
    from evaluation._study_page import study_page as study_page
    from evaluation._summary import evaluate as evaluate
    from evaluation._value_map import ValueMap as ValueMap
    from evaluation._value_map import value_maps as value_maps
    from evaluation._video import film as film
    from evaluation._viewer import Viewer as Viewer

_LATER = {
    "CellContent": "evaluation._study_content",
    "Coverage": "evaluation._coverage",
    "Estimate": "evaluation._stats",
    "Evaluation": "evaluation._run_content",
    "Metadata": "evaluation._run_content",
    "NoAccessControl": "evaluation._access",
    "Places": "evaluation._path_lengths",
    "Plane": "evaluation._principal",
    "RunContent": "evaluation._run_content",
    "Session": "evaluation._session",
    "Study": "evaluation._study_content",
    "StudyContent": "evaluation._study_content",
    "StudyInside": "evaluation._study_content",
    "StudyTested": "evaluation._study_content",
    "ValueMap": "evaluation._value_map",
    "Viewer": "evaluation._viewer",
    "Walk": "evaluation._first_episode",
    "area": "evaluation._aggregate",
    "baselines": "evaluation._baselines",
    "bootstrap": "evaluation._stats",
    "coverage": "evaluation._coverage",
    "curve": "evaluation._curve",
    "difference": "evaluation._stats",
    "evaluate": "evaluation._summary",
    "film": "evaluation._video",
    "improvement": "evaluation._aggregate",
    "inside_figure": "evaluation._inside_figure",
    "iqm": "evaluation._stats",
    "principal_plane": "evaluation._principal",
    "profile": "evaluation._aggregate",
    "proportion": "evaluation._stats",
    "reached": "evaluation._aggregate",
    "report": "evaluation._report",
    "side_by_side": "evaluation._study_content",
    "stratified": "evaluation._aggregate",
    "student": "evaluation._aggregate",
    "study_figure": "evaluation._study_figure",
    "study_page": "evaluation._study_page",
    "value_map_figure": "evaluation._inside_figure",
    "value_maps": "evaluation._value_map",
    "walk": "evaluation._first_episode",
    "welch": "evaluation._aggregate",
    "clock": "evaluation._metrics",
}

__all__ = [
    "CellContent",
    "Coverage",
    "EpisodeRecord",
    "Estimate",
    "Evaluation",
    "Evaluator",
    "Metadata",
    "NoAccessControl",
    "Places",
    "Plane",
    "RunContent",
    "Session",
    "Study",
    "StudyContent",
    "StudyInside",
    "StudyTested",
    "ValueMap",
    "Viewer",
    "Walk",
    "area",
    "baselines",
    "bootstrap",
    "clock",
    "coverage",
    "curve",
    "difference",
    "evaluate",
    "film",
    "improvement",
    "inside_figure",
    "iqm",
    "principal_plane",
    "profile",
    "proportion",
    "reached",
    "report",
    "side_by_side",
    "stratified",
    "student",
    "study_figure",
    "study_page",
    "value_map_figure",
    "value_maps",
    "walk",
    "welch",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'evaluation' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LATER[name]), name)
    globals()[name] = value
    return value
