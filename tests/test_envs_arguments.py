"""What tasks accept as arguments: any number that is meant as one; and what they refuse, before anything is built.

Users do not run with type checks, and a config file passes any type: here the checks are off.
"""

import re
from fractions import Fraction

import jaxtyping
import numpy as np
import pytest
from test_envs_pickles import tasks

import envs

LONG = "G" * 1_000_000
HUGE = 10**5000  # Python does not write it out
CUT = "... (1,000,002 characters)"


@pytest.fixture(autouse=True)
def no_type_checks():
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def refusal(make, *args, **kwargs) -> str:
    with pytest.raises(ValueError) as refused:
        make(*args, **kwargs)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("task", tasks(), ids=lambda task: task.__name__)
def test_numpys_numbers_are_stored_as_pythons(task):
    env = task(episode_length=np.int64(7), threshold=np.float32(0.5), engine="native")
    assert type(env.episode_length) is int and env.episode_length == 7
    assert type(env.threshold) is float and env.threshold == 0.5


def test_numpys_numbers_are_as_good_as_pythons():
    given = dict(cell_size=np.float64(1.5), wall_height=np.int32(1), cells=np.arange(1, 3), engine="native")
    env, same = envs.PointMaze("gen_u_maze", **given), envs.PointMaze("gen_u_maze", 1.5, wall_height=1, cells=(1, 2))
    assert env.maze == same.maze and env.cells == same.cells == (1, 2)
    assert all(type(k) is int for k in env.cells) and type(env.maze.cell_size) is float
    ant = envs.Ant(radius=Fraction(5, 2), healthy_z_range=np.array([0.25, 1.0]), gear=np.uint8(50), engine="native")
    assert (ant.radius, ant.healthy_z_range) == (2.5, (0.25, 1.0)) and type(ant.healthy_z_range[0]) is float
    assert envs.Humanoid(nearest=np.int8(2), farthest=np.float32(3.5), engine="native").distances == (2.0, 3.5)
    vector = envs.GymnasiumVectorEnv(same, np.int64(2))
    assert type(vector.num_envs) is int and vector.reset(seed=0)[0]["desired_goal"].shape == (2, 2)
    assert envs.engine(same.engine.model, np.int32(5)).control_step == same.control_step
    for policy in (envs.UniformPolicy, envs.ZeroPolicy):
        assert type(policy(np.int64(2)).action_size) is int and policy(np.int64(2)) == policy(2)


@pytest.mark.parametrize("value", [True, np.True_, 2.0, np.float64(2.0), "2", None, 0, -1, 2**31, np.array([2]), [2]])
def test_what_is_no_count_is_refused(value):
    said = f"must be a positive integer below 2^31, not {value!r}."
    assert refusal(envs.PointMaze, episode_length=value) == f"`episode_length` {said}"
    assert refusal(envs.GymnasiumVectorEnv, None, value) == f"`num_envs` {said}"
    assert refusal(envs.engine, None, value) == f"`frame_skip` {said}"
    assert refusal(envs.UniformPolicy, value) == refusal(envs.ZeroPolicy, value) == f"`action_size` {said}"
    assert refusal(envs.Renderer, None, 64, value) == f"`height` {said}"


@pytest.mark.parametrize("value", [True, np.True_, "0.5", None, 0, -0.5, np.nan, np.inf, 1j, np.array(0.5), [0.5]])
def test_what_is_no_length_is_refused(value):
    said = f"must be a positive number of metres, not {value!r}."
    assert refusal(envs.ArmPush, threshold=value) == f"`threshold` {said}"
    assert refusal(envs.Maze, "u_maze", value) == f"The cell size {said}"


@pytest.mark.parametrize("value", [1e-7, 5e-324, 1.1e6, 1e300, 10**300])
def test_a_length_has_a_usual_size(value):
    said = f"must lie between 1e-06 and 1e+06 metres, not {value!r}."
    assert refusal(envs.Ant, radius=value) == f"`radius` {said}".replace(repr(10**300), shown(10**300))
    assert refusal(envs.HalfCheetah, goal_x=value) == f"`goal_x` {said}".replace(repr(10**300), shown(10**300))
    assert refusal(envs.Maze, "u_maze", value).startswith("The cell size must lie between 1e-06 and 1e+06 metres")
    assert refusal(envs.Maze, "u_maze", 1.0, wall_height=value).startswith("The wall height must lie between")
    assert refusal(envs.Ant, gear=value).startswith("`gear` must lie between 1e-06 and 1e+06 newton metres")


def shown(number: int) -> str:
    return f"{number!r:.300}... ({len(repr(number)):,} characters)"


@pytest.mark.parametrize(
    ("make", "arguments", "said"),
    [
        (envs.PointMaze, dict(episode_length=HUGE), "2^31, not a number of very many digits (int)."),
        (envs.PointMaze, dict(threshold=HUGE), "number of metres, not a number of very many digits (int)."),
        (envs.AntMaze, dict(cell_size=HUGE), "number of metres, not a number of very many digits (int)."),
        (envs.PointMaze, dict(engine=LONG), CUT + " is unknown; there are auto, native, mjx."),
        (envs.PointMaze, dict(engine=["native"]), "Engine ['native'] is unknown; there are auto, native, mjx."),
        (envs.AntMaze, dict(maze=LONG), CUT + " is neither text with rows nor one of the layouts "),
        (envs.AntMaze, dict(maze=LONG + "/" + LONG), "must have at most 4,096 cells, not 2,000,000."),
        (envs.AntMaze, dict(maze="1/" * 500_000), "must have at most 4,096 cells, not 500,000."),
        # What would turn a terminal red is written out.
        (
            envs.AntMaze,
            dict(maze="11111/1RG\x1b[31m1/11111"),
            r"Maze 11111/1RG\x1b[31m1/11111 is ragged: row 1 has 9 cells",
        ),
        (envs.AntMaze, dict(maze=[LONG]), CUT.replace("2 c", "4 c")),
        (envs.AntMaze, dict(goals=LONG), "capital letters other than R, such as 'G', not 'GGG"),
        (envs.AntMaze, dict(goals=["G"]), "capital letters other than R, such as 'G', not ['G']."),
        (envs.AntMaze, dict(starts=LONG), "Start letters must be R or goal letters (G), such as 'RG', not 'GGG"),
        (envs.AntMaze, dict(starts={"R": 1}), "such as 'RG', not {'R': 1}."),
        (envs.AntCorridor, dict(cells=(1,) * 10**6 + (0,)), "from 1 to 6 in this maze, such as (1, 2), not (1, 1, 1,"),
        (envs.AntCorridor, dict(cells=7), "such as (1, 2), not 7."),
        (envs.Ant, dict(healthy_z_range=(0.0, HUGE)), "such as (0.2, 1.0), not a number of very many digits (tuple)."),
        (
            envs.Ant,
            dict(healthy_z_range=((0.2, 0.3), 1.0)),
            "number of metres, such as (0.2, 1.0), not ((0.2, 0.3), 1.0).",
        ),
        (envs.Ant, dict(healthy_z_range=np.array(0.2)), "number of metres, such as (0.2, 1.0), not array(0.2)."),
        (envs.AntCorridor, dict(cells=np.array(1)), "such as (1, 2), not array(1)."),
        (envs.Ant, dict(healthy_z_range=np.zeros((2, 2))), "a higher number of metres, such as (0.2, 1.0), not array"),
        (envs.ArmPush, dict(level=LONG), "`level` of ArmPush must be one of easy, hard, not 'GGG"),
        (envs.ArmBinpick, dict(level=["easy"]), "`level` of ArmBinpick must be one of easy, hard, not ['easy']."),
        (envs.Pusher, dict(goals={}), "`goals` of Pusher must be one of easy, hard, not {}."),
    ],
)
def test_a_hostile_argument_is_refused_in_a_short_sentence(make, arguments, said):
    message = refusal(make, **arguments)
    assert said in message and len(message) < 1200 and re.search(r"\.$|characters\)", message)
