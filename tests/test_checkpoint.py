"""A checkpoint comes back as it was saved, or not at all."""

import json
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import crl
from crl._run import restore


def make_tree(seed: int) -> dict:
    return {
        "weights": jr.normal(jr.key(seed), (50, 40)),
        "count": jnp.int32(seed),
        "flags": jnp.array([True, False]),
        "key": jr.key(seed),
        "empty": jnp.zeros((0, 3)),
        "name": "not an array",
    }


LIKE = eqx.filter_eval_shape(make_tree, 0)


def equal(a: dict, b: dict) -> bool:
    raw = [{**tree, "key": jr.key_data(tree["key"])} for tree in (a, b)]
    return all(jax.tree.leaves(jax.tree.map(lambda x, y: bool(np.all(x == y)), *raw)))


@pytest.fixture
def checkpoints(tmp_path: Path):
    checkpoints = crl.Checkpoints(tmp_path / "c", keep=2)
    yield checkpoints
    checkpoints.close()


def data_files(directory: Path) -> list[Path]:
    return sorted(f for f in directory.rglob("*") if f.is_file() and f.stat().st_size)


def test_what_is_saved_comes_back(checkpoints: crl.Checkpoints):
    for seed in (1, 2, 3):
        checkpoints.save(seed, make_tree(seed), wait=True)
    assert checkpoints.steps() == [2, 3]
    step, tree, damaged = checkpoints.restore(LIKE)
    assert step == 3 and not damaged and equal(tree, make_tree(3))
    assert equal(checkpoints.restore(LIKE, 2)[1], make_tree(2))


def test_a_later_write_to_the_buffer_does_not_reach_the_checkpoint(checkpoints: crl.Checkpoints):
    array = np.zeros((1000, 1000), np.float32)
    checkpoints.save(1, {"x": array})
    array += 1
    checkpoints.wait()
    _, tree, _ = checkpoints.restore({"x": jax.ShapeDtypeStruct((1000, 1000), np.float32)})
    assert np.all(tree["x"] == 0)


# When one array cannot be read, Orbax closes its event loop while TensorStore's threads still report the others.
reading_damage = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@reading_damage
def test_every_flipped_bit_is_found_and_the_older_step_is_used(checkpoints: crl.Checkpoints):
    for seed in (1, 2):
        checkpoints.save(seed, make_tree(seed), wait=True)
    rng = np.random.default_rng(0)
    fell_back = 0
    files = data_files(checkpoints.directory / "2")
    largest = max(files, key=lambda file: file.stat().st_size)  # the weights
    for file in [*rng.choice(files, 24), *[largest] * 24]:
        sound = file.read_bytes()
        at = int(rng.integers(len(sound)))
        file.write_bytes(sound[:at] + bytes([sound[at] ^ 1 << int(rng.integers(8))]) + sound[at + 1 :])
        step, tree, damaged = checkpoints.restore(LIKE)
        # A flip that changes no array (a file's metadata) may leave the step sound: what counts are the bits.
        assert equal(tree, make_tree(step))
        assert (step == 1) == bool(damaged)
        fell_back += step == 1
        file.write_bytes(sound)
    assert fell_back >= 24
    assert checkpoints.restore(LIKE)[0] == 2


@reading_damage
def test_a_truncated_step_is_passed_over(checkpoints: crl.Checkpoints):
    for seed in (1, 2):
        checkpoints.save(seed, make_tree(seed), wait=True)
    for file in data_files(checkpoints.directory / "2"):
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    step, tree, damaged = checkpoints.restore(LIKE)
    assert step == 1 and equal(tree, make_tree(1))
    assert len(damaged) == 1 and "Step 2" in damaged[0]
    with pytest.raises(crl.CheckpointError, match=r"Step 2 in .* does not verify"):
        checkpoints.restore(LIKE, 2)


def test_an_unknown_step_names_those_there_are(checkpoints: crl.Checkpoints):
    checkpoints.save(7, make_tree(7), wait=True)
    with pytest.raises(crl.CheckpointError, match=r"no checkpoint of step 8 in .*; there are \[7\]"):
        checkpoints.restore(LIKE, 8)


def test_a_foreign_checkpoint_names_the_array(checkpoints: crl.Checkpoints):
    checkpoints.save(1, make_tree(1), wait=True)
    other = {**LIKE, "weights": jax.ShapeDtypeStruct((50, 41), np.float32)}
    with pytest.raises(crl.CheckpointError, match=r"weights is float32\[50, 40\] there and float32\[50, 41\] here"):
        checkpoints.restore(other)


class Moment(eqx.Module):
    """As much of a training state as a run needs to save it."""

    env_steps: jax.Array
    updates: jax.Array
    weights: jax.Array


def moment(step: int) -> Moment:
    return Moment(jnp.int32(step), jnp.int32(0), jr.normal(jr.key(step), (50, 40)))


@reading_damage
def test_a_run_that_fell_back_saves_again(tmp_path: Path):
    """The damaged state is the newest of its directory; what is saved behind it must not be skipped for that."""
    run = crl.Run(tmp_path)
    for step in (10, 20):
        run.save(moment(step))
        run.snapshot(step, {"w": jnp.ones(3)})
        run.log(step, 0, {})
    run.close()
    resume = tmp_path / "checkpoints" / "resume"
    for file in data_files(resume / "20"):
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    run = crl.Run(tmp_path)
    (state,), damaged = restore([run], eqx.filter_eval_shape(moment, 0))
    assert int(state.env_steps) == 10 and len(damaged) == 1
    assert run.logged == 10 and run._snapshots.steps() == [10]
    assert (tmp_path / "checkpoints" / "resume_damaged" / "20").is_dir()
    for step in (15, 20):
        run.save(moment(step))
        run.wait()
        assert max(run._resume.steps()) == step
        np.testing.assert_array_equal(run._resume.restore(state)[1].weights, moment(step).weights)
    run.close()


def test_half_written_steps_of_a_killed_run_are_removed(tmp_path: Path):
    leftover = tmp_path / "checkpoints" / "resume" / "5.orbax-checkpoint-tmp"
    leftover.mkdir(parents=True)
    (leftover / "x").write_text("half")
    crl.Checkpoints(leftover.parent).close()
    assert leftover.exists()  # a reader leaves alone what may be a save under way
    crl.Run(tmp_path).close()
    assert not leftover.exists()


def test_metrics_are_cut_back_to_the_checkpoint(tmp_path: Path):
    run = crl.Run(tmp_path)
    for step in (10, 20, 30):
        run.log(step, step * 2, {"train/critic_loss": float(step)})
    with run.metrics_file.open("a") as file:
        file.write('{"env_steps": 40, "upd')  # a kill in the middle of a line
    assert [line["env_steps"] for line in crl.read_metrics(run.metrics_file)] == [10, 20, 30]
    run.rewind(70, Moment(jnp.int32(20), jnp.int32(50), jnp.zeros(0)))
    assert [json.loads(text)["env_steps"] for text in run.metrics_file.read_text().splitlines()] == [10, 20]
    assert run.logged == 20
    run.close()


def test_a_damaged_line_of_metrics_is_named(tmp_path: Path):
    file = tmp_path / "metrics.jsonl"
    file.write_text('{"env_steps": 1}\nx\n{"env_steps": 2}\n')
    with pytest.raises(ValueError, match=r"metrics\.jsonl is damaged: line 2"):
        crl.read_metrics(file)
