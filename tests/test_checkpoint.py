"""A checkpoint comes back as it was saved, or not at all."""

import json
import shutil
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import processes
import psutil
import pytest

import crl
from crl._leaves import digest_json
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
    (tmp_path / "c").mkdir()
    checkpoints = crl.Checkpoints(crl.Folder(tmp_path / "c"), "run", keep=2)
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
        run.save(step, step, 0, moment(step))
        run.snapshot(step, step, 0, {"w": jnp.ones(3)})
        run.log(step, step, 0, {})
    run.close()
    resume = tmp_path / "checkpoints" / "resume"
    for file in data_files(resume / "20"):
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    run = crl.Run(tmp_path)
    (state,), damaged = restore([run], eqx.filter_eval_shape(moment, 0))
    assert int(state.env_steps) == 10 and len(damaged) == 1
    assert run.logged == (10, 0) and run._snapshots.steps() == [10]
    assert (tmp_path / "checkpoints" / "resume_damaged" / "20").is_dir()
    for step in (15, 20):
        run.save(step, step, 0, moment(step))
        run.wait()
        assert max(run._resume.steps()) == step
        np.testing.assert_array_equal(run._resume.restore(state)[1].weights, moment(step).weights)
    run.close()


def test_half_written_steps_of_a_killed_run_are_removed(tmp_path: Path):
    leftover = tmp_path / "checkpoints" / "resume" / "5.orbax-checkpoint-tmp"
    leftover.mkdir(parents=True)
    (leftover / "x").write_text("half")
    crl.Checkpoints(crl.Folder(leftover.parent), "run").close()
    assert leftover.exists()  # a reader leaves alone what may be a save under way
    crl.Run(tmp_path).close()
    assert not leftover.exists()


def test_metrics_are_cut_back_to_the_checkpoint(tmp_path: Path):
    run = crl.Run(tmp_path)
    state = Moment(jnp.int32(20), jnp.int32(50), jnp.zeros(3))
    for step in (10, 20, 30):
        run.log(step, step, step * 2, {"train/critic_loss": float(step)})
        if step == 20:
            run.save(step, step, 50, state)
    run.wait()
    with run.metrics_file.open("a") as file:
        file.write('{"env_steps": 40, "upd')  # a kill in the middle of a line
    assert [line["env_steps"] for line in crl.read_metrics(run.metrics_file)] == [10, 20, 30]
    assert run.rewind(70) == []
    assert [json.loads(text)["env_steps"] for text in run.metrics_file.read_text().splitlines()] == [10, 20]
    assert run.logged == (20, 40)
    run.close()


def test_records_that_are_missing_are_told_and_no_snapshot_is_lost(tmp_path: Path):
    with crl.Run(tmp_path) as run:
        for step in (10, 20):
            run.snapshot(step, step, 0, {"w": jnp.ones(3)})
            run.log(step, step, 0, {})
        run.save(20, 20, 0, moment(20))
        run.snapshot(30, 30, 0, {"w": jnp.ones(3)})  # of a future that the state does not know
    first = run.metrics_file.read_text().splitlines(keepends=True)[0]
    for content, ends in ((first, "env step 10 and update 0"), (None, "its beginning")):
        run.metrics_file.unlink()
        if content:
            run.metrics_file.write_text(content)
        with crl.Run(tmp_path) as run:
            states, sentences = restore([run], eqx.filter_eval_shape(moment, 0))
        assert states and sentences == [
            f"{run.metrics_file} ends at {ends}, and this state was saved when it reached env step 20 and update 0: "
            "the records between are lost; snapshots are kept."
        ]
        assert crl.snapshot_steps(tmp_path) == [10, 20]
    shutil.rmtree(tmp_path / "checkpoints" / "resume" / "20")
    with crl.Run(tmp_path) as run:
        run.log(10, 10, 0, {})
        assert restore([run], eqx.filter_eval_shape(moment, 0)) == (
            None,
            [f"{tmp_path} holds no saved state: the run starts anew and replaces 1 records."],
        )


def test_a_step_of_another_run_or_under_another_name_does_not_verify(tmp_path: Path):
    for name, steps in (("mine", (10, 20)), ("theirs", (40,))):
        with crl.Run(tmp_path / name) as run:
            for step in steps:
                run.save(step, step, 0, moment(step))
    mine, theirs = (tmp_path / name / "checkpoints" / "resume" for name in ("mine", "theirs"))
    like = eqx.filter_eval_shape(moment, 0)
    shutil.copytree(mine / "10", mine / "30")
    shutil.copytree(theirs / "40", mine / "40")
    with crl.Run(tmp_path / "mine") as run:
        states, sentences = restore([run], like)
    assert states is not None and int(states[0].env_steps) == 20
    assert sentences == [
        f"Step 40 in {mine} does not verify: it is of another run. An older one is used.",
        f"Step 30 in {mine} does not verify: it was saved as step 10. An older one is used.",
    ]
    (tmp_path / "mine" / "checkpoints" / "run.json").unlink()
    with pytest.raises(crl.CheckpointError) as lost:
        crl.Run(tmp_path / "mine")
    assert str(lost.value) == (
        f"{tmp_path / 'mine'} holds checkpoints and no checkpoints/run.json: the file is lost, or they were saved by "
        "bathyal-crl 0.1, which this version does not read."
    )


@reading_damage
def test_a_damaged_step_is_set_aside_whatever_is_in_its_way(tmp_path: Path):
    with crl.Run(tmp_path) as run:
        for step in (10, 20):
            run.save(step, step, 0, moment(step))
    (tmp_path / "checkpoints" / "resume" / "20" / "record" / "metadata").write_text("{")
    aside = tmp_path / "checkpoints" / "resume_damaged"
    aside.mkdir()
    (aside / "20").write_text("in the way")
    with crl.Run(tmp_path) as run:
        assert restore([run], eqx.filter_eval_shape(moment, 0))[0] is not None
    assert (aside / "20" / "arrays").is_dir()


def test_a_file_with_the_name_of_a_step_is_set_aside(tmp_path: Path):
    with crl.Run(tmp_path) as run:
        (tmp_path / "checkpoints" / "resume" / "10").write_text("in the way")
        (tmp_path / "checkpoints" / "agents" / "10").write_text("in the way")
        run.save(10, 10, 0, moment(10))
        run.snapshot(10, 10, 0, {"w": jnp.ones(3)})
    assert crl.snapshot_steps(tmp_path) == [10]
    assert (tmp_path / "checkpoints" / "resume_damaged" / "10").read_text() == "in the way"
    with crl.Run(tmp_path) as run:
        assert restore([run], eqx.filter_eval_shape(moment, 0))[0] is not None


@pytest.mark.parametrize(
    "about", [{"clock": "x"}, {"logged_updates": None}, {"updates": True}, {"env_steps": 10**30}, []]
)
def test_a_record_of_another_form_does_not_verify(tmp_path: Path, about: object):
    with crl.Run(tmp_path) as run:
        run.save(10, 10, 0, moment(10))
    file = tmp_path / "checkpoints" / "resume" / "10" / "record" / "metadata"
    record = json.loads(file.read_text()) | {"about": about}
    record["sha256"] = digest_json({name: value for name, value in record.items() if name != "sha256"})
    file.write_text(json.dumps(record))
    with crl.Run(tmp_path) as run, pytest.raises(crl.CheckpointError) as refused:
        restore([run], eqx.filter_eval_shape(moment, 0))
    assert str(refused.value) == (
        f"Step 10 in {tmp_path / 'checkpoints' / 'resume'} does not verify: its record is not the one that was saved."
    )


@pytest.mark.parametrize("name", ["x[lr=0.1]", "a*b?{c}", "50%41", "naïve space", "x:y#z"])
def test_a_path_with_any_sign_holds_checkpoints(tmp_path: Path, name: str):
    with crl.Run(tmp_path / name) as run:
        run.save(10, 10, 0, moment(10))
        run.snapshot(10, 10, 0, {"w": jnp.ones(3)})
    with crl.Run(tmp_path / name) as run:
        states, sentences = restore([run], eqx.filter_eval_shape(moment, 0))
    assert states is not None and not sentences
    np.testing.assert_array_equal(states[0].weights, moment(10).weights)


def test_a_backslash_is_refused_before_anything_is_made(tmp_path: Path):
    with pytest.raises(ValueError) as refused:
        crl.Run(tmp_path / "x\\y")
    assert str(refused.value) == (
        f"The run directory {str(tmp_path / 'x') + chr(92) + 'y'!r} has a backslash or bytes that are no UTF-8 in its "
        "path, and a checkpoint there could not be read back; choose another one."
    )
    assert not list(tmp_path.iterdir())


def test_a_save_that_cannot_be_read_back_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    checkpoints = crl.Checkpoints(crl.Folder(tmp_path), "run")
    checkpoints.save(1, {"x": jnp.ones(3)})
    checkpoints._checkpointer.wait_until_finished()
    (tmp_path / "1" / "record" / "metadata").write_text("{}")
    with pytest.raises(crl.CheckpointError) as told:
        checkpoints.wait()
    assert str(told.value) == (
        f"Step 1 was saved in {tmp_path} and cannot be read back: Step 1 in {tmp_path} does not verify: its record "
        "cannot be read (KeyError)."
    )
    checkpoints.close()


def test_a_working_directory_that_changes_moves_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with crl.Run("run") as run:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        run.save(10, 10, 0, moment(10))
        run.log(10, 10, 0, {})
    assert not list((tmp_path / "elsewhere").iterdir())
    assert (tmp_path / "run" / "metrics.jsonl").is_file() and (tmp_path / "run/checkpoints/resume/10").is_dir()


def test_a_damaged_line_of_metrics_is_named(tmp_path: Path):
    file = tmp_path / "metrics.jsonl"
    record = '{"env_steps": 1, "updates": 0, "seconds": 0.1}'
    file.write_text(f"{record}\nx\n{record}\n")
    with pytest.raises(crl.FileError) as damaged:
        crl.read_metrics(file)
    assert str(damaged.value) == f"{file} is damaged: line 2 is no record of metrics."


FAILS = """
import resource, sys
import crl, equinox as eqx, jax.numpy as jnp
class State(eqx.Module):
    env_steps: object
    updates: object
    weights: object
    def __init__(self, step):
        self.env_steps, self.updates, self.weights = jnp.int32(step), jnp.int32(0), jnp.full((50, 40), step)
run = crl.Run(sys.argv[1])
run.save(10, 10, 0, State(10))
run.wait()
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))  # as on a full disk, no file gets longer than that
try:
    run.save(20, 20, 0, State(20))
    while run.busy:
        pass
except (OSError, ValueError) as e:
    print("File too large" in str(e))
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
run.close()
with crl.Run(sys.argv[1]) as run:
    print(run.moments(), int(run.read(10, eqx.filter_eval_shape(State, 0)).weights.sum()))
"""


def test_a_save_that_fails_is_told_at_the_next_and_hangs_nothing(tmp_path: Path):
    """In a process of its own: what Orbax leaves of a failed save is told of whenever Python collects it."""
    done = processes.finish([sys.executable, "-c", FAILS, tmp_path])
    assert done.stdout == "True\n[10] 20000\n" and "ERROR:absl" not in done.stderr


@reading_damage
@pytest.mark.parametrize("content", ["[1]", "{", "null", "", '{"item_handlers": 3}'])
def test_orbax_s_own_files_bar_the_way_to_no_step(checkpoints: crl.Checkpoints, content: str):
    for seed in (1, 2):
        checkpoints.save(seed, make_tree(seed), wait=True)
    for name in ("_CHECKPOINT_METADATA", "arrays/_METADATA"):
        file = checkpoints.directory / "2" / name
        before = file.read_text()
        file.write_text(content)
        step, tree, damaged = checkpoints.restore(LIKE)
        assert equal(tree, make_tree(step)) and (step == 1) == bool(damaged)
        assert equal(checkpoints.restore(LIKE, 1)[1], make_tree(1))
        file.write_text(before)


def test_leftovers_that_are_files_or_links_are_removed_and_nothing_behind_them(tmp_path: Path):
    resume = tmp_path / "run" / "checkpoints" / "resume"
    resume.mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    (resume / "1.orbax-checkpoint-tmp").write_text("x")
    (resume / "2.orbax-checkpoint-tmp").symlink_to(tmp_path / "mine")
    (resume / "3.orbax-checkpoint-tmp-4").symlink_to(tmp_path / "nowhere")
    crl.Run(tmp_path / "run").close()
    assert not list(resume.iterdir())
    assert (tmp_path / "mine" / "file").read_text() == "mine"


def wide(chunks: int) -> dict:
    """The header of an array whose one chunk would take `chunks` numbers of memory."""
    return {
        "chunks": [chunks],
        "compressor": None,
        "dimension_separator": ".",
        "dtype": "<f4",
        "fill_value": None,
        "filters": None,
        "order": "C",
        "shape": [3],
        "zarr_format": 2,
    }


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (wide(10**12), "w has chunks of [1000000000000]"),
        (wide(3) | {"compressor": {"id": "zstd", "level": 1}}, "w has another format"),
        (wide(3) | {"filters": [{"id": "delta"}]}, "w has another format"),
        (wide(3) | {"shape": [10**12]}, "w has the shape [1000000000000]"),
        (wide(3) | {"dtype": "<f8"}, "w has the type <f8"),
        (wide(3) | {"chunks": [3, 1]}, "w has chunks of [3, 1]"),
        (wide(3) | {"chunks": "all"}, "w has chunks of all"),
        (wide(3) | {"chunks": [-1]}, "w has chunks of [-1]"),
    ],
)
def test_a_header_that_would_take_more_memory_than_its_array_is_not_believed(tmp_path: Path, header: dict, reason: str):
    checkpoints = crl.Checkpoints(crl.Folder(tmp_path), "run")
    checkpoints.save(1, {"w": jnp.ones(3)}, wait=True)
    (tmp_path / "1" / "arrays" / "w" / ".zarray").write_text(json.dumps(header))
    with pytest.raises(crl.CheckpointError) as refused:
        checkpoints.restore({"w": jax.ShapeDtypeStruct((3,), np.float32)})
    assert str(refused.value) == (
        f"Step 1 in {tmp_path} does not verify: its files are not those that were saved ({reason})."
    )
    checkpoints.close()


def test_links_and_foreign_files_in_a_step_are_not_read(tmp_path: Path):
    checkpoints = crl.Checkpoints(crl.Folder(tmp_path / "c"), "run")
    like, chunk = {"w": jax.ShapeDtypeStruct((3,), np.float32)}, tmp_path / "c" / "1" / "arrays" / "w" / "0"
    (tmp_path / "c").mkdir()
    checkpoints.save(1, {"w": jnp.ones(3)}, wait=True)
    sound = chunk.read_bytes()
    chunk.unlink()
    chunk.symlink_to("/dev/zero")
    with pytest.raises(crl.CheckpointError, match=r"\(.*/0 is a link, which no checkpoint holds\)\.$"):
        checkpoints.restore(like)
    chunk.unlink()
    with open(chunk, "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(crl.CheckpointError, match=r"\(.*/1 holds more than 2,000 files or 2,097,164 bytes\)\.$"):
        checkpoints.restore(like)
    chunk.write_bytes(sound)
    (chunk.parent.parent / "manifest.ocdbt").write_bytes(b"x")
    with pytest.raises(crl.CheckpointError, match=r"holds 'manifest\.ocdbt', which is none of the arrays\)\.$"):
        checkpoints.restore(like)
    (chunk.parent.parent / "manifest.ocdbt").unlink()
    assert checkpoints.restore(like)[0] == 1
    (tmp_path / "c" / "7").symlink_to(tmp_path / "c" / "1")
    with pytest.raises(crl.FileError) as refused:
        checkpoints.restore(like)
    assert str(refused.value) == f"{tmp_path / 'c' / '7'} is a link; links in {tmp_path / 'c'} are not followed."
    (tmp_path / "c" / "7").unlink()
    checkpoints.close()


def test_an_agent_that_holds_nan_cannot_act(tmp_path: Path):
    like = {"w": jax.ShapeDtypeStruct((3,), np.float32)}
    with crl.Run(tmp_path) as run:
        run.snapshot(10, 10, 0, {"w": jnp.array([1.0, jnp.nan, 2.0])})
    with pytest.raises(crl.CheckpointError) as refused:
        crl.load_networks(tmp_path, like)
    assert str(refused.value) == f"The agent of step 10 in {tmp_path} cannot act: w holds NaN."


def test_more_than_the_memory_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    checkpoints = crl.Checkpoints(crl.Folder(tmp_path), "run")
    checkpoints.save(1, {"w": jnp.ones(3)}, wait=True)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 11}))
    with pytest.raises(crl.CheckpointError) as refused:
        checkpoints.restore({"w": jax.ShapeDtypeStruct((3,), np.float32)})
    assert str(refused.value) == f"Step 1 in {tmp_path} takes 0.0 GB of memory, and 0.0 GB are free."
    checkpoints.close()
