"""The ant and the humanoid: what they see, how they act, when they have fallen."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import mujoco
import numpy as np
import pytest

import envs


@pytest.fixture(scope="module")
def humanoid():
    return envs.Humanoid(engine="native")


@pytest.mark.parametrize(
    ("make", "low", "high"), [(envs.Ant, 0.2, 1.0), (envs.AntMaze, 0.2, 1.0), (envs.Humanoid, 1.0, 2.0)]
)
def test_an_episode_ends_when_the_torso_leaves_its_range_of_heights(make, low, high):
    env = make(engine="native")
    physics = jax.tree.map(lambda x: jnp.zeros(x.shape), jax.eval_shape(env.begin, jr.key(0))[0])
    heights = [low - 1e-3, low + 1e-3, high - 1e-3, high + 1e-3, np.nan]
    placed = [eqx.tree_at(lambda p: p.qpos, physics, physics.qpos.at[2].set(z)) for z in heights]
    fallen = [bool(env.is_terminal(one, {})) for one in placed]
    assert fallen == [True, False, False, True, True]


@pytest.mark.parametrize("make", [envs.Ant, envs.AntMaze])
def test_an_ant_on_its_back_has_fallen_where_the_range_says_so(make):
    """It lies at 0.27 m, and zero torque never turns it over; upright it settles above 0.33 m."""
    tolerant, strict = make(engine="native"), make(engine="native", healthy_z_range=[0.33, 1.0])
    assert strict.healthy_z_range == (0.33, 1.0)
    for quaternion, height in (((0.0, 1.0, 0.0, 0.0), 0.4), ((1.0, 0.0, 0.0, 0.0), 0.55)):
        state = jax.jit(tolerant.reset)(jr.key(0))
        qpos = state.physics.qpos.at[2].set(height).at[3:7].set(jnp.array(quaternion))
        state = eqx.tree_at(lambda s: s.physics.qpos, state, qpos)
        step = jax.jit(tolerant.step)
        for _ in range(60):
            state = step(state, jnp.zeros(8))
        assert not bool(tolerant.is_terminal(state.physics, {}))
        assert bool(strict.is_terminal(state.physics, {})) == (quaternion[1] == 1.0)


@pytest.mark.parametrize("make", [envs.Ant, envs.AntMaze])
def test_gear_is_the_full_torque_of_every_motor(make):
    assert (make(engine="native").engine.model.actuator_gear[:, 0] == 150).all()
    assert (make(engine="native", gear=50.0).engine.model.actuator_gear[:, 0] == 50).all()
    with pytest.raises(ValueError, match="`gear` must be a positive number of newton metres, not 0"):
        make(engine="native", gear=0.0)


@pytest.mark.parametrize("heights", [(0.33,), (1.0, 0.3), (0.3, 0.4, 0.5), (0.3, float("nan"))])
def test_a_range_of_heights_is_two_rising_numbers(heights):
    with pytest.raises(ValueError, match="`healthy_z_range` must be a lower and a higher number of metres"):
        envs.AntMaze(healthy_z_range=heights)


def test_a_fall_terminates_a_step_but_is_not_unstable():
    env = envs.Ant(engine="native")
    state = jax.jit(env.reset)(jr.key(0))
    lifted = eqx.tree_at(lambda s: s.physics.qpos, state, state.physics.qpos.at[2].set(1.5))
    state = jax.jit(env.step)(lifted, jnp.zeros(8))
    assert bool(state.terminated) and not bool(state.unstable)


def test_the_ant_sees_positions_and_velocities():
    env = envs.Ant(engine="native")
    state = jax.jit(env.reset)(jr.key(0))
    np.testing.assert_array_equal(state.obs, np.concatenate([state.physics.qpos, state.physics.qvel]))
    np.testing.assert_array_equal(state.achieved, state.physics.qpos[:2])
    assert (env.episode_length, env.threshold) == (1000, 0.5)


def test_the_humanoid_sees_what_mujoco_computes(humanoid):
    """The layout, against MuJoCo itself, after some steps."""
    state = jax.jit(humanoid.reset)(jr.key(0))
    step = jax.jit(humanoid.step)
    action = jr.uniform(jr.key(1), (17,), minval=-1)
    data = mujoco.MjData(humanoid.engine.model)
    data.qpos[2] = 1.4
    for _ in range(8):
        state = step(state, action)
        data.ctrl[:] = 0.4 * np.asarray(action)
        mujoco.mj_step(humanoid.engine.model, data, 10)
    forces = data.qfrc_actuator.copy()
    mujoco.mj_forward(humanoid.engine.model, data)
    parts = (data.qpos, data.qvel, data.cinert[1:].ravel(), data.cvel[1:].ravel(), forces)
    assert [part.size for part in parts] == [24, 23, 130, 78, 23]
    np.testing.assert_allclose(state.obs, np.concatenate(parts), rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(state.achieved, state.obs[:3])


def test_the_humanoids_actions_fill_its_control_range(humanoid):
    for action, ctrl in ((-1.0, -0.4), (0.0, 0.0), (0.5, 0.2), (1.0, 0.4)):
        np.testing.assert_allclose(humanoid.control(jnp.full(17, action)), ctrl, atol=1e-7)


def test_the_humanoids_goal_is_three_dimensional(humanoid):
    achieved = jnp.array([1.0, 2.0, 1.25])
    assert bool(humanoid.is_success(achieved, jnp.array([1.3, 2.3, 1.4])))  # 0.45 m away
    assert not bool(humanoid.is_success(achieved, jnp.array([1.3, 2.3, 1.6])))  # 0.55 m


@pytest.mark.parametrize("make", [envs.PointMaze, envs.Ant, envs.AntMaze, envs.Humanoid])
def test_every_model_has_the_options_both_engines_agree_under(make):
    model = make(engine="native").engine.model
    assert model.opt.solver == mujoco.mjtSolver.mjSOL_NEWTON
    assert model.opt.integrator == mujoco.mjtIntegrator.mjINT_EULER
    assert (model.opt.iterations, model.opt.ls_iterations) == (100, 50)
    assert model.opt.disableflags == mujoco.mjtDisableBit.mjDSBL_AUTORESET
    assert "init_qpos" not in [model.numeric(i).name for i in range(model.nnumeric)]
