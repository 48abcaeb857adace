"""The native engine: MuJoCo's own steps, to the bit, in every JAX transformation."""

import os
import threading

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import mujoco
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

import envs
from envs._engine import engine
from envs.ant import ant_model
from envs.humanoid import humanoid_model

FIELDS = ("xpos", "cinert", "cvel", "qfrc_actuator")
ROWS = 4


def physics_of(qpos, qvel) -> envs.Physics:
    """A batch of states at rest in the solver."""
    return jax.vmap(envs.Physics)(*map(jnp.asarray, (qpos, qvel, np.zeros_like(qvel))))


def advance_alone(model, frame_skip, qpos, qvel, controls):
    """The same steps with one MjData that is never loaded nor saved; yields it after every control step."""
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = qpos, qvel
    for ctrl in controls:
        data.ctrl[:] = ctrl
        mujoco.mj_step(model, data, frame_skip)
        yield data


@pytest.mark.parametrize(("make", "frame_skip"), [(lambda: ant_model(None), 5), (humanoid_model, 10)])
def test_carrying_three_arrays_equals_one_mjdata_per_environment_to_the_bit(make, frame_skip):
    model, steps = make(), 25
    rng = np.random.default_rng(0)
    qpos = model.qpos0 + rng.uniform(-0.05, 0.05, (ROWS, model.nq))
    qvel = rng.normal(size=(ROWS, model.nv)) * 0.1
    controls = rng.uniform(-1, 1, (ROWS, steps, model.nu))
    alone = [advance_alone(model, frame_skip, qpos[i], qvel[i], controls[i]) for i in range(ROWS)]
    contacts = 0
    with jax.enable_x64(True):
        native = engine(model, frame_skip, FIELDS, "native")
        step = jax.jit(jax.vmap(native.advance))
        physics = physics_of(qpos, qvel)
        for t in range(steps):
            physics, fields, unstable = step(physics, jnp.asarray(controls[:, t]), jnp.zeros(ROWS, bool))
            assert not unstable.any()
            for i in range(ROWS):
                data = next(alone[i])
                contacts += data.ncon
                for name in ("qpos", "qvel", "qacc_warmstart"):
                    np.testing.assert_array_equal(getattr(physics, name)[i], getattr(data, name), name)
                np.testing.assert_array_equal(fields["qfrc_actuator"][i], data.qfrc_actuator)
                now = mujoco.MjData(model)  # a step leaves the fields of positions one substep behind
                now.qpos[:], now.qvel[:] = data.qpos, data.qvel
                mujoco.mj_forward(model, now)
                for name in ("xpos", "cinert", "cvel"):
                    np.testing.assert_array_equal(fields[name][i], getattr(now, name), name)
    assert contacts > 0, "the claim is about states with contacts too"


@pytest.fixture(scope="module")
def ant():
    """An engine, a batch of states on the ground, controls."""
    model = ant_model(None)
    rng = np.random.default_rng(1)
    qpos = model.qpos0 + rng.uniform(-0.05, 0.05, (8, model.nq))
    qpos[:, 2] = 0.5
    physics = physics_of(qpos.astype(np.float32), np.zeros((8, model.nv), np.float32))
    return engine(model, 5, ("cvel", "qfrc_actuator"), "native"), physics, jnp.full((8, model.nu), 0.7)


def test_without_the_warm_start_it_is_another_simulation(ant):
    """Shown where the solver has one iteration, which is what a carried state that lacks it would change."""
    _, physics, ctrl = ant
    model = ant_model(None)
    model.opt.iterations, model.opt.ls_iterations = 1, 4
    step = jax.jit(jax.vmap(engine(model, 5, (), "native").advance))
    live = jnp.zeros(8, bool)
    for _ in range(3):
        physics = step(physics, ctrl, live)[0]
    kept, dropped = (step(p, ctrl, live)[0] for p in (physics, physics_of(physics.qpos, physics.qvel)))
    assert not np.array_equal(kept.qvel, dropped.qvel)


def same(a, b) -> bool:
    return jax.tree.all(jax.tree.map(lambda x, y: np.array_equal(x, y, equal_nan=True), a, b))


def row(tree, i):
    return jax.tree.map(lambda x: x[i], tree)


def test_every_transformation_gives_the_same_bits(ant):
    native, physics, ctrl = ant
    fresh = jnp.arange(8) == 2
    batch = jax.vmap(native.advance)(physics, ctrl, fresh)
    assert same(jax.jit(jax.vmap(native.advance))(physics, ctrl, fresh), batch)
    for i in (0, 2):
        assert same(native.advance(row(physics, i), ctrl[i], fresh[i]), row(batch, i))
    folded = jax.tree.map(lambda x: x.reshape(2, 4, *x.shape[1:]), (physics, ctrl, fresh))
    nested = jax.jit(jax.vmap(jax.vmap(native.advance)))(*folded)
    assert same(jax.tree.map(lambda x: x.reshape(8, *x.shape[2:]), nested), batch)
    _, mapped = jax.lax.scan(lambda c, x: (c, native.advance(*x)), None, (physics, ctrl, fresh))
    assert same(mapped, batch)
    # An argument that is not batched is the same for all rows.
    shared = jax.vmap(native.advance, in_axes=(0, None, None))(physics, ctrl[0], jnp.zeros((), bool))
    assert same(shared, jax.vmap(native.advance)(physics, ctrl, jnp.zeros(8, bool)))


@pytest.mark.parametrize("devices", [1, 2, 8])
def test_shards_of_a_mesh_give_the_same_bits(ant, devices):
    native, physics, ctrl = ant
    mesh = jax.make_mesh((devices,), ("data",), devices=jax.devices()[:devices])
    fresh = jnp.arange(8) == 5

    def walk(physics, ctrl, fresh):
        def one(physics, _):
            physics, fields, _ = jax.vmap(native.advance)(physics, ctrl, fresh)
            return physics, jax.lax.psum(fields["cvel"].sum(), "data")  # a collective between the callbacks

        return jax.lax.scan(one, physics, length=5)[0]

    spread = jax.jit(jax.shard_map(walk, mesh=mesh, in_specs=P("data"), out_specs=P("data")))
    with jax.set_mesh(mesh):
        placed = jax.device_put((physics, ctrl, fresh), jax.NamedSharding(mesh, P("data")))
        there = spread(*placed)

    def alone(physics):
        for _ in range(5):
            physics = jax.vmap(native.advance)(physics, ctrl, fresh)[0]
        return physics

    assert same(jax.device_get(there), jax.device_get(alone(physics)))


def test_a_fresh_row_keeps_its_state_and_has_no_forces(ant):
    native, physics, ctrl = ant
    fresh = jnp.arange(8) < 4
    reached, fields, unstable = jax.vmap(native.advance)(physics, ctrl, fresh)
    assert same(row(reached, slice(4)), row(physics, slice(4)))
    forces = np.asarray(fields["qfrc_actuator"])[:, 6:]  # of the driven joints
    assert (forces[:4] == 0).all() and (forces[4:] != 0).all()
    assert not unstable.any()
    assert not np.array_equal(reached.qpos[4:], physics.qpos[4:])


def test_a_fresh_rows_warm_start_is_zero_whatever_it_was(ant):
    native, physics, ctrl = ant
    warm = jax.vmap(envs.Physics)(physics.qpos, physics.qvel, physics.qvel + 9)
    reached, _, _ = jax.vmap(native.advance)(warm, ctrl, jnp.ones(8, bool))
    np.testing.assert_array_equal(reached.qacc_warmstart, 0)


def test_threads_that_act_at_once_do_not_disturb_each_other(ant):
    native, physics, ctrl = ant
    step = jax.jit(jax.vmap(native.advance))
    expected = step(physics, ctrl, jnp.zeros(8, bool))
    wrong = []

    def act():
        for _ in range(20):
            if not same(step(physics, ctrl, jnp.zeros(8, bool)), expected):
                wrong.append(1)

    threads = [threading.Thread(target=act) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_any_number_of_rows_has_its_own_batch(ant):
    """On the host side alone, which is what a callback calls."""
    native, physics, ctrl = ant
    rows = [np.asarray(x) for x in (physics.qpos, physics.qvel, physics.qacc_warmstart, ctrl)]
    simulations, live = native._simulations, np.zeros(8, bool)

    def stepped(n: int) -> tuple:
        fields = {name: np.empty((n, *shape), np.float32) for name, shape in simulations.shapes.items()}
        out = tuple(np.empty_like(x[:n]) for x in rows[:3]), fields, np.empty(n, bool)
        simulations(None, out, *(x[:n] for x in rows), live[:n])
        return out

    reference = stepped(8)
    for n in (*range(1, 8), *range(1, 8)):  # twice, and more sizes than are kept
        assert same(stepped(n), row(reference, slice(n)))
    assert len(simulations._batches) <= 8


@pytest.fixture(scope="module")
def episodes():
    """Compiled `reset` and `step` of six ants."""
    episodes = envs.Episodes(envs.Ant(engine="native"))
    return jax.jit(episodes.reset), jax.jit(episodes.step)


@pytest.mark.parametrize("burst", [1e12, 1e9, np.nan, np.inf], ids=["beyond", "within", "nan", "inf"])
def test_an_exploded_row_ends_and_the_others_do_not_notice(episodes, burst, monkeypatch, tmp_path):
    (tmp_path / "MUJOCO_LOG.TXT").symlink_to("victim")  # MuJoCo's own handler would write there
    monkeypatch.chdir(tmp_path)
    (reset, step), keys = episodes, jr.split(jr.key(0), 6)
    state = reset(keys)
    bad = eqx.tree_at(lambda s: s.env.physics.qvel, state, state.env.physics.qvel.at[2, 7].set(burst))
    action = jnp.full((6, 8), 0.5)
    calm, after = step(state, action, keys), step(bad, action, keys)
    np.testing.assert_array_equal(after.env.unstable, np.arange(6) == 2)
    np.testing.assert_array_equal(after.env.terminated, np.arange(6) == 2)
    np.testing.assert_array_equal(after.env.physics.qpos[2], bad.env.physics.qpos[2])  # that step did not happen
    others = np.arange(6) != 2
    assert same(row(after, others), row(calm, others))
    # The next step draws a new start, like after any other end.
    anew, calm = step(after, action, keys), step(calm, action, keys)
    assert not anew.env.unstable.any() and not anew.env.terminated.any()
    np.testing.assert_array_equal(anew.episode, np.arange(6) == 2)
    assert np.isfinite(anew.env.obs).all() and float(jnp.abs(anew.env.obs).max()) < 10
    assert same(row(anew, others), row(calm, others))
    assert os.listdir() == ["MUJOCO_LOG.TXT"]


@pytest.mark.parametrize(
    ("name", "fields", "words"),
    [
        ("natvie", (), "Engine 'natvie' is unknown; there are auto, native, mjx"),
        ("native", ("qfrc_contact",), "Field 'qfrc_contact' is not among"),
    ],
)
def test_bad_engines_are_refused(name, fields, words):
    with pytest.raises(ValueError, match=words):
        engine(ant_model(None), 5, fields, name)


def test_a_model_that_resets_itself_is_refused():
    model = ant_model(None)
    model.opt.disableflags = 0
    with pytest.raises(ValueError, match="resets itself"):
        engine(model, 5, (), "native")


def test_auto_is_native_on_a_cpu():
    assert envs.PointMaze().engine.name == "native"
