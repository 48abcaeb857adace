"""The tasks as Gymnasium's environments, under Gymnasium's own checkers and with another library's agent."""

import json
import sys
from pathlib import Path

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import processes
import pytest
from environment import users_environment
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import DictInfoToList, FlattenObservation, RecordEpisodeStatistics

import envs

ROOM = "11111/1GGG1/1GRG1/1GGG1/11111"
ROWS, LIMIT = 3, 5


@pytest.fixture(scope="module")
def vector():
    return envs.GymnasiumVectorEnv(envs.PointMaze(ROOM, episode_length=LIMIT, engine="native"), ROWS)


def acted(env, seed: int, steps: int = 2 * LIMIT + 3) -> list:
    """Everything returned by a reset and some steps of the same actions."""
    env.action_space.seed(seed)
    return [env.reset(seed=seed), *(env.step(env.action_space.sample()) for _ in range(steps))]


# Positions and velocities have no bounds that mean anything, and false ones mislead who scales by them.
@pytest.mark.filterwarnings("ignore:.*A Box observation space m..imum value is")
@pytest.mark.parametrize("make", [envs.PointMaze, envs.Ant, envs.HalfCheetah, envs.ArmGrasp])
def test_gymnasiums_checker_accepts_a_single_environment(make):
    env = envs.GymnasiumEnv(make(episode_length=LIMIT, engine="native"))
    check_env(env, skip_render_check=True)  # warnings are errors here


def test_a_batch_keeps_to_its_spaces(vector):
    assert isinstance(vector, gymnasium.vector.VectorEnv)
    assert vector.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP and vector.metadata["render_fps"] == 20
    for observation, *rest in acted(vector, 0):
        assert observation in vector.observation_space
        assert set(observation) == {"observation", "achieved_goal", "desired_goal"}
        if len(rest) == 4:
            reward, terminated, truncated, info = rest
            assert reward.shape == (ROWS,) and reward.dtype == np.float64
            assert terminated.dtype == truncated.dtype == info["is_success"].dtype == bool


def test_the_same_seed_gives_the_same_bits(vector):
    first, second, other = acted(vector, 7), acted(vector, 7), acted(vector, 8)
    same = jax.tree.map(np.array_equal, first, second)
    assert all(jax.tree.leaves(same))
    assert not np.array_equal(first[0][0]["desired_goal"], other[0][0]["desired_goal"])
    again, _ = vector.reset()
    assert not np.array_equal(again["desired_goal"], other[0][0]["desired_goal"]), "without a seed the draws go on"


def test_the_step_after_an_end_begins_anew(vector):
    """Gymnasium's next-step autoreset: the last state is seen, then the first, whose action did not count."""
    results = acted(vector, 3)
    truncated = np.array([step[3] for step in results[1:]])
    np.testing.assert_array_equal(truncated[:, 0], [t % (LIMIT + 1) == LIMIT - 1 for t in range(len(truncated))])
    first, last, new = (results[t][0] for t in (0, LIMIT, LIMIT + 1))
    np.testing.assert_array_equal(first["desired_goal"], last["desired_goal"])
    assert (new["desired_goal"] != last["desired_goal"]).any(axis=1).all()
    assert (np.abs(new["achieved_goal"] - 2.0) <= 0.2 + 1e-6).all(), "at a start"
    np.testing.assert_array_equal(results[LIMIT + 1][1], 0.0)


def test_rewards_are_success_and_can_be_computed_afterwards(vector):
    for observation, reward, *_, info in acted(vector, 5)[1:-2]:
        if (observation["observation"][:, 2:] == 0).all():
            continue  # a fresh row earns nothing
        computed = vector.compute_reward(observation["achieved_goal"], observation["desired_goal"], info)
        np.testing.assert_array_equal(computed, reward)
        np.testing.assert_array_equal(info["is_success"], reward == 1)
        np.testing.assert_array_equal(info["_is_success"], True)
    goals = np.zeros((2, ROWS, 2), np.float32)
    near = goals + np.array([0.3, 0.0], np.float32)
    np.testing.assert_array_equal(vector.compute_reward(near, goals, None), np.ones((2, ROWS)))
    np.testing.assert_array_equal(vector.compute_reward(near + 0.3, goals, None), np.zeros((2, ROWS)))


def test_gymnasiums_wrappers_work(vector):
    wrapped = RecordEpisodeStatistics(DictInfoToList(FlattenObservation(vector)).env)
    wrapped.reset(seed=0)
    for _ in range(LIMIT):
        *_, info = wrapped.step(wrapped.action_space.sample())
    np.testing.assert_array_equal(info["episode"]["l"], LIMIT)
    assert wrapped.observation_space.shape == (ROWS, 8)


def test_an_episode_that_ends_by_a_fall_is_terminated_and_not_truncated():
    env = envs.GymnasiumVectorEnv(envs.Humanoid(engine="native", episode_length=100), 2)
    env.reset(seed=0)
    for _ in range(100):
        _, _, terminated, truncated, _ = env.step(np.zeros((2, 17), np.float32))
        if terminated.any():
            break
    assert terminated.all() and not truncated.any()


def test_pictures_of_every_row():
    env = envs.GymnasiumVectorEnv(envs.PointMaze(engine="native"), 2, render_mode="rgb_array")
    with pytest.raises(gymnasium.error.ResetNeeded, match="Call `reset`"):
        env.step(np.zeros((2, 2)))
    env.reset(seed=0)
    try:
        pictures = env.render()
    except envs.NoRenderer as e:
        pytest.skip(f"{e}")
    assert [p.shape for p in pictures] == [(480, 640, 3)] * 2 and (pictures[0] != pictures[1]).any()
    env.close()
    assert envs.GymnasiumVectorEnv(envs.PointMaze(engine="native"), 2).render() is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"num_envs": 0}, "`num_envs` must be a positive integer"),
        ({"num_envs": 2, "render_mode": "human"}, "`render_mode` must be None or 'rgb_array', not 'human'"),
    ],
)
def test_wrong_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        envs.GymnasiumVectorEnv(envs.PointMaze(engine="native"), **arguments)


def test_both_views_show_the_same_task():
    task = envs.ArmGrasp(engine="native", episode_length=LIMIT)
    achieved = jnp.arange(7.0)
    one = envs.GymnasiumEnv(task)
    assert one.compute_reward(np.asarray(achieved), np.asarray(achieved), None) == 1.0
    shifted = np.asarray(achieved).copy()
    shifted[6] += 0.03  # the fingers are 3 cm too far apart
    assert one.compute_reward(np.asarray(achieved), shifted, None) == 0.0


def test_an_agent_of_another_library_learns_through_it():
    """PPO of skrl: 800 steps of 32 balls that are told to go left or right, in a process of its own."""
    script = str(Path(__file__).parent / "skrl_agent.py")
    done = processes.finish([sys.executable, script, "800"], env=users_environment())
    success = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    print(success)
    assert success["random"] < 0.5 and success["agent"] >= 0.95
