"""What happens in these worlds is what happens in the real one: bodies fall, settle, and stop at walls."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import mujoco
import numpy as np
import pytest

import envs


def acted(env: envs.AbstractEnv, state: envs.EnvState, action: jax.Array, steps: int) -> envs.EnvState:
    """All states after 1, ..., `steps` steps under one action, stacked."""

    @jax.jit
    def go(state: envs.EnvState) -> envs.EnvState:
        def one(state: envs.EnvState, _: None) -> tuple[envs.EnvState, envs.EnvState]:
            state = env.step(state, action)
            return state, state

        return jax.lax.scan(one, state, length=steps)[1]

    return go(state)


@pytest.mark.parametrize("make", [envs.Humanoid, envs.HumanoidMaze])
def test_a_standing_humanoid_falls_and_that_ends_its_episode(make):
    env = make(engine="native")
    states = acted(env, jax.jit(env.reset)(jr.key(0)), jnp.zeros(17), round(3 / env.control_step))
    fallen = np.flatnonzero(states.terminated)[0] * env.control_step
    # Its torso falls from 1.4 m to 1 m: no faster than freely, and within the time in which a rod topples.
    assert np.sqrt(2 * 0.4 / 9.81) - env.control_step <= fallen <= 2.0


@pytest.mark.parametrize("make", [envs.Ant, envs.AntBall, envs.AntPush])
def test_an_ant_without_torque_settles_on_its_feet(make):
    env = make(engine="native")
    states = acted(env, jax.jit(env.reset)(jr.key(0)), jnp.zeros(8), 1000)
    assert not np.asarray(states.terminated).any()
    # Its joints are damped so much that its legs give way for half a minute, a few millimetres a second.
    assert np.abs(states.physics.qvel[-100:]).max() < 1e-3
    assert 0.36 < float(states.obs[-1, 2]) < 0.40


@pytest.mark.parametrize("make", [envs.Ant, envs.Humanoid, envs.HalfCheetah, envs.AntBall])
def test_energy_does_not_grow_in_a_free_fall(make):
    model = make(engine="native").engine.model
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT
    model.opt.enableflags |= mujoco.mjtEnableBit.mjENBL_ENERGY
    data = mujoco.MjData(model)
    rng = np.random.default_rng(0)
    data.qvel[:] = 0.5 * rng.normal(size=model.nv)
    energies = []
    for _ in range(100):
        mujoco.mj_step(model, data)
        mujoco.mj_forward(model, data)
        energies.append(data.energy.sum())
    moving = data.energy[1]
    assert moving > 1.0, "it has fallen"
    assert np.diff(energies).max() < 1e-3 * moving


def test_a_cube_that_falls_gains_no_energy_and_comes_to_rest():
    env = envs.ArmPush(engine="native")
    state = jax.jit(env.reset)(jr.key(0))
    cube = env.engine.model.joint("cube").qposadr[0] + jnp.arange(3)
    lifted = state.physics.qpos.at[cube].set(jnp.array([-0.5, 0.5, 0.4]))  # beside the arm
    state = eqx.tree_at(lambda s: s.physics.qpos, state, lifted)
    states = acted(env, state, jnp.array([0.0, -0.5, 0.0, 0.0, -1.0]), 40)
    height = np.asarray(states.obs[:, 2])
    assert height.max() <= 0.4 and height[-1] == pytest.approx(0.03, abs=1e-3)
    fell = 0.4 - 9.81 * (np.arange(1, 5) * 0.05) ** 2 / 2
    np.testing.assert_allclose(height[:4], fell, atol=0.02)


@pytest.mark.parametrize("engine", ["native", "mjx"])
@pytest.mark.parametrize("force", [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0), (1.0, 1.0)])
def test_walls_hold_a_ball_pushed_at_full_force(engine, force, held):
    env, run = held[engine]
    xy = np.asarray(run(jnp.array(force)))
    low, high = env.maze.cell_size / 2 + 0.15, 1.5 * env.maze.cell_size - 0.15  # a room of one cell, less the radius
    assert (xy > low - 0.01).all() and (xy < high + 0.01).all()
    pushed = np.asarray(force) != 0
    assert (np.abs(xy[-1] - 1.0)[pushed] > 0.34).all(), "it leans on the wall"


@pytest.fixture(scope="module")
def held():
    """A ball in a closed cell, in both engines: 500 steps under one force."""
    rooms = {}
    for engine in ("native", "mjx"):
        env = envs.PointMaze("111/1R1/111/1G1/111", starts="G", engine=engine)

        @jax.jit
        def run(force: jax.Array, env: envs.PointMaze = env) -> jax.Array:
            state = env.reset(jr.key(0))
            state = eqx.tree_at(lambda s: s.physics.qpos, state, jnp.array([1.0, 1.0]))

            def one(state: envs.EnvState, _: None) -> tuple[envs.EnvState, jax.Array]:
                state = env.step(state, force)
                return state, state.obs[:2]

            return jax.lax.scan(one, state, length=500)[1]

        rooms[engine] = env, run
    return rooms


def test_a_kicked_ball_rolls_to_a_stop_and_walls_hold_it():
    env = envs.AntBallMaze(engine="native")
    state = jax.jit(env.reset)(jr.key(0))
    start = np.asarray(state.achieved)
    state = eqx.tree_at(lambda s: s.physics.qvel, state, state.physics.qvel.at[-1].set(1.0))
    ball = np.asarray(acted(env, state, jnp.zeros(8), 100).obs[:, 29:31])
    assert ball[19, 1] - start[1] == pytest.approx(1 - np.exp(-1), abs=0.03)  # after 1 s, its time constant
    assert ball[-1, 1] - start[1] == pytest.approx(1.0, abs=0.03)
    fast = eqx.tree_at(lambda s: s.physics.qvel, state, state.physics.qvel.at[-1].set(30.0))
    ball = np.asarray(acted(env, fast, jnp.zeros(8), 100).obs[:, 29:31])
    assert ball[:, 1].max() < 3.5 * 4.0 - 0.5 + 0.1, "the wall of the third column, less the radius"


def test_the_block_slides_where_it_is_pushed_and_stops_at_walls():
    env = envs.AntPush(engine="native")
    state = jax.jit(env.reset)(jr.key(0))
    np.testing.assert_allclose(state.obs[29:31], 16.0)
    state = eqx.tree_at(lambda s: s.physics.qvel, state, state.physics.qvel.at[-2].set(17.5))
    block = np.asarray(acted(env, state, jnp.zeros(8), 100).obs[:, 29:31])
    assert block[-1, 0] == pytest.approx(24.4, abs=0.1), "the next cell, and up to its wall"
    np.testing.assert_allclose(block[:, 1], 16.0, atol=0.1)
