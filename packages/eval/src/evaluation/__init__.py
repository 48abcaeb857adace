"""Evaluation of goal-reaching agents: numbers with intervals, films, learning curves, one HTML page.

Training needs `Evaluator` alone, which is imported at once. The rest is imported when it is first used:
SciPy's statistics and Matplotlib take as long to load as JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any

from evaluation._evaluate import EpisodeRecord as EpisodeRecord
from evaluation._evaluate import Evaluator as Evaluator

if TYPE_CHECKING:
    from evaluation._aggregate import area as area
    from evaluation._aggregate import improvement as improvement
    from evaluation._aggregate import profile as profile
    from evaluation._aggregate import reached as reached
    from evaluation._aggregate import stratified as stratified
    from evaluation._aggregate import student as student
    from evaluation._aggregate import welch as welch
    from evaluation._baselines import baselines as baselines
    from evaluation._curve import curve as curve
    from evaluation._report import report as report
    from evaluation._session import Session as Session
    from evaluation._stats import Estimate as Estimate
    from evaluation._stats import bootstrap as bootstrap
    from evaluation._stats import difference as difference
    from evaluation._stats import iqm as iqm
    from evaluation._stats import proportion as proportion
    from evaluation._study_figure import study_figure as study_figure
    from evaluation._study_page import study_page as study_page
    from evaluation._summary import evaluate as evaluate
    from evaluation._video import film as film
    from evaluation._viewer import Viewer as Viewer

_LATER = {
    "Estimate": "evaluation._stats",
    "Session": "evaluation._session",
    "Viewer": "evaluation._viewer",
    "area": "evaluation._aggregate",
    "baselines": "evaluation._baselines",
    "bootstrap": "evaluation._stats",
    "curve": "evaluation._curve",
    "difference": "evaluation._stats",
    "evaluate": "evaluation._summary",
    "film": "evaluation._video",
    "improvement": "evaluation._aggregate",
    "iqm": "evaluation._stats",
    "profile": "evaluation._aggregate",
    "proportion": "evaluation._stats",
    "reached": "evaluation._aggregate",
    "report": "evaluation._report",
    "stratified": "evaluation._aggregate",
    "student": "evaluation._aggregate",
    "study_figure": "evaluation._study_figure",
    "study_page": "evaluation._study_page",
    "welch": "evaluation._aggregate",
}

__all__ = [
    "EpisodeRecord",
    "Estimate",
    "Evaluator",
    "Session",
    "Viewer",
    "area",
    "baselines",
    "bootstrap",
    "curve",
    "difference",
    "evaluate",
    "film",
    "improvement",
    "iqm",
    "profile",
    "proportion",
    "reached",
    "report",
    "stratified",
    "student",
    "study_figure",
    "study_page",
    "welch",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'evaluation' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LATER[name]), name)
    globals()[name] = value
    return value
