"""Random single damages to the text files of a run and a study: none silent, none a traceback, none a hang.

A digit of a metric or a word of a command that became another one is still a valid file, and nobody can tell it from
what was written. So a damage counts as silent where the file, read strictly, is no text of its kind any more (no gin,
no UTF-8, no JSON object, a line of `metrics.jsonl` that is no record, or is cut), and a tool that needs the file ends
with status 0 and says nothing of it. By file:

- `config.gin`: resuming compares every binding that what is learned depends on with the command's, and looking at the
  agent builds from it: both refuse what is no gin.
- `operative_config.gin`, `evaluation.json`: resuming needs neither, and ends as without a damage; publishing a run
  refuses an evaluation that is no JSON object.
- `meta.json`: resuming reads the engine, publishing copies it: both refuse what is no JSON object.
- `metrics.jsonl`: both refuse a line that is no record. Where the last records are cut, resuming says that records
  are lost, and publishing refuses, for the evaluation is of another step; half a line behind the last is that of a
  kill.
- `checkpoints/run.json`: resuming and looking at the agent refuse what is no JSON object, and another identity.
- `study.json`: publishing a study refuses what is no JSON object.

Whatever the file, a run that resumes has the agent of the undamaged run, to the bit.
"""

import collections
import json
import random
from pathlib import Path
from typing import Any

import exits
import pytest
import statements
from hostile_damage import damage
from hostile_stage import Outcome, Stage, complaints
from test_hostile_damage import bits
from test_hostile_directories import good_run, good_study, prepare, run_tool, stage  # noqa: F401

# The tools that read a file, and those that must not mind it.
NEED = {
    "config.gin": ("launch", "view"),
    "meta.json": ("launch", "publish"),
    "metrics.jsonl": ("launch", "publish"),
    "evaluation.json": ("publish",),
    "checkpoints/run.json": ("launch", "view"),
    "study.json": ("publish--study",),
}
IGNORE = {"operative_config.gin": ("launch", "view"), "evaluation.json": ("launch",)}
PAIRS = sorted((name, tool) for files in (NEED, IGNORE) for name, tools in files.items() for tool in tools)
COUNTS = ("env_steps", "updates", "seconds")


def strict(file: Path) -> Any:
    """What a file says to a reader who takes nothing but what was meant; `None` where it is no such file."""
    try:
        text = file.read_bytes().decode("utf-8")
        if file.suffix == ".gin":
            return [tuple(map(str, statement[:-1])) for statement in statements.parse(text, "x")]
        if file.suffix == ".json":
            found = json.loads(text)
            return found if isinstance(found, dict) else None
        records = [json.loads(line) for line in text.split("\n")[:-1]]  # a last one that is cut is that of a kill
        known = all(type(record[count]) in (int, float) for record in records for count in COUNTS)
        return records if known else None
    except (OSError, ValueError, LookupError, TypeError, RecursionError, exits.UserError):
        return None


def verdict(needed: bool, ended: Outcome, before: Any, after: Any) -> str:
    """How a tool ended on a damaged file, in a word; "SILENT" where it should have said so."""
    if ended.status != exits.SUCCESS:
        return "refused" if ended.status == exits.MISTAKE else "FAILED"
    if after == before:
        return "same content"
    if "lost" in ended.err + ended.out:
        return "used, and said so"
    if not needed:
        return "not needed"
    if after is None or len(after) < len(before):
        return "SILENT"
    return "valid text"


def damages(
    seeds: range,
    pairs: list[tuple[str, str]],
    stage: Stage,  # noqa: F811
    request: pytest.FixtureRequest,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Makes one damage for each seed, and drives a tool that is given the file; prints the counts."""
    good_run = request.getfixturevalue("good_run")  # noqa: F811
    agents: list[dict[str, str]] = []

    def report(experiment: Any, agent: Any, *_: Any) -> None:
        agents.append(bits(agent))

    prepare(stage, good_run, "launch")
    assert run_tool("launch", stage, capfd, report).status == exits.SUCCESS
    counts: collections.Counter[tuple[str, ...]] = collections.Counter()
    wrong = []
    for seed in seeds:
        rng = random.Random(seed)
        name, tool = rng.choice(pairs)
        good = request.getfixturevalue("good_study") if "study" in tool else good_run
        prepare(stage, good, tool)
        file = stage.theirs / name
        before, others = strict(file), [good_run / other for other, _ in pairs if (good_run / other).is_file()]
        deed = damage(rng, [file], others=others)
        after = strict(file)
        ended = run_tool(tool, stage, capfd, report)
        found = verdict(tool in NEED.get(name, ()), ended, before, after)
        counts[name, tool, deed.split()[0], found] += 1
        problems = [*complaints(ended), *(["silent"] if found == "SILENT" else [])]
        if agents[-1] != agents[0]:
            problems.append("another agent")
        wrong += [f"seed {seed}: {tool}: {deed}: {problem}: {ended.err[-300:]}" for problem in problems]
    with capfd.disabled():
        print(f"\nseeds {seeds.start} to {seeds.stop - 1}: file | tool | damage | outcome | number")
        for key, number in sorted(counts.items()):
            print(" | ".join(key), "|", number)
    assert not wrong, "\n".join(wrong)


def test_four_damages_to_text_files(stage, request, capfd):  # noqa: F811
    damages(range(4), PAIRS, stage, request, capfd)


@pytest.mark.proof
def test_two_hundred_damages_to_text_files(stage, request, capfd):  # noqa: F811
    damages(range(1_000, 1_200), PAIRS, stage, request, capfd)
