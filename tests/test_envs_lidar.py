"""The range beams of the ball's maze: against MuJoCo's rays and numbers by hand, and what they leave unseen."""

import jax
import jax.numpy as jnp
import jax.random as jr
import mujoco
import numpy as np
import pytest

import envs
import evaluation
from envs._layouts import LAYOUTS
from envs.point_maze import RADIUS, point_model
from envs.point_maze_lidar import BEAMS, PointMazeLidar, wall_boxes, wall_distances

OWN = "1111111/1R00101/1010001/100G111/1111111"
MAZES = [("u_maze", 1.0), ("big_maze", 1.0), ("hardest_maze", 1.0), (OWN, 1.7)]
# Two dead ends of one corridor. Along +x and through the opening both show the same walls.
TWINS = "111111111/100000001/110111011/11R111G11/111111111"


def seen(env: PointMazeLidar, xy, qvel=(0.0, 0.0)) -> envs.EnvState:
    """The state of a ball put at a place."""
    physics = envs.Physics(jnp.array(xy), jnp.array(qvel), jnp.zeros(2))
    return jax.jit(env.advance)(physics, jnp.zeros(2), jnp.zeros(2), jnp.ones((), bool))


def rays(maze: envs.Maze, places: np.ndarray) -> np.ndarray:
    """The same distances from MuJoCo's ray casts on the compiled model, [place, beam]."""
    model = point_model(maze)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    ball, geom = model.body("ball").id, np.zeros(1, np.int32)
    angles = 2 * np.pi * np.arange(BEAMS) / BEAMS
    return np.array(
        [
            [
                mujoco.mj_ray(model, data, [x, y, RADIUS], [np.cos(a), np.sin(a), 0], None, True, ball, geom)
                for a in angles
            ]
            for x, y in places
        ]
    )


@pytest.mark.parametrize(("text", "cell_size"), MAZES, ids=["u_maze", "big_maze", "hardest_maze", "own"])
def test_beams_are_mujocos_rays(text, cell_size):
    maze = envs.Maze(text, cell_size)
    rng, free = np.random.default_rng(0), np.argwhere(maze.cells != "1") * cell_size
    places = free[rng.integers(len(free), size=200)] + rng.uniform(-1, 1, (200, 2)) * (cell_size / 2 - RADIUS)
    expected = rays(maze, places)
    assert (expected > 0).all() and expected.max() > 2 * cell_size
    with jax.enable_x64(True):
        exact = jax.vmap(lambda xy: wall_distances(maze, xy))(jnp.asarray(places))
    np.testing.assert_allclose(exact, expected, rtol=1e-12, atol=1e-12)
    single = jax.vmap(lambda xy: wall_distances(maze, xy))(jnp.asarray(places, jnp.float32))
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(single, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("x", "y"), [(0.65, 0.65), (0.5001, 0.5001), (0.5 + 1e-6, 1.2), (1.2, 3.4999), (2.0, 2.500001)]
)
def test_beams_in_a_corner_and_at_a_wall(x, y):
    """Where a ball leans on walls, and nearer to them than any ball gets."""
    maze = envs.Maze("u_maze", 1.0)
    with jax.enable_x64(True):
        np.testing.assert_allclose(
            wall_distances(maze, jnp.array([x, y])), rays(maze, np.array([[x, y]]))[0], rtol=1e-9
        )


def test_beams_in_one_room_by_hand():
    """The room is 1 m along x, from 0.5 to 1.5, and 2 m along y, from 0.5 to 2.5."""
    env = PointMazeLidar("1111/1RG1/1111", engine="native")
    obs = np.asarray(seen(env, (1.0, 1.0), (0.25, -0.5)).obs)
    by_hand = {
        0: 0.5,  # +x
        2: 0.5 / np.cos(np.pi / 8),
        4: np.sqrt(0.5),  # 45 degrees: the side at x = 1.5
        6: 0.5 / np.cos(3 * np.pi / 8),
        7: 1.5 / np.sin(7 * np.pi / 16),  # past x = 1.5 only at 2.56 m
        8: 1.5,  # +y
        12: np.sqrt(0.5),
        16: 0.5,  # -x
        20: np.sqrt(0.5),  # into the corner at (0.5, 0.5)
        24: 0.5,  # -y
        28: np.sqrt(0.5),
    }
    np.testing.assert_allclose(obs[list(by_hand)], list(by_hand.values()), rtol=1e-6)
    np.testing.assert_array_equal(obs[[0, 8, 16, 24]], [0.5, 1.5, 0.5, 0.5])
    np.testing.assert_array_equal(obs[BEAMS:], [0.25, -0.5])


def test_the_start_of_the_u_maze_looks_like_its_far_end():
    """Both are the closed end of an arm, and no beam meets the bend: only a memory can tell them apart."""
    env = PointMazeLidar(engine="native")
    start, end = seen(env, (1.0, 1.0)), seen(env, (3.0, 1.0))
    np.testing.assert_array_equal(start.obs, end.obs)
    np.testing.assert_array_equal((start.achieved, end.achieved), [[1, 1], [3, 1]])
    assert [1, 1] in env.maze.starts.tolist() and [3, 1] in env.maze.goals.tolist()


def test_the_observation_does_not_tell_the_place():
    env = PointMazeLidar(TWINS, engine="native")
    one, other = seen(env, (3.0, 2.0)), seen(env, (3.0, 6.0))
    np.testing.assert_array_equal(one.obs, other.obs)
    np.testing.assert_array_equal(one.achieved, [3, 2])
    np.testing.assert_array_equal(other.achieved, [3, 6])
    elsewhere = seen(env, (1.0, 2.0)), seen(env, (1.0, 6.0))
    assert (elsewhere[0].obs != elsewhere[1].obs).any(), "from the corridor its ends are seen"


def test_beams_are_cut_at_the_range():
    full, short = (PointMazeLidar(max_range=m, engine="native") for m in (10.0, 1.2))
    obs, cut = (np.asarray(seen(env, (1.0, 3.0), (3.0, -3.0)).obs) for env in (full, short))
    assert (obs[:BEAMS] > 1.2).any() and (obs[:BEAMS] < 1.2).any()
    np.testing.assert_array_equal(cut, np.append(np.minimum(obs[:BEAMS], np.float32(1.2)), obs[BEAMS:]))
    for value in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError) as refused:
            PointMazeLidar(max_range=value)
        assert str(refused.value) == f"`max_range` must be a positive number of metres, not {value!r}."


def test_ten_metres_cut_no_beam_in_a_layout_of_the_paper():
    rng = np.random.default_rng(0)
    for name in ("u5_maze", "u3_maze", "big_maze", "hardest_maze"):  # the longest
        maze = envs.Maze(name, 1.0)
        free = np.argwhere(maze.cells != "1")
        places = np.concatenate(
            [free, free[rng.integers(len(free), size=5_000)] + rng.uniform(-0.35, 0.35, (5_000, 2))]
        )
        assert jax.vmap(lambda xy, maze=maze: wall_distances(maze, xy))(jnp.asarray(places, jnp.float32)).max() < 8


def test_all_but_the_observation_is_that_of_the_plain_task():
    given = dict(maze="big_maze", starts="RG", goals="G", engine="native")
    for arguments in (given, dict(maze="gen_u_maze", cells=(1, 2, 3), engine="native")):
        plain, lidar = envs.PointMaze(**arguments), PointMazeLidar(**arguments)
        assert (plain.maze, plain.cells, plain.threshold) == (lidar.maze, lidar.cells, lidar.threshold)

        def run(key, env):
            state = jax.vmap(env.reset)(jr.split(key, 16))
            action = jr.uniform(key, (10, 16, 2), minval=-1)
            return jax.lax.scan(lambda s, a: ((s := jax.vmap(env.step)(s, a)), s), state, action)[1]

        one, other = (jax.jit(run, static_argnums=1)(jr.key(1), env) for env in (plain, lidar))
        for name in ("physics", "achieved", "goal", "terminated", "unstable"):
            jax.tree.map(np.testing.assert_array_equal, getattr(one, name), getattr(other, name))
        np.testing.assert_array_equal(other.obs[..., BEAMS:], one.obs[..., 2:])


def test_a_wrong_argument_is_refused_in_the_tasks_own_name():
    with pytest.raises(ValueError, match="`cell_size` of PointMazeLidar must be at least"):
        PointMazeLidar(cell_size=0.1)
    with pytest.raises(ValueError) as refused:
        PointMazeLidar("gen_u_maze", starts="RG", cells=(1,))
    assert str(refused.value) == "`starts` and `goals` must be 'R' and 'G' where `cells` draws both, not 'RG' and 'G'."


def test_both_engines_observe_the_same():
    def run(key, env):
        state = env.reset(key)
        return state.obs, env.step(state, jnp.array([1.0, -0.5])).obs

    native, mjx = (jax.jit(run, static_argnums=1)(jr.key(2), PointMazeLidar(engine=e)) for e in ("native", "mjx"))
    np.testing.assert_array_equal(native[0], mjx[0])
    np.testing.assert_allclose(native[1], mjx[1], rtol=1e-5, atol=1e-5)


def test_distances_inside_a_wall_and_outside_of_the_maze():
    maze = envs.Maze("u_maze", 1.0)
    np.testing.assert_array_equal(wall_distances(maze, jnp.array([2.0, 1.0])), 0)
    outside = np.asarray(wall_distances(maze, jnp.array([-2.0, 2.0])))
    assert outside[0] == 1.5 and np.isinf(outside[8:25]).all()


@pytest.mark.parametrize(
    "text", ["u_maze", "hardest_maze", OWN, TWINS, LAYOUTS["u_maze"].replace("11111/", "11111/" * 3, 1)]
)
def test_boxes_cover_the_walls_that_touch_free_cells_and_no_free_cell(text):
    maze = envs.Maze(text, 1.0)
    low, high = wall_boxes(maze)
    centres = np.argwhere(maze.cells != "")
    inside = ((centres[:, None] > low) & (centres[:, None] < high)).all(axis=2).any(axis=1).reshape(maze.cells.shape)
    free = maze.cells != "1"
    assert not (inside & free).any()
    for i, j in np.argwhere(~free):
        touches = free[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2].any()
        assert inside[i, j] == touches
    assert len(low) < (~free).sum() / 2
    assert text != "u_maze" or len(low) == 5


def test_gymnasium_gives_the_achieved_goal_beside_the_beams():
    env = envs.GymnasiumVectorEnv(PointMazeLidar(episode_length=3, engine="native"), 4)
    assert env.single_observation_space["observation"].shape == (BEAMS + 2,)
    assert env.single_observation_space["achieved_goal"].shape == (2,)
    first, _ = env.reset(seed=0)
    observation, reward, *_ = env.step(np.ones((4, 2)))
    assert observation in env.observation_space
    np.testing.assert_allclose(first["achieved_goal"], np.ones((4, 2)), atol=0.21)  # the start's cell
    assert (observation["achieved_goal"] != first["achieved_goal"]).all()
    computed = env.compute_reward(observation["achieved_goal"], observation["achieved_goal"], None)
    np.testing.assert_array_equal((reward, computed), (np.zeros(4), np.ones(4)))


def test_value_maps_know_where_the_agent_is():
    env = PointMazeLidar()
    places, maps = evaluation.value_maps(env, lambda obs, goal: obs[0], jr.key(0))
    beams = jax.vmap(lambda xy: wall_distances(env.maze, xy))(jnp.asarray(places.xy, jnp.float32))
    assert len(maps) == len(env.maze.goals)
    np.testing.assert_allclose(maps[0].energy, beams[:, 0], rtol=1e-6)


def test_a_film_shows_the_ball():
    env = PointMazeLidar(episode_length=6)
    content, how = evaluation.film(env, lambda obs, goal, key: obs[BEAMS:] + 1, jr.key(0), agents=2)
    assert how == "Rendered by MuJoCo." or how.startswith("Drawn in 2-D from the states. M")
    assert len(content) > 1000
