"""Thousands of steps under random and extreme actions: no NaN, no explosion, in either engine."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from test_envs_contract import FOUND

import envs

STEPS = 2_000


def actions(env: envs.AbstractEnv, key: jax.Array, steps: int) -> jax.Array:
    """[4, steps, action]: uniform, all +1, all -1, and alternating between the two."""
    uniform = jr.uniform(key, (steps, env.action_size), minval=-1)
    one = jnp.ones((steps, env.action_size))
    alternating = jnp.where(jnp.arange(steps)[:, None] % 2 == 0, one, -one)
    return jnp.stack([uniform, one, -one, alternating])


def stays_finite(name: str, engine: str, steps: int) -> None:
    env = getattr(envs, name)(engine=engine)
    episodes = envs.Episodes(env)

    @jax.jit
    def go(key: jax.Array) -> tuple[jax.Array, ...]:
        start, act, again = jr.split(key, 3)
        state = episodes.reset(jr.split(start, 4))

        def one(state: envs.EpisodeState, step: tuple[jax.Array, jax.Array]) -> tuple[envs.EpisodeState, tuple]:
            action, t = step
            state = episodes.step(state, action, jr.split(jr.fold_in(again, t), 4))
            finite = jnp.isfinite(state.env.obs).all() & jnp.isfinite(state.env.goal).all()
            return state, (finite, state.env.unstable, jnp.abs(state.env.obs).max())

        rows = jnp.swapaxes(actions(env, act, steps), 0, 1)
        return jax.lax.scan(one, state, (rows, jnp.arange(steps)))[1]

    finite, unstable, largest = (np.asarray(x) for x in go(jr.key(0)))
    print(f"\n{name}, {engine}: {4 * steps} steps, {unstable.sum()} exploded, largest number {largest.max():.3g}")
    assert finite.all()
    assert unstable.sum() == 0


@pytest.mark.parametrize("name", list(FOUND))
def test_hundreds_of_steps_stay_finite(name):
    stays_finite(name, "native", STEPS // 10)


@pytest.mark.proof
@pytest.mark.parametrize("engine", ["native", "mjx"])
@pytest.mark.parametrize("name", list(FOUND))
def test_thousands_of_steps_stay_finite(name, engine):
    stays_finite(name, engine, STEPS)
