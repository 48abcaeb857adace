"""Where things are in space: the bodies of a model, and goals of any size."""

import jax
import jax.numpy as jnp
import jax.random as jr
import mujoco
import numpy as np
import pytest
from blank_env import BlankEnv

import envs


def test_bodies_are_where_mujoco_has_them():
    env = envs.Ant()
    bodies = envs.Bodies(env)
    data = mujoco.MjData(env.engine.model)
    for seed in range(2):
        data.qpos[:] = np.asarray(env.reset(jr.key(seed)).physics.qpos)
        mujoco.mj_forward(env.engine.model, data)
        positions, rotations = bodies(data.qpos.copy())
        np.testing.assert_allclose(positions, data.xpos, atol=1e-12)
        np.testing.assert_allclose(rotations.reshape(-1, 9), data.xmat, atol=1e-12)


def test_who_draws_may_change_colours():
    env = envs.Ant()
    bodies = envs.Bodies(env)
    bodies.model.geom_rgba[:] = 0.5
    assert not np.allclose(env.engine.model.geom_rgba, 0.5)


def test_without_a_model_there_are_no_bodies():
    with pytest.raises(envs.NoRenderer, match="'still' has no MuJoCo model"):
        envs.Bodies(BlankEnv(2, 2, 2))


@pytest.mark.parametrize(
    ("env", "goal", "position"),
    [
        (BlankEnv(4, 1, 2), [2.0], [2.0, 0.0, 0.0]),
        (BlankEnv(4, 2, 2), [2.0, 3.0], [2.0, 3.0, 0.0]),
        (BlankEnv(4, 3, 2), [2.0, 3.0, 4.0], [2.0, 3.0, 4.0]),
        (envs.ArmGrasp(), [1.0, 2.0, 3.0, 3.0, 2.0, 5.0, 0.1], [2.0, 2.0, 4.0]),
    ],
)
def test_where_a_goal_is(env, goal, position):
    np.testing.assert_allclose(jax.jit(env.goal_position)(jnp.array(goal)), position)
