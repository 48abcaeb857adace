"""The pusher says where things are from its joints; MuJoCo says it from its whole state."""

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

import envs


def test_fingertips_and_object_are_where_mujoco_has_them():
    env = envs.Pusher()
    model = env.engine.model
    data = mujoco.MjData(model)
    states = np.random.default_rng(0).uniform(-3, 3, (50, model.nq))
    there = []
    for data.qpos in states:
        mujoco.mj_kinematics(model, data)
        there.append([*data.body("tips_arm").xpos, *data.body("object").xpos])
    with jax.enable_x64(True):
        zeros = jnp.zeros_like(jnp.asarray(states))
        observe = jax.vmap(lambda qpos, zero: env.observe(envs.Physics(qpos, zero, zero), {}))
        obs = observe(jnp.asarray(states), zeros)
    np.testing.assert_allclose(obs[:, 7:13], there, atol=1e-12)
