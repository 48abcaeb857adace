"""A dataset from a file: read as it is, refused where it is not one, and learned from."""

import io
import json
import os
import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
import study_results
from eval_line import Line
from study_grid import Cell, Run
from tool_runs import ROOT, settings, start

import crl
import envs
import evaluation
import nets
from crl.algorithms.gcbc import GCBC
from crl.data.offline import Offline
from crl.goals.uniform_future import UniformFuture

ROOM = "11111/1RGG1/1GGG1/1GGG1/11111"


def scripted(obs, goal, key):
    """Goes straight to the goal, with noise."""
    return jnp.clip(3 * (goal - obs[:2]) + 0.5 * jr.normal(key, (2,)), -1, 1)


@pytest.fixture(scope="module")
def env() -> envs.PointMaze:
    return envs.PointMaze(ROOM, starts="RG", episode_length=40)


@pytest.fixture(scope="module")
def dataset(env) -> dict[str, np.ndarray]:
    """200 episodes of the scripted policy, one after the other, as OGBench stores them."""
    episodes, policy = envs.Episodes(env), envs.Stateless(scripted)

    @jax.jit
    def act(key):
        start, act = jr.split(key)
        state = episodes.reset(jr.split(start, 200))
        return envs.rollout(episodes, state, policy, (), env.episode_length + 1, jr.split(act, 200))[2]

    seen = jax.tree.map(lambda x: np.swapaxes(np.asarray(x), 0, 1).reshape(-1, *x.shape[2:]), act(jr.key(0)))
    terminals = np.tile(np.arange(env.episode_length + 1) == env.episode_length, 200)
    qpos, qvel = np.split(seen.obs, 2, axis=1)
    return {"observations": seen.obs, "actions": seen.action, "terminals": terminals, "qpos": qpos, "qvel": qvel}


@pytest.fixture(scope="module")
def file(dataset, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "room.npz"
    np.savez_compressed(path, **dataset)
    return path


@pytest.mark.parametrize("columns", [1, 2])
def test_the_ring_holds_the_file(env, dataset, file, columns):
    state = eqx.filter_jit(Offline(str(file)).init)(env, envs.ZeroPolicy(2), columns, jr.key(0))
    held, rows = state.replay, len(dataset["actions"]) // columns
    assert (int(held.fill), int(held.head)) == (rows, 0) and held.obs.shape == (rows, columns, 4)
    for column in range(columns):
        part = slice(column * rows, (column + 1) * rows)
        np.testing.assert_array_equal(held.obs[:, column], dataset["observations"][part])
        np.testing.assert_array_equal(held.action[:, column], dataset["actions"][part])
        np.testing.assert_allclose(held.achieved[:, column], dataset["qpos"][part], atol=1e-6)
    assert not held.terminated.any(), "the end of a stored episode is no death"
    left = np.asarray(eqx.filter_jit(crl.Replay.steps_left)(held))[:, 0]
    length = env.episode_length + 1
    whole = rows // length * length
    np.testing.assert_array_equal(left[:whole], np.tile(np.arange(length)[::-1], whole // length))
    last = np.asarray(held.achieved)[:whole, 0].reshape(-1, length, 2)[:, -1]
    np.testing.assert_array_equal(held.commanded[:whole:length, 0], last)


def test_goals_in_the_file_are_taken_as_they_are(env, dataset, tmp_path):
    goals = {"achieved_goals": dataset["qpos"] + 1, "commanded_goals": dataset["qpos"] + 2}
    kept = {name: dataset[name] for name in ("observations", "actions", "terminals")}
    np.savez(tmp_path / "goals.npz", **kept, **goals)
    held = Offline(str(tmp_path / "goals.npz")).init(env, envs.ZeroPolicy(2), 1, jr.key(0)).replay
    np.testing.assert_array_equal(held.achieved[:, 0], goals["achieved_goals"])
    np.testing.assert_array_equal(held.commanded[:, 0], goals["commanded_goals"])


def test_behaviour_cloning_learns_from_a_scripted_policys_data(env, file, tmp_path):
    """A run counted in updates: the scripted policy reaches every goal of the room, and so does its clone."""
    algorithm = GCBC(lambda i, o, key: nets.ResidualMLP(i, o, 64, 4, key=key), optax.adam(1e-3))
    trainer = crl.Trainer(env, algorithm, Offline(str(file)), UniformFuture(), batch_size=256, updates_per_collect=250)
    evaluate = evaluation.Evaluator(env, 64)
    with crl.Run(tmp_path / "run") as run:
        (state,) = crl.train(trainer, updates=1_500, eval_every=750, evaluate=evaluate, run=run)
    records = crl.read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert int(state.updates) == 1_500 and [record["updates"] for record in records] == [250 * i for i in range(7)]
    assert {record["env_steps"] for record in records} == {0}
    scores = {record["updates"]: record["eval/success_any"] for record in records if "eval/success_any" in record}
    assert list(scores) == [0, 750, 1_500] and scores[0] < 0.6 and scores[1_500] > 0.9
    assert crl.snapshot_steps(tmp_path / "run") == [0, 750, 1_500]
    again = crl.Run(tmp_path / "run")
    with again:  # the finished run is resumed: nothing is left to do
        (same,) = crl.train(trainer, updates=1_500, eval_every=750, evaluate=evaluate, run=again)
    for a, b in zip(*(jax.tree.leaves(eqx.filter(x.agent, eqx.is_array)) for x in (state, same)), strict=True):
        np.testing.assert_array_equal(a, b)


def damaged(dataset: dict[str, np.ndarray], folder: Path, name: str) -> Path:
    """A file that is wrong in one way."""
    path, parts = folder / "wrong.npz", dict(dataset)
    if name == "no zip":
        path.write_bytes(b"observations")
        return path
    if name == "objects":
        with zipfile.ZipFile(path, "w") as archive:
            stream = io.BytesIO()
            np.lib.format.write_array(stream, np.array([{}], object), allow_pickle=True)
            archive.writestr("observations.npy", stream.getvalue())
        return path
    if name == "a bomb":
        with zipfile.ZipFile(path, "w") as archive:
            stream = io.BytesIO()
            np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": (2**50, 4)})
            archive.writestr("observations.npy", stream.getvalue())
            for part in ("actions", "terminals", "qpos", "qvel"):
                archive.writestr(f"{part}.npy", stream.getvalue())
        return path
    if name == "goals of width 3":
        parts["achieved_goals"] = np.zeros((len(parts["qpos"]), 3))
    if name == "no terminals":
        del parts["terminals"]
    if name == "no states":
        del parts["qpos"]
    if name == "other rows":
        parts["actions"] = parts["actions"][:-1]
    np.savez(path, **parts)
    return path


@pytest.mark.parametrize(
    "name, sentence",
    [
        ("no zip", "`file` of Offline, {path}, is no npz file of a dataset: File is not a zip file."),
        (
            "objects",
            "`file` of Offline, {path}, is no npz file of a dataset: observations are no plain numbers, or not as "
            "many as their header says.",
        ),
        ("no terminals", "`file` of Offline, {path}, lacks terminals."),
        ("no states", "`file` of Offline, {path}, lacks achieved_goals, or qpos and qvel."),
        ("other rows", "`actions` of {path} must have the shape [8200, 2] for PointMaze, not [8199, 2]."),
        ("goals of width 3", "`achieved_goals` of {path} must have the shape [8200, 2] for PointMaze, not [8200, 3]."),
        (
            "a bomb",
            "`file` of Offline, {path}, is no npz file of a dataset: observations are no plain numbers, or not as "
            "many as their header says.",
        ),
    ],
)
def test_what_is_no_dataset_is_refused_in_one_sentence(env, dataset, tmp_path, name, sentence):
    path = damaged(dataset, tmp_path, name)
    with pytest.raises(ValueError) as caught:
        Offline(str(path)).init(env, envs.ZeroPolicy(2), 1, jr.key(0))
    assert str(caught.value) == sentence.format(path=path)


def test_a_dataset_of_another_task_is_refused(file):
    with pytest.raises(ValueError) as caught:
        Offline(str(file)).init(Line(), envs.ZeroPolicy(2), 1, jr.key(0))
    assert str(caught.value) == f"`observations` of {file} must have the shape [8200, 2] for Line, not [8200, 4]."


def test_a_run_without_environment_steps_is_counted_in_updates(env, file, tmp_path):
    algorithm = GCBC(lambda i, o, key: nets.ResidualMLP(i, o, 8, 4, key=key))
    trainer = crl.Trainer(env, algorithm, Offline(str(file)), UniformFuture(), batch_size=8)
    with crl.Run(tmp_path / "run") as run, pytest.raises(ValueError) as caught:
        crl.train(trainer, env_steps=100, eval_every=100, run=run)
    assert str(caught.value) == (
        "`env_steps` of train is 100, and Offline takes no environment steps: give `updates` of train instead."
    )


def test_a_damaged_header_is_refused_and_a_pipe_is_not_waited_for(env, dataset, tmp_path):
    path = tmp_path / "wrong.npz"
    np.savez(path, **dataset)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"{'descr': '<f4'", b"{'descr': (----", 1))
    pipe = tmp_path / "pipe.npz"
    os.mkfifo(pipe)
    for file in (path, pipe, tmp_path / "none.npz"):
        with pytest.raises(ValueError, match="is no npz file of a dataset"):
            Offline(str(file)).init(env, envs.ZeroPolicy(2), 1, jr.key(0))


def test_the_tools_train_and_test_on_a_dataset(file, tmp_path):
    """By updates: the run, its resume, its evaluation without the file, and what is published of it."""
    maze = f"envs.PointMaze.maze = '{ROOM}'"
    parts = ("env/point_maze.gin", "algo/gcbc.gin", "train_offline.gin")
    small = (maze, f"Offline.file = '{file}'", "train.updates = 20", "train.eval_every = 10", "Trainer.batch_size = 16")
    small += ("Trainer.updates_per_collect = 5", "Evaluator.episodes = 4", "nets.ResidualMLP.width = 8")
    small += ("envs.PointMaze.episode_length = 30",)
    files = [word for part in parts for word in ("--gin", str(ROOT / "configs" / part))]
    run_dir = ("--run_dir", str(tmp_path / "run"))

    def tool(*arguments: str, status: int = 0) -> str:
        process = start(*arguments, XDG_STATE_HOME=str(tmp_path / "state"))
        out, err = process.communicate()
        assert process.returncode == status, out + err
        return out + err

    said = tool("launch.py", *files, *settings(*small), *run_dir)
    assert "after 20 updates, 4 episodes" in said and "updates</small>" in (tmp_path / "run/report.html").read_text()
    assert "is finished" in tool("launch.py", *files, *settings(*small), *run_dir)
    by_steps = settings(*small, "train.updates = None", "train.env_steps = 100")
    assert "the clock of crl.train is updates there" in tool("launch.py", *files, *by_steps, *run_dir, status=2)
    elsewhere = file.rename(file.with_name("elsewhere.npz"))
    said = tool("evaluate.py", *run_dir)
    elsewhere.rename(file)
    assert "after 20 updates, 4 episodes" in said and "nan" not in said
    whole, cell = SimpleNamespace(value={"crl.train.updates": 20}.get), tmp_path / "study/one/seed0"
    shutil.copytree(tmp_path / "run", cell)
    of_study = [Run(Cell("one", {"width": "8"}, whole), 0, cell)]
    study_results.write(study_results.collect(of_study, {}), tmp_path / "study")
    tool("evaluate.py", "--study", str(tmp_path / "study"))
    tested = json.loads((cell / "evaluation.json").read_text())["run"]
    assert (tested["step"], tested["clock"]) == (20, "updates")
    tool("publish.py", *run_dir, "--out", str(tmp_path / "published"))
