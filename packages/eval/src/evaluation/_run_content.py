"""What the page of a run is made of, with the checks of `evaluation.json` and `meta.json`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, NotRequired, TypedDict

from msgspec import Meta

from evaluation._checked import Count, Number, Positive, Text, bounded, checked

_MOST_GOALS, _MOST_METRICS = 50_000, 1_000
Maze = Annotated[str, Meta(max_length=40_000)]  # 200 by 200 cells


class Spread(TypedDict):
    """A metric with its 95 % interval; `None` is a number that is not finite or not known."""

    mean: Number | None
    ci_low: NotRequired[Number | None]
    ci_high: NotRequired[Number | None]
    n: NotRequired[Count]
    iqm: NotRequired[Number | None]


GoalJSON = TypedDict(
    "GoalJSON",
    {
        "goal": Annotated[list[Number], Meta(min_length=1, max_length=100)],
        "n": Count,
        "path_length": NotRequired[Number | None],
        "eval/time_at_goal": NotRequired[Spread],
        "eval/time_at_goal_fraction": NotRequired[Spread],
        "eval/success_any": NotRequired[Spread],
        "eval/success_end": NotRequired[Spread],
        "eval/distance": NotRequired[Spread],
        "eval/episode_length": NotRequired[Spread],
    },
)
"""The episodes that had one goal."""

Goals = Annotated[list[GoalJSON], Meta(max_length=_MOST_GOALS)]


class TaskJSON(TypedDict, total=False):
    """What a reader needs to know of a task: steps, s and m; the maze as text."""

    name: Text | None
    episodes: Count | None
    episode_length: Count | None
    control_step: Number | None
    threshold: Number | None
    maze: Maze | None
    cell_size: Positive | None


@dataclass(frozen=True)
class Evaluation:
    """The content of `evaluation.json`, checked.

    Attributes:
        metrics: by name, `eval/...`.
        goals: the same by goal, where goals are few.
        task: what was acted in.
        interval: what the intervals are, in words.
        step: of the agent, where the file says so.
        clock: what that counts, "env steps" or "updates".
    """

    metrics: Mapping[str, Spread] = field(default_factory=dict)
    goals: Sequence[GoalJSON] | None = None
    task: TaskJSON = field(default_factory=TaskJSON)
    interval: str = ""
    step: int | None = None
    clock: str = "env steps"

    @classmethod
    def from_json(cls, content: Mapping[str, Any], source: str) -> "Evaluation":
        """Checks `content`, of the file `source`; `ValueError` where it is no evaluation."""
        metrics = {name: value for name, value in content.items() if name.startswith("eval/")}
        whole = checked({**content, "metrics": metrics}, _EvaluationJSON, source)
        return cls(
            whole["metrics"],
            whole.get("goals"),
            whole.get("task") or {},
            whole.get("interval") or "",
            (whole.get("run") or {}).get("step"),
            (whole.get("run") or {}).get("clock") or "env steps",
        )


class _MetaJSON(TypedDict, total=False):
    name: Text | None
    command: Text | list[Text] | None
    env: TaskJSON | None
    parameters: Annotated[dict[Text, Count], Meta(max_length=_MOST_METRICS)] | None


class _OriginJSON(TypedDict, total=False):
    step: Count | None
    clock: Text | None


class _EvaluationJSON(TypedDict):
    metrics: Annotated[dict[Text, Spread], Meta(max_length=_MOST_METRICS)]
    goals: NotRequired[Goals | None]
    task: NotRequired[TaskJSON | None]
    interval: NotRequired[Text | None]
    run: NotRequired[_OriginJSON | None]


@dataclass(frozen=True)
class Metadata:
    """The content of `meta.json`, checked.

    Attributes:
        name: of the run; empty where the file has none.
        task: that it was trained in.
        parameters: numbers learned, by network, where the file says so.
        facts: all of the file, to be shown as it is; long and deep values are cut.
    """

    name: str = ""
    task: TaskJSON = field(default_factory=TaskJSON)
    parameters: Mapping[str, int] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, content: Mapping[str, Any], source: str) -> "Metadata":
        """Checks `content`, of the file `source`; `ValueError` where it is no description of a run."""
        known = checked(content, _MetaJSON, source)
        return cls(known.get("name") or "", known.get("env") or {}, known.get("parameters"), bounded(content))


@dataclass(frozen=True)
class RunContent:
    """What the page of a run shows; whatever is missing is left out.

    Attributes:
        name: of the run, where `meta` has none.
        meta: what the run is.
        evaluation: of the newest agent.
        records: the metrics, as `metrics.jsonl` has them: `env_steps` and numbers by name.
        config: the gin file as given.
        operative_config: the same with every value in use.
        curve: the learning curve as a PNG.
        film: an MP4.
    """

    name: str
    meta: Metadata = field(default_factory=Metadata)
    evaluation: Evaluation | None = None
    records: Sequence[Mapping[str, Any]] = ()
    config: str | None = None
    operative_config: str | None = None
    curve: bytes | None = None
    film: bytes | None = None
