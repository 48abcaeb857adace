"""Every task is the same simulation in both engines, from states where random actions lead."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_envs_contract import FOUND
from test_envs_engines import compiled, gap

import envs

ROWS, CALLS = 8, 12


@pytest.mark.proof
@pytest.mark.parametrize("name", list(FOUND))
def test_the_engines_agree_on_every_task(name: str):
    """In double precision, solvers converged; most states to rounding, as some contacts differ by convention.

    A humanoid touches itself in many states, and there MJX adds 1e-6 to the squared length of a capsule.
    """
    env = getattr(envs, name)(engine="native")
    model = env.engine.model
    substeps = round(env.control_step / model.opt.timestep)
    native, mjx = compiled(model, substeps)
    rng = np.random.default_rng(0)
    qpos, qvel, _ = jax.jit(jax.vmap(env.start))(jax.random.split(jax.random.key(0), ROWS))
    with jax.enable_x64(True):
        start = (jnp.asarray(np.asarray(x, np.float64)) for x in (qpos, qvel, jnp.zeros_like(qvel)))
        physics = jax.vmap(envs.Physics)(*start)

        def step(engine, physics):
            ctrl = jax.vmap(env.control)(jnp.asarray(actions))
            return engine(physics, ctrl, jnp.zeros(ROWS, bool))[0]

        for _ in range(20):
            actions = rng.uniform(-1, 1, (ROWS, env.action_size))
            physics = step(native, physics)
        ours, theirs, apart = physics, physics, []
        for _ in range(CALLS):
            actions = rng.uniform(-1, 1, (ROWS, env.action_size))
            ours, theirs = step(native, ours), step(mjx, theirs)
            apart.append(gap((ours.qpos, ours.qvel), (theirs.qpos, theirs.qvel)))
    medians = np.median(apart, axis=1)
    print(f"\n{name}: medians after 1 and {CALLS} control steps {medians[0]:.1e}, {medians[-1]:.1e}")
    print(f"{name}: largest difference of any state {np.max(apart):.1e}")
    assert apart[0].min() < 1e-10
    assert medians[0] < (1e-4 if name.startswith("Humanoid") else 1e-10)
