"""What users give to the Gymnasium classes: actions, goals, copies, processes.

Users do not run with type checks and give what they like: here the checks are off.
"""

import copy
import pickle
import sys
from collections.abc import Callable

import gymnasium
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import processes
import pytest
from environment import users_environment

import envs

ROWS, LIMIT = 3, 4
GOAL = np.array([1.5, 2.5])
AGAIN = {"pickle": lambda env: pickle.loads(pickle.dumps(env)), "deepcopy": copy.deepcopy}


@pytest.fixture(autouse=True)
def no_type_checks():
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="module")
def task():
    return envs.PointMaze(episode_length=LIMIT, engine="native")


@pytest.fixture(scope="module")
def one(task):
    return envs.GymnasiumEnv(task)


@pytest.fixture(scope="module")
def many(task):
    return envs.GymnasiumVectorEnv(task, ROWS)


def refusal(call: Callable, *args, **kwargs) -> str:
    with pytest.raises(ValueError) as refused:
        call(*args, **kwargs)
    return str(refused.value)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 2), (0,)])
def test_an_action_of_another_shape_is_refused(one, many, shape):
    one.reset(seed=0)
    assert refusal(one.step, np.zeros(shape)) == f"An action must have shape (2,), not {shape}."
    many.reset(seed=0)
    assert refusal(many.step, np.zeros((ROWS, *shape[:1]))) == (
        f"Actions must have shape (3, 2), not {(ROWS, *shape[:1])}."
    )
    assert refusal(many.step, np.zeros(2)) == "Actions must have shape (3, 2), not (2,)."


@pytest.mark.parametrize(("bad", "named"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf"), (1e300, "1e+300")])
def test_an_action_that_is_not_finite_is_refused_and_changes_nothing(one, many, bad, named):
    one.reset(seed=0)
    said = refusal(one.step, [0.5, bad])
    assert said == f"An action must be finite in single precision, not {named} at [1]."
    after = one.step(np.zeros(2))
    one.reset(seed=0)
    jax.tree.map(np.testing.assert_array_equal, after, one.step(np.zeros(2)))
    many.reset(seed=0)
    actions = np.zeros((ROWS, 2))
    actions[2, 0] = bad
    said = refusal(many.step, actions)
    assert said == f"Actions must be finite in single precision, not {named} at [2, 0]."


@pytest.mark.parametrize("value", ["left", None, [True, False], ["0.1", "0.2"], [1j, 0.0], [[0.1], [0.1, 0.2]]])
def test_what_is_no_number_is_no_action(one, value):
    one.reset(seed=0)
    assert refusal(one.step, value) == f"An action must be numbers of shape (2,), not {value!r}."


@pytest.mark.parametrize("make", [list, np.asarray, jnp.asarray, lambda x: jnp.asarray(x, jnp.bfloat16)])
def test_numbers_of_any_kind_are_an_action(one, make):
    one.reset(seed=0)
    first = one.step(np.array([0.5, -1.0], np.float32))
    one.reset(seed=0)
    jax.tree.map(np.testing.assert_array_equal, first, one.step(make([0.5, -1.0])))


def test_a_goal_may_be_given_to_an_episode(one):
    observation, _ = one.reset(seed=0)
    asked, info = one.reset(seed=0, options={"goal": GOAL})
    np.testing.assert_array_equal(asked["desired_goal"], np.float32(GOAL))
    np.testing.assert_array_equal(asked["observation"], observation["observation"], "the start is the seed's")
    assert asked in one.observation_space and not info["is_success"]
    for _ in range(LIMIT):
        stepped, *_ = one.step(np.zeros(2))
        np.testing.assert_array_equal(stepped["desired_goal"], np.float32(GOAL))
    for options in (None, {}):
        jax.tree.map(np.testing.assert_array_equal, one.reset(seed=0, options=options)[0], observation)


def test_a_goal_where_the_start_is_has_been_reached(one):
    start = one.reset(seed=3)[0]["achieved_goal"]
    _, info = one.reset(seed=3, options={"goal": start})
    assert info["is_success"] is True
    assert one.step(np.zeros(2))[1] == 1.0


def test_goals_may_be_given_to_a_batch_for_all_rows_or_each(many):
    drawn = many.reset(seed=0)[0]
    shared = many.reset(seed=0, options={"goal": GOAL.tolist()})[0]
    np.testing.assert_array_equal(shared["desired_goal"], np.tile(np.float32(GOAL), (ROWS, 1)))
    goals = np.float32(GOAL) + np.arange(2 * ROWS).reshape(ROWS, 2)
    each = many.reset(seed=0, options={"goal": goals})[0]
    np.testing.assert_array_equal(each["desired_goal"], goals)
    for _ in range(LIMIT + 1):
        after = many.step(np.zeros((ROWS, 2)))[0]
    assert (after["desired_goal"] != goals).any(axis=1).all(), "the next episodes draw their own"
    np.testing.assert_array_equal(many.reset(seed=0)[0]["desired_goal"], drawn["desired_goal"])


def test_other_options_are_refused(one, many):
    said = "`options` of `reset` may hold 'goal', not"
    assert refusal(one.reset, options={"goals": GOAL}) == f"{said} 'goals'."
    assert refusal(many.reset, options={"goal": GOAL, 3: 1}) == f"{said} 3."
    assert refusal(one.reset, options="goal") == "`options` of `reset` must be a dict that may hold 'goal', not 'goal'."
    goal = "The option 'goal' must"
    assert refusal(one.reset, options={"goal": [1.0]}) == f"{goal} have shape (2,), not (1,)."
    assert refusal(one.reset, options={"goal": None}) == f"{goal} be numbers of shape (2,), not None."
    assert refusal(one.reset, options={"goal": [1.0, np.nan]}) == (
        f"{goal} be finite in single precision, not nan at [1]."
    )
    assert refusal(many.reset, options={"goal": np.zeros((2, 2))}) == f"{goal} have shape (2,) or (3, 2), not (2, 2)."


@pytest.mark.parametrize("end", ["the limit", "a fall"])
def test_after_the_end_of_an_episode_only_a_reset_helps(one, end):
    env = one if end == "the limit" else envs.GymnasiumEnv(envs.Humanoid(engine="native"))
    idle = np.zeros(env.action_space.shape)
    env.reset(seed=0)
    while True:
        *_, terminated, truncated, _ = env.step(idle)
        if terminated or truncated:
            break
    assert (terminated, truncated) == ((False, True) if end == "the limit" else (True, False))
    for _ in range(2):
        with pytest.raises(gymnasium.error.ResetNeeded) as refused:
            env.step(idle)
        assert str(refused.value) == "The episode is over: call `reset` before the next `step`."
    env.reset()
    env.step(idle)


@pytest.mark.parametrize("again", AGAIN.values(), ids=AGAIN)
def test_a_copy_goes_on_with_the_same_bits(task, again):
    def act(env: gymnasium.Env | gymnasium.vector.VectorEnv, shape: tuple[int, ...], steps: int) -> list:
        return [env.step(np.full(shape, 0.3)) for _ in range(steps)]

    vector = envs.GymnasiumVectorEnv(task, ROWS)
    vector.reset(seed=1)
    act(vector, (ROWS, 2), 2)
    copied = again(vector)
    assert jax.tree.all(jax.tree.map(np.array_equal, act(vector, (ROWS, 2), 4), act(copied, (ROWS, 2), 4)))
    assert np.array_equal(vector.reset()[0]["desired_goal"], copied.reset()[0]["desired_goal"])
    single = envs.GymnasiumEnv(task)
    single.reset(seed=1)
    act(single, (2,), LIMIT)
    with pytest.raises(gymnasium.error.ResetNeeded, match="The episode is over"):
        again(single).step(np.zeros(2))


PROCESSES = """
import functools, sys
import numpy as np
from gymnasium.vector import AsyncVectorEnv
import envs

def main(context, given):
    task = envs.PointMaze(episode_length=3, engine="native")
    env = envs.GymnasiumEnv(task)
    make = {"task": functools.partial(envs.GymnasiumEnv, task), "env": lambda: env}[given]
    vector = AsyncVectorEnv([make] * 2, context=context)
    observation, _ = vector.reset(seed=0)
    for _ in range(5):
        vector.step(np.zeros((2, 2), np.float32))
    print(*observation["desired_goal"].ravel())
    vector.close()

if __name__ == "__main__":
    main(*sys.argv[1:])
"""


def in_processes(path, context: str, given: str, status: int):
    script = path / "processes.py"
    script.write_text(PROCESSES, encoding="utf-8")
    return processes.finish([sys.executable, script, context, given], status, env=users_environment())


@pytest.mark.parametrize("given", ["task", "env"])
def test_a_forked_process_says_what_to_do(tmp_path, given):
    done = in_processes(tmp_path, "fork", given, 1)
    said = (
        "RuntimeError: JAX hangs in a process that is forked after JAX has started: start it with"
        ' context="spawn" or "forkserver" (of AsyncVectorEnv), or use envs.GymnasiumVectorEnv.'
    )
    assert said in done.stderr.splitlines()


def test_processes_that_are_spawned_show_the_same_episodes(tmp_path, task):
    done = in_processes(tmp_path, "spawn", "task", 0)
    goals = [envs.GymnasiumEnv(task).reset(seed=seed)[0]["desired_goal"] for seed in (0, 1)]
    np.testing.assert_array_equal(np.float32(done.stdout.split()), np.ravel(goals))
