"""Several seeds in one program: each learns what it learns alone, and they stop and go on together."""

import shutil
import signal
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trainers

import crl
import envs
import nets
from crl.algorithms.contrastive import ContrastiveRL

SEEDS = (3, 5)


def trainer() -> crl.Trainer:
    network = nets.Dense  # the loop does not care, and compiles in half the time
    algorithm = ContrastiveRL(actor=network, critic=network, embedding=8)
    sizes = {"num_envs": 8, "unroll": 10, "prefill_per_env": 20, "capacity_per_env": 50}
    return trainers.trainer(envs.PointMaze(), algorithm, **sizes, updates_per_collect=3, batch_size=16)


def train(directory: Path, seeds: tuple[int, ...] = SEEDS, evaluate=None, **options) -> list[crl.TrainState]:
    runs = [crl.Run(directory / f"seed{seed}") for seed in seeds]
    try:
        return crl.train(trainer(), 400, 200, evaluate, seeds=seeds, run=runs, **options)
    finally:
        for run in runs:
            run.close()


def lines(directory: Path, seed: int) -> list[dict]:
    return crl.read_metrics(directory / f"seed{seed}" / "metrics.jsonl")


def bits(x: jax.Array) -> jax.Array:
    return jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[crl.TrainState]]:
    directory = tmp_path_factory.mktemp("together")
    return directory, train(directory)


@pytest.mark.parametrize("index", range(len(SEEDS)))
def test_each_seed_learns_what_it_learns_alone(together: tuple[Path, list[crl.TrainState]], index: int, tmp_path: Path):
    """To rounding: after 12 updates, of whose losses each depends on all before. The draws are the same."""
    directory, states = together
    run = crl.Run(tmp_path)
    try:
        (alone,) = crl.train(trainer(), 400, 200, seed=SEEDS[index], run=run)
    finally:
        run.close()
    assert jax.tree.structure(alone) == jax.tree.structure(states[index])
    np.testing.assert_array_equal(states[index].data.replay.episode, alone.data.replay.episode)
    for ours, theirs in zip(*map(jax.tree.leaves, (states[index].agent, alone.agent)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
    mine, solo = lines(directory, SEEDS[index]), crl.read_metrics(run.metrics_file)
    assert [line["env_steps"] for line in mine] == [line["env_steps"] for line in solo]
    for ours, theirs in zip(mine, solo, strict=True):
        for name in theirs:
            if name.startswith("train/"):
                assert ours[name] == pytest.approx(theirs[name], rel=1e-3, abs=1e-5), name
    other = states[1 - index].agent.networks.log_alpha
    assert not np.array_equal(other, alone.agent.networks.log_alpha)


def test_snapshots_and_lines_of_every_seed(together: tuple[Path, list[crl.TrainState]]):
    directory, states = together
    like = eqx.filter_eval_shape(lambda: states[0].agent.networks)
    for seed, state in zip(SEEDS, states, strict=True):
        step, networks = crl.load_networks(directory / f"seed{seed}", like)
        assert step == 400
        np.testing.assert_array_equal(networks.log_alpha, state.agent.networks.log_alpha)
        assert lines(directory, seed)[-1]["env_steps"] == 400


def test_stopped_in_the_middle_of_an_evaluation_they_end_with_the_same_bits(
    together: tuple[Path, list[crl.TrainState]], tmp_path: Path
):
    asked, seen = [], []

    def evaluate(policy, key) -> dict[str, float]:
        asked.append(key)
        if len(asked) == 4:  # the second seed's, when the first's line is written
            signal.raise_signal(signal.SIGTERM)
        return {"eval/mark": 1.0}

    with pytest.raises(crl.Interrupted):
        train(tmp_path, evaluate=evaluate)
    counted = [len(lines(tmp_path, seed)) for seed in SEEDS]
    assert counted[0] == counted[1] + 1
    states = train(tmp_path, evaluate=evaluate, trackers=(seen.append,))
    assert len(asked) == 7  # three evaluations of two seeds, one of them twice
    assert seen[0]["seed"] == SEEDS[1]
    for ours, theirs in zip(*map(jax.tree.leaves, (states, together[1])), strict=True):
        np.testing.assert_array_equal(bits(ours), bits(theirs))


def test_they_go_on_from_the_newest_moment_that_all_hold(together: tuple[Path, list[crl.TrainState]], tmp_path: Path):
    directory, _ = together
    shutil.copytree(directory, tmp_path, dirs_exist_ok=True)
    runs = [crl.Run(tmp_path / f"seed{seed}") for seed in SEEDS]
    moments = [run.moments() for run in runs]
    for run in runs:
        run.close()
    assert moments[0] == moments[1] == [412]
    shutil.rmtree(tmp_path / f"seed{SEEDS[0]}" / "checkpoints")
    with pytest.raises(crl.CheckpointError, match="hold no states of the same moment to resume from"):
        train(tmp_path)
    assert len(lines(tmp_path, SEEDS[1])) == len(lines(directory, SEEDS[1]))  # nothing was lost


@pytest.mark.parametrize("seeds", [(0, 0), (0, -1), (True, 2), (0, 2**31)])
def test_seeds_that_make_no_sense(seeds, tmp_path: Path):
    with pytest.raises(ValueError, match="`seeds` of train must be"):
        crl.check_schedule(1, None, 1, 0, 1.0, 1.0, seeds)
