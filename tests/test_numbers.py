"""Numbers of NumPy and JAX are taken where a user may give them, and kept as Python's; what is none is refused."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from short_runs import refusal, train, trainer
from tool_runs import as_a_user

import crl
import nets
from crl.algorithms.contrastive import ContrastiveRL
from crl.goals.geometric import Geometric

OF_DATA = {"num_envs": 4, "unroll": 10, "capacity_per_env": 50, "prefill_per_env": 10}
OF_TRAINER = {"batch_size": 8, "updates_per_collect": 2, "devices": 1}


@pytest.fixture
def _no_annotations(monkeypatch: pytest.MonkeyPatch):
    with as_a_user(monkeypatch):
        yield


def test_sizes_of_other_libraries_are_kept_as_integers():
    types, sizes = [np.int64, np.uint8] * 4, OF_DATA | OF_TRAINER
    given = {name: number(size) for (name, size), number in zip(sizes.items(), types, strict=False)}
    built = trainer(**given, replay_bits=np.int32(16))
    for of, kept in ((built.data, OF_DATA | {"replay_bits": 16}), (built, OF_TRAINER)):
        for name, size in kept.items():
            assert type(getattr(of, name)) is int and getattr(of, name) == size
    numbers = {"target_entropy_per_action": np.float64(0.25), "random_goals": np.float64(0.5)}
    algorithm = ContrastiveRL(nets.Dense, nets.Dense, embedding=np.int64(4), **numbers)
    kept = (algorithm.embedding, algorithm.target_entropy_per_action, algorithm.random_goals)
    assert kept == (4, 0.25, 0.5) and [type(x) for x in kept] == [int, float, float]


@pytest.mark.usefixtures("_no_annotations")
@pytest.mark.parametrize("wrong", [True, np.True_, 4.0, np.float64(4), "4", None, 0, np.int64(-1)])
def test_what_is_no_size(wrong):
    for of, names in (("Online", OF_DATA), ("Trainer", OF_TRAINER)):
        for name in names:
            with pytest.raises(ValueError) as refused:
                trainer(**{name: wrong})
            assert str(refused.value) == f"`{name}` of {of} must be an integer >= 1; got {wrong!r}."


@pytest.mark.usefixtures("_no_annotations")
@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"unroll": 51}, "`unroll` of Online must not exceed `capacity_per_env` 50; got 51."),
        ({"prefill_per_env": 51}, "`prefill_per_env` of Online must not exceed `capacity_per_env` 50; got 51."),
        (
            {"unroll": 1, "prefill_per_env": 1},
            "`prefill_per_env` of Online must be at least 2 where `unroll` is 1: a goal lies a step ahead.",
        ),
        ({"warm_up": 3}, "`warm_up` of Online must make a policy, such as envs.UniformPolicy; got 3."),
        (
            {"batch_size": 201},
            "`batch_size` of Trainer must not exceed the replay's capacity_per_env x num_envs = 200 steps; got 201.",
        ),
        (
            {"num_envs": 2**16, "batch_size": 2**15},
            "`num_envs` of Online x `batch_size` of Trainer must stay below 2^31; got 65536 x 32768.",
        ),
    ],
)
def test_sizes_that_do_not_go_together(sizes: dict[str, int], said: str):
    with pytest.raises(ValueError) as refused:
        trainer(**sizes)
    assert str(refused.value) == said


@pytest.mark.usefixtures("_no_annotations")
def test_what_is_no_part_of_a_trainer():
    sound = trainer()
    parts = {"env": sound.env, "algorithm": sound.algorithm, "data": sound.data, "goals": sound.goals}
    examples = {
        "env": "an environment (in gin: @envs.PointMaze())",
        "algorithm": "an algorithm (in gin: @contrastive.ContrastiveRL())",
        "data": "a source of data (in gin: @online.Online())",
        "goals": "a law of goals (in gin: @geometric.Geometric())",
    }
    for name, example in examples.items():
        for wrong in (None, 3, Geometric):  # the last is a class and not what it makes
            with pytest.raises(ValueError) as refused:
                crl.Trainer(**(parts | {name: wrong}))
            assert str(refused.value) == f"`{name}` of Trainer must be {example}; got {wrong!r}."
    with pytest.raises(ValueError) as refused:
        crl.Trainer(**parts, actor_goals=3)  # pyright: ignore[reportArgumentType]
    assert str(refused.value) == f"`actor_goals` of Trainer must be {examples['goals']} or None; got 3."


def test_a_schedule_is_kept_as_pythons_numbers():
    others = (jnp.int32(40), np.uint8(3), np.float64(1), 2.0, (np.int64(1), 0))
    for length, kept in (((np.int64(80), None), (80, None)), ((None, np.uint16(80)), (None, 80))):
        schedule = crl.check_schedule(*length, *others)  # pyright: ignore
        assert schedule == (*kept, 40, 3, 1.0, 2, (1, 0))
        assert json.loads(json.dumps(schedule)) == [*kept, 40, 3, 1.0, 2, [1, 0]]


@pytest.mark.usefixtures("_no_annotations")
@pytest.mark.parametrize("wrong", [True, np.True_, 1.5, "1", None, -1, 2**31, np.int64(2**31)])
def test_what_is_no_number_of_a_schedule(wrong):
    numbers = {"eval_every": 40, "seed": 0, "checkpoint_minutes": 1.0, "call_seconds": 1.0}
    lengths = {"env_steps": 80, "updates": None}
    for name, least in (("env_steps", 1), ("updates", 1), ("eval_every", 1), ("seed", 0)):
        if name in lengths and wrong is None:
            continue  # one of the two is None
        alone = dict.fromkeys(lengths) if name in lengths else lengths
        with pytest.raises(ValueError) as refused:
            crl.check_schedule(**(numbers | alone | {name: wrong}))
        said = f"`{name}` of train must be an integer from {least} to 2^31 - 1; got {wrong!r}."
        assert str(refused.value) == said
    with pytest.raises(ValueError) as refused:
        crl.check_schedule(**numbers, **lengths, seeds=(0, wrong))
    assert str(refused.value) == f"`seeds` of train must be integers from 0 to 2^31 - 1; got {wrong!r}."


@pytest.mark.parametrize("lengths", [(None, None), (80, 80)])
def test_a_run_is_as_long_as_one_of_two_numbers(tmp_path: Path, lengths: tuple[int | None, int | None]):
    steps, updates = lengths
    assert refusal(tmp_path, env_steps=steps, updates=updates) == (
        f"Either `env_steps` or `updates` of train says how long the run is; got {steps} and {updates}."
    )


@pytest.mark.parametrize("value", [1, True, np.float32(1), np.int64(1), np.array(1.0), jnp.float32(1), jnp.array(1)])
def test_an_evaluation_may_return_any_librarys_numbers(tmp_path: Path, value):
    *_, last = train(tmp_path, evaluate=lambda policy, key: {"eval/score": value})
    assert last["eval/score"] == 1.0 and type(last["eval/score"]) is float


def test_a_number_that_is_not_finite_is_null_in_the_file(tmp_path: Path):
    lines = train(tmp_path, evaluate=lambda policy, key: {"eval/score": jnp.nan, "eval/other": np.inf})
    assert "eval/score" not in lines[-1] and "eval/other" not in lines[-1]
    text = (tmp_path / "metrics.jsonl").read_text()
    assert '"eval/score": null' in text and not any(word in text for word in ("NaN", "Infinity"))


RETURNS = "what `evaluate` of train returns"


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ({"eval/x": np.ones(2)}, f"`eval/x` of {RETURNS} must be one number; got array([1., 1.])."),
        ({"eval/x": "1.0"}, f"`eval/x` of {RETURNS} must be one number; got '1.0'."),
        ({"eval/x": None}, f"`eval/x` of {RETURNS} must be one number; got None."),
        ({"eval/x": 1j}, f"`eval/x` of {RETURNS} must be one number; got 1j."),
        ({"eval/x": np.complex64(1)}, f"`eval/x` of {RETURNS} must be one number; got np.complex64(1+0j)."),
        ({"eval/x": [0] * 99}, f"`eval/x` of {RETURNS} must be one number; got {str([0] * 99)[:77]}...."),
        ({"updates": 1.0}, f"{RETURNS} must have names of their own that are strings; got 'updates'."),
        ({1: 1.0}, f"{RETURNS} must have names of their own that are strings; got 1."),
        (1.0, f"{RETURNS} must be numbers by name, such as {{'eval/score': 1.0}}; got 1.0."),
    ],
)
def test_what_is_no_evaluation(tmp_path: Path, returned, said: str):
    assert refusal(tmp_path, evaluate=lambda policy, key: returned) == said


def test_steps_that_pass_the_counter_are_refused_before_anything_is_written(tmp_path: Path):
    assert refusal(tmp_path, env_steps=2**31 - 1) == (
        "`env_steps` of train is 2,147,483,647, which in whole collects of 40 are 2,147,483,680 environment "
        "steps: at most 2^31 - 1 can be counted."
    )
    assert not (tmp_path / "metrics.jsonl").exists()


def test_a_run_for_each_seed(tmp_path: Path):
    assert refusal(tmp_path, seeds=(0, 1)) == "`run` of train must be one for each of 2 seeds; got 1."
