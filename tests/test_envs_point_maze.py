"""The ball's motion against closed forms."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import envs
from envs.point_maze import RADIUS, SPEED, TIME_CONSTANT

HALL = "/".join(["1" * 30, "1R" + "0" * 27 + "1", "1G" + "0" * 27 + "1", "1" * 30])  # 28 m long


@pytest.fixture(scope="module")
def push():
    """Pushes a resting ball along the hall; x and vx after each control step."""
    env = envs.PointMaze(HALL, engine="native")

    @jax.jit
    def go(action, steps=120):
        state = env.reset(jr.key(0))
        state = eqx.tree_at(lambda s: s.physics.qpos, state, jnp.array([1.0, 1.0]))
        action = jnp.stack([jnp.zeros(()), action])  # columns of the text run along y
        return jax.lax.scan(lambda s, _: ((s := env.step(s, action)), s.obs[jnp.array([1, 3])]), state, length=steps)[1]

    return lambda action: np.asarray(go(jnp.float32(action)), np.float64).T


def test_full_force_leads_to_the_terminal_speed(push):
    _, speed = push(1.0)
    assert speed[-1] == pytest.approx(SPEED, rel=1e-5)
    assert (np.diff(speed) >= -1e-6).all()


def test_half_the_force_leads_to_half_the_speed(push):
    np.testing.assert_allclose(push(0.5), (push(1.0) - [[1], [0]]) * 0.5 + [[1], [0]], rtol=1e-4, atol=1e-5)


def test_the_approach_is_that_of_implicit_euler(push):
    """v after n substeps of h is v_end (1 - (1 + h / tau)^-n): exact, but for rounding to float32."""
    _, speed = push(1.0)
    n = 5 * np.arange(1, len(speed) + 1)
    np.testing.assert_allclose(speed, SPEED * (1 - (1 + 0.01 / TIME_CONSTANT) ** -n), rtol=2e-6)


def test_the_time_constant_is_a_quarter_of_a_second(push):
    """Against the differential equation: v = v_end (1 - exp(-t / tau)), x its integral."""
    x, speed = push(1.0)
    t = 0.05 * np.arange(1, len(speed) + 1)
    decay = np.exp(-t / TIME_CONSTANT)
    np.testing.assert_allclose(speed, SPEED * (1 - decay), atol=0.01 * SPEED)
    np.testing.assert_allclose(x - 1, SPEED * (t - TIME_CONSTANT * (1 - decay)), atol=0.02)
    slope = np.polyfit(t[:20], np.log(1 - speed[:20] / SPEED), 1)[0]
    assert -1 / slope == pytest.approx(TIME_CONSTANT, rel=0.03)


def test_the_ball_slides_along_a_wall_without_catching_on_its_seams():
    """Pushed at 45 degrees into a wall of many boxes, it moves along it as if the wall were one plane."""
    env = envs.PointMaze(HALL, engine="native")
    state = jax.jit(env.reset)(jr.key(0))
    state = eqx.tree_at(lambda s: s.physics.qpos, state, jnp.array([0.5 + RADIUS, 1.0]))
    action = jnp.array([-1.0, 1.0])
    obs = jax.jit(lambda s: jax.lax.scan(lambda s, _: ((s := env.step(s, action)), s.obs), s, length=120)[1])(state)
    along = np.asarray(obs)[60:, 3]
    assert along.min() > 0.97 * SPEED


def test_observation_is_position_and_velocity():
    env = envs.PointMaze(engine="native")
    state = jax.jit(env.reset)(jr.key(1))
    np.testing.assert_array_equal(state.obs, np.concatenate([state.physics.qpos, state.physics.qvel]))
    np.testing.assert_array_equal(state.achieved, state.obs[:2])
    assert (env.episode_length, env.threshold) == (300, 0.35)
