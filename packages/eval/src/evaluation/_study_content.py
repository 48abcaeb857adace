"""What the page of a study is made of, with the checks of `study.json`, `tested.json` and `inside.json`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, NotRequired, TypedDict

from msgspec import Meta

from evaluation._checked import Count, Number, Text, Word, bounded, checked, damaged
from evaluation._run_content import Evaluation, Goals, Spread, TaskJSON

_MOST_CELLS, _MOST_SEEDS, _MOST_POINTS, _MOST_AXES = 1_000, 1_000, 100_000, 20
Numbers = Annotated[list[Number], Meta(max_length=_MOST_POINTS)]
Ends = Annotated[list[Number | None], Meta(max_length=_MOST_POINTS)]
Steps = Annotated[list[Count], Meta(min_length=1, max_length=_MOST_POINTS)]


class EstimateJSON(TypedDict):
    """A mean and its 95 % interval over seeds, whose ends a single seed cannot tell."""

    mean: Number
    ci_low: Number | None
    ci_high: Number | None


class CurveJSON(TypedDict):
    """The mean learning curve of a cell."""

    env_steps: Steps
    mean: Numbers
    ci_low: Ends
    ci_high: Ends


class ReachedJSON(TypedDict):
    """Where a run first had a score, `None` where it never had."""

    env_steps: Number | None
    updates: Number | None
    seconds: Number | None


class RunCurveJSON(TypedDict):
    """The env steps of a run's evaluations."""

    env_steps: Steps


class RunJSON(TypedDict):
    """One run of a cell."""

    seed: Count
    final: Number
    seconds: Number
    curve: RunCurveJSON
    reached: Annotated[list[ReachedJSON], Meta(max_length=100)]


class ProfileJSON(TypedDict):
    """A performance profile: the share of runs above each score."""

    scores: Numbers
    above: Annotated[list[EstimateJSON], Meta(max_length=_MOST_POINTS)]


class CellJSON(TypedDict):
    """A cell of `study.json`; what compares it with the first cell is there for every other one."""

    name: Word
    values: Annotated[dict[Word, Text], Meta(min_length=1, max_length=_MOST_AXES)]
    final: EstimateJSON
    iqm: EstimateJSON
    area: EstimateJSON
    profile: ProfileJSON
    curve: CurveJSON
    seconds: Number
    parameters: dict[Word, Count] | None
    runs: Annotated[list[RunJSON], Meta(min_length=1, max_length=_MOST_SEEDS)]
    beyond_first: NotRequired[EstimateJSON]
    better_than_first: NotRequired[EstimateJSON]
    over_first: NotRequired[Number | None]
    above_first: NotRequired[bool]


class TheirCurveJSON(TypedDict):
    """A learning curve that others published."""

    env_steps: Steps
    mean: Numbers


class PublishedJSON(TypedDict):
    """Curves of others by the name of a cell, and where they are from."""

    source: Text
    curves: Annotated[dict[Word, TheirCurveJSON], Meta(max_length=_MOST_CELLS)]


PathJSON = TypedDict("PathJSON", {"path_length": Number, "eval/time_at_goal_fraction": EstimateJSON})
"""The time at the goals that are about as far away."""


@dataclass(frozen=True)
class Study:
    """The content of `study.json`, checked.

    Attributes:
        name: of the study; empty where the file has none.
        about: what it is, in words.
        missing: runs that are not finished.
        thresholds: scores; of every run it is told where it first had them.
        axes: what varies, by the names that `values` of a cell have.
        critical: the name of the cell where the score jumps, if it does.
        origin: where the study comes from; long and deep values are cut.
        cells: in order, with one run each at least.
        published: curves of others.
    """

    name: str
    about: str
    missing: Sequence[str]
    thresholds: Sequence[float]
    axes: Sequence[str]
    critical: str | None
    origin: Mapping[str, Any]
    cells: Sequence[CellJSON]
    published: PublishedJSON | None

    @classmethod
    def from_json(cls, content: Mapping[str, Any], source: str) -> "Study":
        """Checks `content`, of the file `source`; `ValueError` where it is no study with a finished run."""
        whole = checked(content, _StudyJSON, source)
        if not whole["cells"]:
            raise ValueError(f"{source} holds no finished run.")
        _check_cells(whole["cells"], whole["axes"], len(whole["thresholds"]), source)
        published = whole.get("published")
        for name, theirs in (published["curves"] if published else {}).items():
            if len(theirs["mean"]) != len(theirs["env_steps"]):
                raise damaged(source, f"the published curve of {name} has not one mean for each of its env steps")
        return cls(
            whole.get("name") or "",
            whole.get("about") or "",
            whole.get("missing") or [],
            whole["thresholds"],
            whole["axes"],
            whole.get("critical"),
            bounded(whole["origin"]),
            whole["cells"],
            published,
        )


class _StudyJSON(TypedDict):
    name: NotRequired[Text | None]
    about: NotRequired[Text | None]
    missing: NotRequired[Annotated[list[Text], Meta(max_length=_MOST_CELLS * _MOST_SEEDS)] | None]
    thresholds: Annotated[list[Number], Meta(max_length=100)]
    axes: Annotated[list[Word], Meta(min_length=1, max_length=_MOST_AXES)]
    critical: NotRequired[Text | None]
    origin: dict[str, Any]
    cells: Annotated[list[CellJSON], Meta(max_length=_MOST_CELLS)]
    published: NotRequired[PublishedJSON | None]


def _check_cells(cells: Sequence[CellJSON], axes: Sequence[str], thresholds: int, source: str) -> None:
    """Raises `ValueError` where parts of a study do not fit each other."""
    for order, cell in enumerate(cells):
        curve, profile = cell["curve"], cell["profile"]
        lengths = {len(curve["env_steps"]), len(curve["mean"]), len(curve["ci_low"]), len(curve["ci_high"])}
        compared = all(name in cell for name in ("beyond_first", "better_than_first", "over_first", "above_first"))
        wrong = {
            "has no value for each of the axes": not set(axes) <= cell["values"].keys(),
            "has a curve whose columns differ in length": len(lengths) > 1,
            "has a profile whose columns differ in length": len(profile["scores"]) != len(profile["above"]),
            "does not tell for each threshold where its runs reached it": any(
                len(run["reached"]) != thresholds for run in cell["runs"]
            ),
            "is not compared with the first": order > 0 and not compared,
        }
        for what, there in wrong.items():
            if there:
                raise damaged(source, f"cell {cell['name']} {what}")
    if len({cell["name"] for cell in cells}) < len(cells):
        raise damaged(source, "two cells have one name")


@dataclass(frozen=True)
class LaterCell:
    """What was found later of the newest agents of a cell.

    Attributes:
        agents: seed and env steps of each, where the file tells.
        numbers: means over seeds by name.
        episodes: of each agent that was tested.
        task: that it was tested in.
        goals: how often each was reached, mean over seeds.
        by_path_length: the time at goals by how far they are.
    """

    agents: Sequence[tuple[int, int]] | None
    numbers: Mapping[str, Spread]
    episodes: int = 0
    task: TaskJSON = field(default_factory=TaskJSON)
    goals: Goals | None = None
    by_path_length: Sequence[PathJSON] | None = None


@dataclass(frozen=True)
class StudyTested:
    """The content of `tested.json`, checked: cells by name, and the command that tested them."""

    cells: Mapping[str, LaterCell]
    command: str

    @classmethod
    def from_json(cls, content: Mapping[str, Any], source: str) -> "StudyTested":
        """Checks `content`, of the file `source`; `ValueError` where it is no test of a study."""
        whole = checked(content, _TestedJSON, source)
        cells = {
            cell["name"]: LaterCell(
                cell.get("agents"),
                {name: cell[name] for name in cell if name.startswith("eval/")},
                cell["episodes"],
                cell.get("task") or {},
                cell.get("goals"),
                cell.get("by_path_length"),
            )
            for cell in whole["cells"]
        }
        return cls(cells, (whole.get("origin") or {}).get("command") or "")


@dataclass(frozen=True)
class StudyInside:
    """The content of a study's `inside.json`, checked: cells by name, and the command that looked into them."""

    cells: Mapping[str, LaterCell]
    command: str

    @classmethod
    def from_json(cls, content: Mapping[str, Any], source: str) -> "StudyInside":
        """Checks `content`, of the file `source`; `ValueError` where it says nothing of a study."""
        whole = checked(content, _InsideJSON, source)
        names = _InsideCellJSON.__optional_keys__ - {"agents"}
        cells = {
            cell["name"]: LaterCell(cell.get("agents"), {name: cell[name] for name in cell if name in names})
            for cell in whole["cells"]
        }
        return cls(cells, (whole.get("origin") or {}).get("command") or "")


class _LaterOriginJSON(TypedDict, total=False):
    command: Text | None


_Agents = Annotated[list[tuple[Count, Count]], Meta(max_length=_MOST_SEEDS)]
_TestedCellJSON = TypedDict(
    "_TestedCellJSON",
    {
        "name": Word,
        "agents": NotRequired[_Agents | None],
        "episodes": Count,
        "task": NotRequired[TaskJSON | None],
        "goals": NotRequired[Goals | None],
        "by_path_length": NotRequired[Annotated[list[PathJSON], Meta(max_length=10_000)] | None],
        "eval/time_at_goal": NotRequired[Spread],
        "eval/time_at_goal_fraction": NotRequired[Spread],
        "eval/success_any": NotRequired[Spread],
        "eval/success_end": NotRequired[Spread],
        "eval/distance": NotRequired[Spread],
        "eval/episode_length": NotRequired[Spread],
    },
)


class _TestedJSON(TypedDict):
    cells: Annotated[list[_TestedCellJSON], Meta(max_length=_MOST_CELLS)]
    origin: NotRequired[_LaterOriginJSON | None]


class _InsideCellJSON(TypedDict):
    name: Word
    agents: NotRequired[_Agents | None]
    path: NotRequired[Spread]
    straight: NotRequired[Spread]
    effective: NotRequired[Spread]
    last_branch: NotRequired[Spread]
    gradient_ratio: NotRequired[Spread]


class _InsideJSON(TypedDict):
    cells: Annotated[list[_InsideCellJSON], Meta(max_length=_MOST_CELLS)]
    origin: NotRequired[_LaterOriginJSON | None]


@dataclass(frozen=True)
class CellContent:
    """What the page shows of the first run of a cell: numbers, an MP4 and PNGs, as far as they are there."""

    evaluation: Evaluation | None = None
    film: bytes | None = None
    value_map: bytes | None = None
    inside: bytes | None = None


@dataclass(frozen=True)
class StudyContent:
    """What the page of a study shows.

    Attributes:
        name: of the study, where `study` has none.
        study: its runs and their scores.
        tested: its newest agents on more episodes.
        inside: what is inside them.
        runs: of the first run of the cells that are shown side by side, by name; see `side_by_side`.
    """

    name: str
    study: Study
    tested: StudyTested | None = None
    inside: StudyInside | None = None
    runs: Mapping[str, CellContent] = field(default_factory=dict)


def side_by_side(study: Study) -> Sequence[CellJSON]:
    """The two cells that are compared closely: the first and the best, or of the best being the first, the last."""
    cells = study.cells
    best = max(cells, key=lambda cell: cell["final"]["mean"])
    return [cells[0], best if best is not cells[0] else cells[-1]][: len(cells)]
