"""Mazes as text, and the walls they become."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import envs
from envs._layouts import LAYOUTS
from envs.ant import ant_model
from envs.point_maze import RADIUS

GOALS = {  # counted by hand in the paper's code
    "u_maze": 6,
    "u_maze_eval": 3,
    "u_maze_single_eval": 1,
    "u_maze_eval_1f2f3f4f5f": 5,
    "u_maze_eval_1f2f3f4f": 4,
    "u_maze_eval_1f2f3f": 3,
    "u_maze_eval_5f6f": 2,
    "u2_maze": 8,
    "u2_maze_eval": 4,
    "u3_maze": 10,
    "u3_maze_eval": 5,
    "u3_maze_single_eval": 1,
    "u4_maze": 10,
    "u4_maze_eval": 4,
    "u5_maze": 16,
    "u5_maze_eval": 8,
    "u5_maze_single_eval": 1,
    "u6_maze": 14,
    "u6_maze_eval": 7,
    "u7_maze": 12,
    "u7_maze_eval": 6,
    "big_maze": 25,
    "big_maze_eval": 9,
    "humanoid_big_maze_eval": 10,
    "hardest_maze": 45,
    "ball_u_maze": 5,
    "ball_big_maze": 20,
    "gen_u_maze": 1,
    "gen_u2_maze": 1,
    "gen_u3_maze": 1,
    "gen_u4_maze": 1,
    "gen_u5_maze": 1,
}


def named(name: str, cell_size: float) -> envs.Maze:
    return envs.Maze(name, cell_size, marks="B" if name.startswith("ball") else "")


def test_every_layout_is_valid_and_has_the_papers_goals():
    assert set(LAYOUTS) == set(GOALS)
    for name, goals in GOALS.items():
        maze = named(name, 4.0)
        assert len(maze.goals) == goals, name
        assert len(maze.starts) == 1, name


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_every_goal_of_a_layout_can_be_walked_to(name):
    cells = named(name, 1.0).cells
    reached, frontier = set(), [tuple(np.argwhere(cells == "R")[0])]
    while frontier:
        i, j = frontier.pop()
        if cells[i, j] != "1" and (i, j) not in reached:
            reached.add((i, j))
            frontier += [(i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)]
    assert {tuple(cell) for cell in np.argwhere(cells == "G")} <= reached


def test_cells_become_positions():
    maze = envs.Maze("1111/1RG1/1111", 2.0)
    np.testing.assert_array_equal(maze.starts, [[2, 2]])  # row 1, column 1, of cells of 2 m
    np.testing.assert_array_equal(maze.goals, [[2, 4]])
    assert len(maze.walls) == 10
    np.testing.assert_array_equal(maze.walls[:4], [[0, 0], [0, 2], [0, 4], [0, 6]])
    np.testing.assert_array_equal(maze.centre, [2, 3])
    np.testing.assert_array_equal(maze.size, [6, 8])


def test_text_may_stand_in_lines():
    lines = """
        1111
        1RG1
        1111
    """
    assert envs.Maze(lines, 1.0) == envs.Maze("1111/1RG1/1111", 1.0)
    assert envs.Maze(lines, 1.0) != envs.Maze("1111/1RG1/1111", 2.0)


def test_start_letters_choose_the_starts():
    assert len(envs.Maze("u_maze", 1.0).starts) == 1
    everywhere = envs.Maze("u_maze", 1.0, starts="RG")
    np.testing.assert_array_equal(everywhere.starts, np.argwhere(everywhere.cells != "1"))
    assert everywhere != envs.Maze("u_maze", 1.0)
    for letters in ("", "X", "0"):
        with pytest.raises(ValueError, match="Start letters must be R or goal letters"):
            envs.Maze("u_maze", 1.0, starts=letters)


def test_goal_letters_choose_the_goals():
    text = "11111/1RGE1/11111"
    with pytest.raises(ValueError, match="unknown letter 'E' at row 1, column 3"):
        envs.Maze(text, 1.0)
    np.testing.assert_array_equal(envs.Maze(text, 1.0, goals="E").goals, [[1, 3]])
    np.testing.assert_array_equal(envs.Maze(text, 1.0, goals="GE").goals, [[1, 2], [1, 3]])


@pytest.mark.parametrize(
    ("text", "goals", "words"),
    [
        ("111/1R1/1G11/111", "G", "ragged: row 2 has 4 cells, row 0 has 3"),
        ("1111/1GG1/1111", "G", "no start"),
        ("1111/1R01/1111", "G", "no goal"),
        ("1111/1RG0/1111", "G", "not closed"),
        ("1011/1RG1/1111", "G", "not closed"),
        ("1111/1RG1/1110", "G", "not closed"),
        ("1111/1RGx/1111", "G", "unknown letter 'x' at row 1, column 3"),
        ("1111/1RG1/1111", "Z", "no cell of goal letter 'Z'"),
        ("1111/1RG1/1111", "R", "Goal letters must be"),
        ("1111/1RG1/1111", "", "Goal letters must be"),
        ("u_mase", "G", "neither text with rows nor one of the layouts"),
        ("", "G", "neither text with rows nor one of the layouts"),
    ],
)
def test_bad_mazes_are_refused_in_one_sentence(text, goals, words):
    with pytest.raises(ValueError, match=words) as refused:
        envs.Maze(text, 1.0, goals)
    assert "\n" not in str(refused.value)
    with pytest.raises(ValueError, match=words):
        envs.AntMaze(text, goals=goals)


@pytest.mark.parametrize("size", [0.0, -1.0, float("inf"), float("nan")])
def test_a_cell_has_a_size(size):
    with pytest.raises(ValueError, match="cell size must be"):
        envs.Maze("u_maze", size)


def test_walls_fill_their_cells_and_are_half_as_high():
    maze = envs.Maze("u_maze", 4.0)
    model = ant_model(maze)
    for k, (x, y) in enumerate(maze.walls):
        wall = model.geom(f"wall_{k}")
        np.testing.assert_allclose(wall.pos, [x, y, 1.0])
        np.testing.assert_allclose(wall.size, [2.0, 2.0, 1.0])  # half sizes: the top is at 2 m
        assert wall.contype[0] == wall.conaffinity[0] == 1
    assert model.ngeom == ant_model(None).ngeom + len(maze.walls)


@pytest.mark.parametrize("make", [envs.PointMaze, envs.AntMaze, envs.HumanoidMaze])
def test_any_walker_gets_any_maze(make):
    """Cells and walls of any size, several starts, goal cells by letter: all that gin says."""
    env = make("11111/1R0E1/1R1G1/11111", cell_size=3.0, goals="E", wall_height=0.75, engine="native")
    wall = env.engine.model.geom("wall_0")
    np.testing.assert_allclose(wall.size, [1.5, 1.5, 0.375])
    np.testing.assert_allclose(wall.pos, [0, 0, 0.375])
    states = jax.jit(jax.vmap(env.reset))(jr.split(jr.key(0), 64))
    np.testing.assert_allclose(states.goal[:, :2], np.broadcast_to([3.0, 9.0], (64, 2)), atol=0.26)
    starts = np.unique(np.round(np.asarray(states.obs)[:, :2] / 3.0), axis=0)
    np.testing.assert_array_equal(starts, [[1, 1], [2, 1]])


def test_walls_are_part_of_a_mazes_identity():
    assert envs.Maze("u_maze", 4.0) == envs.Maze("u_maze", 4.0, wall_height=2.0)
    assert envs.Maze("u_maze", 4.0) != envs.Maze("u_maze", 4.0, wall_height=1.0)
    with pytest.raises(ValueError, match=r"wall height must be a positive number of metres or None, not -1\.0"):
        envs.Maze("u_maze", 4.0, wall_height=-1.0)


def test_marked_cells_must_be_there():
    maze = envs.Maze("11111/1RBG1/11111", 2.0, marks="B")
    np.testing.assert_array_equal(maze.centres("B"), [[2, 4]])
    with pytest.raises(ValueError, match="has no cell 'B', which this task needs"):
        envs.AntBallMaze("u_maze")


def test_contact_caps_come_first_among_the_numerics():
    model = ant_model(envs.Maze("u_maze", 4.0))
    assert [model.numeric(i).name for i in range(model.nnumeric)] == ["max_contact_points", "max_geom_pairs"]
    np.testing.assert_array_equal(model.numeric_data, [16, 16])
    assert ant_model(None).nnumeric == 0


def test_walls_hold_a_ball_at_full_force():
    """In every direction, for a whole episode, from every cell of the most winding maze."""
    env = envs.PointMaze("hardest_maze", engine="native")
    assert env.maze is not None
    free = np.argwhere(env.maze.cells != "1").astype(float)
    angles = np.linspace(0, 2 * np.pi, 8, endpoint=False) + 0.1
    direction = np.stack([np.cos(angles), np.sin(angles)], 1)
    action = jnp.asarray(np.clip(np.tile(direction, (len(free), 1)) * 2, -1, 1), jnp.float32)
    centres = jnp.asarray(np.repeat(free, len(angles), 0), jnp.float32)
    state = jax.jit(jax.vmap(env.reset))(jr.split(jr.key(0), len(centres)))
    state = eqx.tree_at(lambda s: s.physics.qpos, state, centres)

    @jax.jit
    def push(state):
        return jax.lax.scan(lambda s, _: ((s := jax.vmap(env.step)(s, action)), s.obs), state, length=60)[1]

    ball = np.asarray(push(state))[..., :2].reshape(-1, 1, 2)
    outside = np.maximum(np.abs(ball - env.maze.walls) - 0.5, 0)  # to the nearest point of each wall
    gap = np.linalg.norm(outside, axis=-1) - RADIUS
    assert gap.min() > -0.02, "a soft contact may give way by some millimetres, no more"
    assert gap.min(axis=1).max() < 0.6
