"""The two engines are one simulator: MuJoCo in C and MuJoCo in JAX, in double precision, solvers
converged.
"""

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

import envs
from envs._engine import engine
from envs._mjcf import cap_contacts, compile_model, gymnasium_spec
from envs._mjx import MJXEngine, _lenient
from envs.ant import ant_model
from envs.humanoid import humanoid_model
from envs.point_maze import point_model

ROWS = 16
ENGINES = ("native", "mjx")


def compiled(model, frame_skip=5, fields=()):
    """`advance` of both engines over a batch, in double precision."""
    model.opt.tolerance = 1e-14  # what is compared is the solution, and not where each solver stops
    with jax.enable_x64(True):
        return [jax.jit(jax.vmap(engine(model, frame_skip, fields, name).advance)) for name in ENGINES]


def physics_of(qpos, qvel):
    return jax.vmap(envs.Physics)(*map(jnp.asarray, (qpos, qvel, np.zeros_like(qvel))))


def differences(steps, nu, states, calls=20):
    """Steps both engines from the same states under the same controls.

    Returns the largest difference in `qpos` and `qvel`, and in any field, after each call: two arrays
    [calls, rows].
    """
    rng = np.random.default_rng(7)
    with jax.enable_x64(True):
        physics, apart, fields_apart = [physics_of(*states)] * 2, [], []
        rows = len(states[0])
        for _ in range(calls):
            ctrl = jnp.asarray(rng.uniform(-1, 1, (rows, nu)))
            reached = [step(p, ctrl, jnp.zeros(rows, bool)) for step, p in zip(steps, physics, strict=True)]
            physics = [p for p, _, _ in reached]
            apart.append(gap(*((p.qpos, p.qvel) for p in physics)))
            fields_apart.append(gap(*(fields for _, fields, _ in reached)))
    return np.stack(apart), np.stack(fields_apart)


def gap(a, b):
    """The largest difference in each row of two trees of arrays."""
    rows = [np.abs(np.asarray(x) - np.asarray(y)) for x, y in zip(*map(jax.tree.leaves, (a, b)), strict=True)]
    return np.max([x.reshape(len(x), -1).max(axis=1) for x in rows] or [[0.0]], axis=0)


def walked(model, frame_skip, qpos, qvel, steps, scale=1.0):
    """States after `steps` control steps of random controls: where an agent is, rather than where it
    starts.
    """
    rng = np.random.default_rng(3)
    native = engine(model, frame_skip, (), "native")
    with jax.enable_x64(True):
        physics = physics_of(qpos, qvel)
        advance = jax.jit(jax.vmap(native.advance))
        for _ in range(steps):
            ctrl = jnp.asarray(scale * rng.uniform(-1, 1, (len(qpos), model.nu)))
            physics = advance(physics, ctrl, jnp.zeros(len(qpos), bool))[0]
        return np.asarray(physics.qpos), np.asarray(physics.qvel)


def report(name, apart):
    last = apart[-1]
    print(
        f"\n{name}: after 100 substeps, {len(last)} states: median {np.median(last):.1e},"
        f" max {last.max():.1e}, below 1e-9 in {np.mean(last < 1e-9):.0%}"
    )


def balls(maze):
    """Balls beside and away from walls, moving in all directions."""
    rng = np.random.default_rng(0)
    cells = np.argwhere(maze.cells != "1")
    xy = cells[rng.integers(len(cells), size=ROWS)] + rng.uniform(-0.34, 0.34, (ROWS, 2))
    return xy, rng.normal(size=(ROWS, 2))


@pytest.fixture(scope="module")
def ball():
    return compiled(point_model(envs.Maze("u_maze", 1.0)))


def test_the_ball_is_the_same_in_both_engines(ball):
    apart, _ = differences(ball, 2, balls(envs.Maze("u_maze", 1.0)))
    report("point u-maze", apart)
    assert np.median(apart[-1]) < 1e-12
    assert apart.max() < 1e-6


def test_fresh_and_exploded_rows_are_the_same_in_both_engines(ball, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # MuJoCo writes its warnings to a file in the working directory
    qpos, qvel = balls(envs.Maze("u_maze", 1.0))
    qvel[0] = 1e12, 0
    qvel[1] = np.nan
    fresh = np.arange(ROWS) % 4 == 3
    with jax.enable_x64(True):
        start = jax.vmap(envs.Physics)(*map(jnp.asarray, (qpos, qvel, qvel)))
        native, mjx = (step(start, jnp.asarray(np.full((ROWS, 2), 0.5)), jnp.asarray(fresh)) for step in ball)
        for physics, _, unstable in (native, mjx):
            np.testing.assert_array_equal(unstable, np.arange(ROWS) < 2)
            still = fresh | (np.arange(ROWS) < 2)
            np.testing.assert_array_equal(physics.qpos[still], qpos[still])
            np.testing.assert_array_equal(physics.qacc_warmstart[fresh], 0)
        np.testing.assert_allclose(native[0].qpos, mjx[0].qpos, atol=1e-12)


def ants(model, height=0.55):
    pose = [0, 0, height, 1, 0, 0, 0, 0, 1, 0, -1, 0, -1, 0, 1]
    rng = np.random.default_rng(1)
    qpos = np.tile(pose, (4 * ROWS, 1)) + rng.uniform(-0.05, 0.05, (4 * ROWS, model.nq))
    return qpos, 0.1 * rng.normal(size=(4 * ROWS, model.nv))


@pytest.mark.proof
def test_the_ant_is_the_same_in_both_engines():
    """By the median: a minority of states parts at once.

    Where a capsule stands steeper than 60 degrees on a plane, the engines turn the pyramid that bounds
    friction differently. That is a convention, and no error of either.
    """
    model = ant_model(None)
    apart, _ = differences(compiled(model), model.nu, walked(model, 5, *ants(model), 60))
    report("ant", apart)
    assert np.median(apart[0]) < 1e-12
    assert np.median(apart[-1]) < 1e-10


def leaning(model, rows):
    """Poses of ants that touch the wall north of the first free cell, or both walls of its corner."""
    rng, data, floor = np.random.default_rng(5), mujoco.MjData(model), model.geom("floor").id

    def depth(qpos):
        data.qpos[:] = qpos
        mujoco.mj_kinematics(model, data)
        mujoco.mj_collision(model, data)
        return min((c.dist for c in data.contact if floor not in c.geom), default=1.0)

    poses = ants(model)[0][np.arange(rows) % (4 * ROWS)]
    for i, pose in enumerate(poses):
        yaw = rng.uniform(0, 2 * np.pi)
        pose[:7] = 4, 4, rng.uniform(0.3, 0.7), np.cos(yaw / 2), *(0.05 * rng.normal(size=2)), np.sin(yaw / 2)
        pose[7::2] = rng.uniform(-0.5, 0.5, 4)
        for axis in (0, 1)[: 1 + i % 2]:  # bisect for the place where it is pressed in by 2 cm
            near, far = pose[axis], pose[axis] - 2
            for _ in range(12):
                pose[axis] = (near + far) / 2
                near, far = (near, pose[axis]) if depth(pose) < -0.02 else (pose[axis], far)
            pose[axis] = near
    return poses


@pytest.mark.proof
def test_the_contact_caps_miss_no_contact_of_an_ant_that_leans_on_walls():
    """MJX with and without its caps, on the contacts alone."""
    from mujoco import mjx

    capped, free = (ant_model(envs.Maze("u_maze", 4.0)) for _ in range(2))
    free.numeric_data[:] = -1  # no bound
    poses, found = leaning(capped, 300), []
    for model in (capped, free):
        held = MJXEngine(model, 5, ())._compiled

        def contacts(qpos, held=held):
            data = mjx.kinematics(held.mjx_model, held.blank.replace(qpos=qpos))
            contact = mjx.collision(held.mjx_model, mjx.com_pos(held.mjx_model, data))._impl.contact
            return contact.dist < contact.includemargin, contact.geom

        with _lenient():
            touching, geoms = jax.jit(jax.vmap(contacts))(jnp.asarray(poses, jnp.float32))
        found.append([sorted(map(tuple, np.asarray(g)[t].tolist())) for t, g in zip(touching, geoms, strict=True)])
    print(f"\ncontacts: {sum(map(len, found[1]))}, at most {max(map(len, found[1]))} in a state")
    assert max(map(len, found[1])) > 4
    assert found[0] == found[1]


@pytest.mark.proof
def test_the_humanoid_and_its_fields_are_the_same_in_both_engines():
    """To rounding while no capsule touches another part of the body, and to 1e-5 of the accelerations then.

    There MJX adds 1e-6 to the squared length of a capsule, to be safe against a division by zero.
    """
    model = humanoid_model()
    rng = np.random.default_rng(4)
    qpos = model.qpos0 + np.zeros((ROWS, model.nq))
    qpos[:, 7:] += rng.uniform(-0.05, 0.05, (ROWS, model.nq - 7))
    states = walked(model, 10, qpos, np.zeros((ROWS, model.nv)), 3, scale=0.4)
    steps = compiled(model, 10, ("xpos", "cinert", "cvel", "qfrc_actuator"))
    apart, fields = differences(steps, model.nu, states, calls=10)
    report("humanoid", apart)
    print("median after each control step:", *(f"{x:.0e}" for x in np.median(apart, axis=1)))
    print("of the fields:", *(f"{x:.0e}" for x in np.median(fields, axis=1)))
    assert np.median(apart[0]) < 1e-11 and np.median(fields[0]) < 1e-11
    assert np.median(apart[-1]) < 1e-3 and np.median(fields[-1]) < 1e-2


def test_mjx_has_contacts_in_a_maze():
    maze = envs.Maze("u_maze", 4.0)
    assert MJXEngine(ant_model(maze), 5, ())._compiled.blank._impl.contact.dist.shape[0] >= 12


def test_a_cap_that_mjx_misreads_is_found():
    """MJX takes `max_contact_points` from the wrong number when another numeric stands before it."""
    import mujoco

    from envs._mjx import MJXEngine

    spec = gymnasium_spec("ant")  # with its numeric of 15 numbers, the first two of them zero
    with pytest.raises(ValueError, match="'init_qpos' would stand before"):
        cap_contacts(spec)
    spec.add_numeric(name="max_contact_points", size=1, data=[12])
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    with pytest.raises(ValueError, match="allots no contacts"):
        MJXEngine(compile_model(spec, 0.01), 5, ())
