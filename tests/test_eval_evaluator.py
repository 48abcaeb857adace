"""The evaluation of scripted policies, whose every number is known beforehand."""

import json
import re
import sys
import time
from types import SimpleNamespace

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import processes
import pytest
from eval_line import Line, go_and_stay, go_on

from envs import Episodes, PointMaze, Stateless, UniformPolicy, rollout
from evaluation import Evaluator, evaluate

KEY = jr.key(3)


def test_an_agent_that_stays_at_its_goal():
    record = Evaluator(Line(), 32).episodes(go_and_stay, KEY)
    goal = np.asarray(record.goal[:, 0])
    assert len(set(goal)) > 3, "every episode draws its own goal"
    # Of the states 1 to 12 those from number g on are at the goal at g metres.
    np.testing.assert_array_equal(record.time_at_goal, 12 - goal + 1)
    np.testing.assert_array_equal(record.length, 12)
    np.testing.assert_array_equal(record.distance, 0.0)
    assert record.success_any.all() and record.success_end.all()


def test_an_agent_that_passes_its_goal():
    record = Evaluator(Line(), 32).episodes(go_on, KEY)
    np.testing.assert_array_equal(record.time_at_goal, 1)
    np.testing.assert_array_equal(record.distance, 12 - record.goal[:, 0])
    assert record.success_any.all() and not record.success_end.any()


def test_nothing_counts_after_a_fall():
    record = Evaluator(Line(cliff=4.0), 32).episodes(go_on, KEY)
    goal = np.asarray(record.goal[:, 0])
    # Goals beyond the cliff are never reached, though the row goes on and passes others in later episodes.
    np.testing.assert_array_equal(record.length, 4)
    np.testing.assert_array_equal(record.time_at_goal, goal <= 4)
    np.testing.assert_array_equal(record.success_any, goal <= 4)
    np.testing.assert_array_equal(record.success_end, goal == 4)  # the state it fell in counts
    np.testing.assert_array_equal(record.distance, abs(goal - 4))


def test_the_start_does_not_count():
    away = Line(nearest=0, farthest=0)
    record = Evaluator(away, 4).episodes(go_on, KEY)
    np.testing.assert_array_equal(record.time_at_goal, 0)
    assert not record.success_any.any()


def test_means_by_name():
    env = Line(nearest=3, farthest=3)
    assert Evaluator(env, 4)(go_and_stay, KEY) == {
        "eval/time_at_goal": 10.0,
        "eval/time_at_goal_fraction": pytest.approx(10 / 12),
        "eval/success_any": 1.0,
        "eval/success_end": 1.0,
        "eval/distance": 0.0,
        "eval/episode_length": 12.0,
    }


def test_agrees_with_a_plain_look_at_a_trajectory():
    env = Line(cliff=9.0)

    def wander(obs, goal, key):
        del key
        return jnp.array([jnp.sin(7 * obs[0] + goal[0]) + 0.6, 0.0])

    record = Evaluator(env, 16).episodes(wander, KEY)
    starts, steps = (jr.split(key, 16) for key in jr.split(KEY))
    first = Episodes(env).reset(starts)
    _, _, path = rollout(Episodes(env), first, Stateless(wander), (), env.episode_length + 1, steps)
    distance = np.linalg.norm(np.asarray(path.obs - path.goal), axis=-1)
    for i in range(16):
        reached = np.flatnonzero(np.asarray(path.episode[:, i]) == 0)[1:]
        at_goal = distance[reached, i] < env.threshold
        assert record.length[i] == len(reached)
        assert record.time_at_goal[i] == at_goal.sum()
        assert record.success_any[i] == at_goal.any()
        assert record.success_end[i] == at_goal[-1]
        assert record.distance[i] == pytest.approx(distance[reached[-1], i])


def test_a_stochastic_policy_gets_other_keys_at_every_step_and_the_same_starts():
    env = Line()

    def drawn(obs, goal, key):
        return jnp.zeros(2) if key is None else jr.uniform(key, (2,), minval=-1.0, maxval=1.0)

    still, moved = (Evaluator(env, 64).episodes(drawn, KEY, stochastic) for stochastic in (False, True))
    uniform = Evaluator(env, 64).episodes(UniformPolicy(env.action_size), KEY, stochastic=True)
    np.testing.assert_array_equal(still.goal, moved.goal)
    np.testing.assert_array_equal(moved.distance, uniform.distance)
    assert len(np.unique(np.asarray(moved.distance))) > 32


def test_compiles_once_for_all_agents_of_one_structure():
    traces = 0

    def policy(agent, obs, goal, key):
        nonlocal traces
        traces += 1
        return go_and_stay(obs, goal, key) * agent

    evaluator = Evaluator(Line(), 4)
    results = [evaluator(eqx.Partial(policy, jnp.float32(scale)), KEY) for scale in (1.0, 1.0, 0.0)]
    after_one = traces
    evaluator(eqx.Partial(policy, jnp.float32(0.5)), jr.key(4))
    assert traces == after_one
    assert results[0] == results[1] != results[2]


def test_an_agent_on_another_device_gets_the_same_numbers():
    evaluator, agent = Evaluator(Line(), 4), jnp.float32(0.5)
    policy = lambda agent, obs, goal, key: go_and_stay(obs, goal, key) * agent  # noqa: E731
    elsewhere = jax.device_put(agent, jax.devices()[-1])
    assert evaluator(eqx.Partial(policy, agent), KEY) == evaluator(eqx.Partial(policy, elsewhere), KEY)


@pytest.mark.parametrize("episodes", [0, -1, 2.0, True, "128"])
def test_a_wrong_number_of_episodes_is_refused(episodes):
    with pytest.raises((ValueError, TypeError), match="episodes"):
        Evaluator(Line(), episodes)


@pytest.mark.parametrize(
    ("task", "episodes", "sentence"),
    [
        ({}, 2_000_000_000, "episodes is 2000000000; it must be an integer from 1 to 1,000,000."),
        (
            {"episode_length": 2**31 - 1},
            1,
            "episodes is 1 and an episode of Line has up to 2,147,483,647 steps, 2,147,483,647 in all; at most "
            "1,000,000,000 are accepted.",
        ),
        (
            {"episode_length": 1_001},
            1_000_000,
            "episodes is 1,000,000 and an episode of Line has up to 1,001 steps, 1,001,000,000 in all; at most "
            "1,000,000,000 are accepted.",
        ),
    ],
)
def test_an_evaluation_without_end_is_refused(task, episodes, sentence):
    with pytest.raises(ValueError) as caught:
        Evaluator(Line(**task), episodes)
    assert str(caught.value) == f"evaluation.Evaluator.{sentence}"


def test_an_evaluation_larger_than_memory_is_refused(monkeypatch):
    Evaluator(Line(), 20_000)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=10**6))
    Evaluator(Line(), 10_000)  # what fits into any memory is not looked at
    with pytest.raises(ValueError) as caught:
        Evaluator(Line(), 1_000_000)
    assert re.fullmatch(
        r"evaluation\.Evaluator\.episodes is 1,000,000, which takes 0\.\d GB for Line; 0\.0 GB of memory are free\.",
        str(caught.value),
    )


def test_what_is_not_finite_is_unknown():
    def lost(obs, goal, key):
        return jnp.where(goal > 3, jnp.nan, 0.0)

    content = evaluate(Evaluator(Line(), 32), lost, KEY)
    text = json.dumps(content, allow_nan=False)
    assert content["eval/distance"] == {"mean": None, "ci_low": None, "ci_high": None, "n": 32, "iqm": None}
    assert "NaN" not in text and content["eval/time_at_goal"]["mean"] is not None
    near = [goal["eval/distance"]["mean"] for goal in content["goals"] if goal["goal"][0] <= 3]
    assert near and None not in near


def test_evaluation_json():
    env = Line(nearest=1, farthest=3)
    content = json.loads(json.dumps(evaluate(Evaluator(env, 64), go_and_stay, KEY), allow_nan=False))
    time_at_goal = content["eval/time_at_goal"]
    assert time_at_goal["ci_low"] <= time_at_goal["mean"] <= time_at_goal["ci_high"]
    assert time_at_goal["n"] == 64
    assert content["eval/success_any"]["mean"] == content["eval/success_any"]["ci_high"] == 1.0
    assert 0.9 < content["eval/success_any"]["ci_low"] < 1.0, "64 of 64 does not prove that it never fails"
    assert [goal["goal"] for goal in content["goals"]] == [[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]
    assert sum(goal["n"] for goal in content["goals"]) == 64
    assert [goal["eval/time_at_goal"]["mean"] for goal in content["goals"]] == [12.0, 11.0, 10.0]
    assert content["task"]["maze"] is None


def test_no_goal_table_where_goals_are_no_finite_set():
    content = evaluate(Evaluator(Line(farthest=10**6), 16), go_and_stay, KEY)
    assert content["goals"] is None


def test_an_interval_of_a_single_episode_is_unknown():
    content = evaluate(Evaluator(Line(), 1), go_and_stay, KEY)
    assert content["eval/time_at_goal"]["ci_low"] is None and content["eval/time_at_goal"]["n"] == 1


def test_a_maze_lists_every_goal_cell():
    env = PointMaze(episode_length=3)
    content = json.loads(json.dumps(evaluate(Evaluator(env, 5), lambda obs, goal, key: goal * 0, KEY)))
    assert [tuple(goal["goal"]) for goal in content["goals"]] == [tuple(cell) for cell in env.maze.goals.tolist()]
    assert sum(goal["n"] for goal in content["goals"]) == 5
    assert content["task"]["maze"] == env.maze.text
    for goal in content["goals"]:
        assert (goal["n"] > 0) == ("eval/success_any" in goal)


def test_a_goal_of_a_maze_is_as_far_as_the_way_around_its_walls():
    def lengths(**maze) -> list[float | None]:
        env = PointMaze(**maze, episode_length=3)
        content = evaluate(Evaluator(env, 2), lambda obs, goal, key: goal * 0, KEY)
        return [goal.get("path_length") for goal in content["goals"]]

    assert lengths(maze="11111/1RGG1/11111") == pytest.approx([1, 2])
    # Past a wall, on a grid of thirds: a knight's step, four thirds along the wall, a knight's step.
    assert lengths(maze="1111/1R01/1101/1G01/1111") == pytest.approx([4 / 3 + 2 * np.sqrt(5) / 3])
    assert lengths(maze="11111/1RGR1/11111") == [None]
    assert lengths(maze="11111/1R001/111G1/11111", cells=(1, 2)) == [None]  # starts are all along the corridor


def test_import_needs_neither_mujoco_nor_a_display():
    code = "import sys, evaluation; sys.exit('mujoco' in sys.modules or 'matplotlib.pyplot' in sys.modules)"
    processes.finish([sys.executable, "-c", code])


@pytest.mark.proof
def test_evaluation_costs_little_more_than_acting():
    # Paired, so that a busy machine slows both alike: on two quiet cores 128 episodes take 0.6 to 0.9 s.
    env, policy = PointMaze(), lambda obs, goal, key: goal - obs[:2]
    evaluator, world = Evaluator(env, 128), Episodes(env)

    @eqx.filter_jit
    def act(key):
        keys = jr.split(key, 128)
        return rollout(world, world.reset(keys), Stateless(policy), (), env.episode_length, keys)[0]

    def seconds(call):
        began = time.perf_counter()
        jax.block_until_ready(call())
        return time.perf_counter() - began

    seconds(lambda: act(KEY)), seconds(lambda: evaluator(policy, KEY))
    pairs = [(seconds(lambda: evaluator(policy, KEY)), seconds(lambda: act(KEY))) for _ in range(9)]
    ratio = np.median([ours / plain for ours, plain in pairs])
    fastest = min(ours for ours, _ in pairs)
    print(f"128 episodes of 300 steps: {fastest:.2f} s at best, {ratio:.2f} times a plain rollout")
    assert ratio < 1.5
