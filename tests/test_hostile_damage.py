"""Random single damages to a run: none is used in silence, none ends in a traceback, none hangs.

Checkpoints (the states to resume from, the snapshots, and the file of the run's identity). Every byte that is used is
digested, so that a damage is silent unless one of these holds:

- the state or agent that is read has the bits of the undamaged one, of the newest step;
- it has the bits of the next older step, and a sentence names the newer one as unsound;
- nothing is read, and one sentence (`CheckpointError` or `FileError`) says why;
- the newest step is there no more under any name that is a step's: then the run is, to the bit, the one that was
  killed before that save, which nobody can tell from it.
"""

import collections
import random
import shutil
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.random as jr
import pytest
from hostile_damage import damage
from tool_runs import finished_run

import crl
from crl._leaves import digest, named_arrays, to_host
from crl._run import restore

NEWEST, OLDER = 492, 411


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> crl.Trainer:
    """Of the run whose checkpoints are damaged."""
    import composition
    import saved_agent

    configuration = saved_agent.read(finished_run(tmp_path_factory.getbasetemp()), trusted=False)
    composition.load(configuration)
    return composition.build(configuration, "crl.train.trainer")


@pytest.fixture(scope="module")
def like(trainer: crl.Trainer) -> Any:
    """The shapes of its state."""
    return eqx.filter_eval_shape(trainer.init, jr.key(0))


@pytest.fixture(scope="module")
def good(like: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is saved of a run: two states and three snapshots; and its records."""
    run = finished_run(tmp_path_factory.getbasetemp())
    place = tmp_path_factory.mktemp("good") / "run"
    shutil.copytree(run / "checkpoints", place / "checkpoints")
    shutil.copyfile(run / "metrics.jsonl", place / "metrics.jsonl")
    newest = place / "checkpoints/resume" / str(NEWEST)
    state = crl.load_state(place, like)
    older = eqx.tree_at(lambda s: s.collects, state, state.collects - 1)
    newest.rename(place / "aside")
    updates = int(state.updates)
    with crl.Run(place) as opened:
        opened.save(OLDER - updates, OLDER - updates, updates, older)
        opened.wait()
    (place / "aside").rename(newest)
    return place


def bits(tree: Any) -> dict[str, str]:
    """The digest of every array."""
    return {name: digest(to_host(leaf)) for name, leaf in named_arrays(tree).items()}


def resumed(directory: Path, like: Any) -> tuple[dict[str, str], list[str]]:
    """The bits of the state that a run resumes from, and what is said."""
    with crl.Run(directory) as run:
        states, sentences = restore([run], like)
    assert states is not None
    return bits(states[0]), sentences


def loaded(directory: Path, like: Any) -> dict[str, str]:
    """The bits of the newest agent, as the tools read it."""
    steps = crl.snapshot_steps(directory)
    if not steps:
        raise crl.CheckpointError("There are no snapshots.")
    return bits(crl.load_networks(directory, like.agent.networks, steps[-1])[1])


def outcome(directory: Path, good: Path, like: Any, expected: dict[str, dict[str, str]]) -> tuple[str, str]:
    """How resuming and reading end in a damaged copy of a run: one word each, or an assertion fails."""
    there = {path.name for path in (directory / "checkpoints/resume").iterdir()}
    snapshots = {path.name for path in (directory / "checkpoints/agents").iterdir()}
    try:
        agent = loaded(directory, like)
    except (crl.CheckpointError, crl.FileError) as e:
        assert_sentence(str(e))
        read = "refused"
    else:
        gone = max(int(name) for name in snapshots if name.isdecimal() and str(int(name)) == name)
        assert agent == expected[f"agent {gone}"], "an agent was read that nobody saved"
        read = "equal" if gone == 480 else "as if never saved"
    try:
        state, sentences = resumed(directory, like)
    except (crl.CheckpointError, crl.FileError) as e:
        assert_sentence(str(e))
        return read, "refused"
    for sentence in sentences:
        assert_sentence(sentence)
    if state == expected["newest"]:
        return read, "equal"
    assert state == expected["older"], "a state was used that nobody saved"
    if any(str(int(name)) == name and int(name) > OLDER for name in there if name.isdecimal()):
        assert any("does not verify" in sentence for sentence in sentences), f"silent: {sentences}"
        return read, "older, and said so"
    return read, "as if never saved"


def assert_sentence(text: str) -> None:
    assert text and "\n" not in text and len(text) < 2_000 and text.isprintable() and text.endswith("."), text


def damages(seeds: range, good: Path, like: Any, place: Path) -> None:
    """Makes one damage for each seed and looks at what comes of it; prints the counts."""
    expected = {"newest": resumed(copied(good, place), like)[0]}
    shutil.rmtree(place / "run/checkpoints/resume" / str(NEWEST))
    expected["older"] = resumed(place / "run", like)[0]
    for step in (0, 240, 480):
        expected[f"agent {step}"] = bits(crl.load_networks(good, like.agent.networks, step)[1])
    counts: collections.Counter[tuple[str, str, str]] = collections.Counter()
    for seed in seeds:
        directory = copied(good, place)
        files = sorted(path for path in (directory / "checkpoints").rglob("*") if path.is_file())
        steps = sorted(path for kind in ("resume", "agents") for path in (directory / "checkpoints" / kind).iterdir())
        deed = damage(random.Random(seed), files, steps)
        try:
            read, went_on = outcome(directory, good, like, expected)
        except BaseException as e:
            e.add_note(f"seed {seed}: {deed}")
            raise
        counts[deed.split()[0], read, went_on] += 1
    print(f"\nseeds {seeds.start} to {seeds.stop - 1}: damage | agent | state | number")
    for (kind, read, went_on), number in sorted(counts.items()):
        print(f"{kind} | {read} | {went_on} | {number}")


def copied(good: Path, place: Path) -> Path:
    """A fresh copy of the run."""
    shutil.rmtree(place / "run", ignore_errors=True)
    shutil.copytree(good, place / "run")
    return place / "run"


# When one array cannot be read, Orbax closes its event loop while TensorStore's threads still report the others.
reading_damage = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@reading_damage
def test_five_damages_to_checkpoints(good: Path, like: Any, tmp_path: Path):
    damages(range(5), good, like, tmp_path)


@pytest.mark.proof
@reading_damage
def test_two_hundred_damages_to_checkpoints(good: Path, like: Any, tmp_path: Path):
    damages(range(1_000, 1_200), good, like, tmp_path)
