"""The two engines are one simulator: MuJoCo in C and MuJoCo in JAX, in double precision, solvers
converged.
"""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from quick import quick_jit

import envs
from envs._engine import engine
from envs.ant import ant_model
from envs.humanoid import humanoid_model
from envs.point_maze import point_model

ROWS = 16


def differences(model, states, substeps, fields=()):
    """Steps both engines from the same states, under the same controls, one substep at a time.

    Returns the largest difference in `qpos` and `qvel`, and in the fields, [substeps, rows]; and the share
    of rows in contact at some time.
    """
    qpos, qvel = states
    rng = np.random.default_rng(7)
    with jax.enable_x64(True):
        engines = [engine(model, 1, fields, name) for name in ("native", "mjx")]
        steps = [quick_jit(jax.vmap(e.advance)) for e in engines]
        start = jax.vmap(envs.Physics)(*map(jnp.asarray, (qpos, qvel, np.zeros_like(qvel))))
        physics, live = [start, start], jnp.zeros(len(qpos), bool)
        apart, fields_apart = [], []
        for t in range(substeps):
            if t % 5 == 0:
                ctrl = jnp.asarray(rng.uniform(-1, 1, (len(qpos), model.nu)))
            (a, fa, _), (b, fb, _) = (step(p, ctrl, live) for step, p in zip(steps, physics, strict=True))
            physics = [a, b]
            apart.append(np.maximum(np.abs(a.qpos - b.qpos).max(1), np.abs(a.qvel - b.qvel).max(1)))
            for name in fields:
                fields_apart.append(np.abs(np.asarray(fa[name] - fb[name])).reshape(len(qpos), -1).max(1))
    return np.stack(apart), np.array(fields_apart)


def walked(model, frame_skip, qpos, qvel, steps, scale=1.0):
    """States after `steps` control steps of random controls: where an agent is, rather than where it
    starts.
    """
    rng = np.random.default_rng(3)
    native = engine(model, frame_skip, (), "native")
    with jax.enable_x64(True):
        physics = jax.vmap(envs.Physics)(*map(jnp.asarray, (qpos, qvel, np.zeros_like(qvel))))
        advance = quick_jit(jax.vmap(native.advance))
        for _ in range(steps):
            ctrl = jnp.asarray(scale * rng.uniform(-1, 1, (len(qpos), model.nu)))
            physics = advance(physics, ctrl, jnp.zeros(len(qpos), bool))[0]
        return np.asarray(physics.qpos), np.asarray(physics.qvel)


def report(name, apart):
    last = apart[-1]
    print(
        f"\n{name}: after {len(apart)} substeps, {apart.shape[1]} states: median {np.median(last):.1e},"
        f" max {last.max():.1e}, below 1e-9 in {np.mean(last < 1e-9):.0%}"
    )


def balls(maze):
    """Balls beside and away from walls, moving in all directions."""
    rng = np.random.default_rng(0)
    cells = np.argwhere(maze.cells != "1")
    xy = cells[rng.integers(len(cells), size=ROWS)] + rng.uniform(-0.34, 0.34, (ROWS, 2))
    return xy, rng.normal(size=(ROWS, 2))


def test_the_ball_is_the_same_in_both_engines():
    maze = envs.Maze("u_maze", 1.0)
    apart, _ = differences(point_model(maze), balls(maze), 100)
    report("point u-maze", apart)
    assert np.median(apart[-1]) < 1e-12
    assert apart.max() < 1e-6


def ants(model, height=0.55):
    pose = [0, 0, height, 1, 0, 0, 0, 0, 1, 0, -1, 0, -1, 0, 1]
    rng = np.random.default_rng(1)
    qpos = np.tile(pose, (4 * ROWS, 1)) + rng.uniform(-0.05, 0.05, (4 * ROWS, model.nq))
    return qpos, 0.1 * rng.normal(size=(4 * ROWS, model.nv))


@pytest.mark.proof
def test_the_ant_is_the_same_in_both_engines():
    """By the median. A minority of states parts at once: where a capsule stands steeper than 60 degrees on a
    plane, the engines turn the pyramid that bounds friction differently, which is a convention and no error
    of either.
    """
    model = ant_model(None)
    apart, _ = differences(model, walked(model, 5, *ants(model), 60), 100)
    report("ant", apart)
    assert np.median(apart[0]) < 1e-13
    assert np.median(apart[-1]) < 1e-10
    assert np.mean(apart[-1] < 1e-9) > 0.6


@pytest.mark.proof
def test_contact_caps_miss_no_contact_of_the_ant_in_a_maze():
    """The capped MJX model parts from the native one, which has no caps, no more often than on the open
    plane.
    """
    maze = envs.Maze("u_maze", 4.0)
    model = ant_model(maze)
    qpos, qvel = ants(model)
    rng = np.random.default_rng(2)
    cells = np.argwhere(maze.cells != "1") * 4.0
    corner = rng.choice([-1.55, 1.55], (len(qpos), 2))  # legs reach over the wall's edge at 2 m
    qpos[:, :2] += cells[rng.integers(len(cells), size=len(qpos))] + corner
    apart, _ = differences(model, walked(model, 5, qpos, qvel, 40), 100)
    report("ant u-maze, capped", apart)
    assert np.median(apart[0]) < 1e-13
    assert np.median(apart[-1]) < 1e-9


@pytest.mark.proof
def test_the_humanoid_and_its_fields_are_the_same_in_both_engines():
    model = humanoid_model()
    rng = np.random.default_rng(4)
    qpos = model.qpos0 + np.zeros((ROWS, model.nq))
    qpos[:, 7:] += rng.uniform(-0.05, 0.05, (ROWS, model.nq - 7))
    states = walked(model, 10, qpos, np.zeros((ROWS, model.nv)), 15, scale=0.4)
    apart, fields = differences(model, states, 100, ("xpos", "cinert", "cvel", "qfrc_actuator"))
    report("humanoid", apart)
    print(f"fields: median {np.median(fields[-4:]):.1e}")
    assert np.median(apart[-1]) < 1e-9
    assert np.median(fields[:4]) < 1e-12


def test_the_jax_engine_keeps_the_contract():
    """In one program: fresh rows, live rows, exploded rows; and it loads MJX only when chosen."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys, envs; envs.PointMaze(); assert 'mujoco.mjx' not in sys.modules"],
        timeout=120,
    )
    assert done.returncode == 0
    env = envs.PointMaze(engine="mjx")
    other = envs.PointMaze(engine="native")
    assert env.engine.name == "mjx" and env.engine.control_step == other.engine.control_step
    qpos, qvel = (np.asarray(x, np.float32) for x in balls(envs.Maze("u_maze", 1.0)))
    qvel[0] = 1e12, 0
    qvel[1] = np.nan
    physics = jax.vmap(envs.Physics)(*map(jnp.asarray, (qpos, qvel, qvel)))
    fresh = jnp.arange(ROWS) % 4 == 3
    ctrl = jnp.full((ROWS, 2), 0.5)
    (p, _, bad), (q, _, worse) = (
        quick_jit(jax.vmap(e.engine.advance))(physics, ctrl, fresh) for e in (env, other)
    )
    np.testing.assert_array_equal(bad, np.arange(ROWS) < 2)
    np.testing.assert_array_equal(bad, worse)
    np.testing.assert_array_equal(p.qpos[:2], qpos[:2])
    np.testing.assert_array_equal(p.qpos[3::4], qpos[3::4])
    np.testing.assert_array_equal(p.qacc_warmstart[3::4], 0)
    np.testing.assert_allclose(p.qpos, q.qpos, atol=1e-5)


def test_mjx_has_contacts_in_a_maze():
    from envs._mjx import MJXEngine

    maze = envs.Maze("u_maze", 4.0)
    assert MJXEngine(ant_model(maze), 5, ())._compiled.blank._impl.contact.dist.shape[0] >= 12


def test_a_cap_that_mjx_misreads_is_found():
    """MJX takes `max_contact_points` from the wrong number when another numeric stands before it."""
    import mujoco

    from envs._mjcf import cap_contacts, compile_model, gymnasium_spec
    from envs._mjx import MJXEngine

    spec = gymnasium_spec("ant")  # with its numeric of 15 numbers, the first two of them zero
    with pytest.raises(ValueError, match="'init_qpos' would stand before"):
        cap_contacts(spec)
    spec.add_numeric(name="max_contact_points", size=1, data=[12])
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    with pytest.raises(ValueError, match="allots no contacts"):
        MJXEngine(compile_model(spec, 0.01), 5, ())
