"""A replay in 16 bits: the same steps are drawn, and every number is the nearest one that it holds."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import trainers
from blank_env import BlankEnv

import crl
import envs
from crl.algorithms.contrastive import ContrastiveRL
from crl.data.online import Online
from crl.goals.geometric import Geometric

TIME, ENVS, OBS, ACTION = 12, 6, 5, 2
ENV = BlankEnv(OBS, 2, ACTION)
RELATIVE, SMALLEST = 2.0**-11, 2.0**-25  # half a unit in the last place of a float16; of the least it holds


def trajectory() -> envs.Trajectory:
    """Observations over twelve orders of magnitude, with both signs."""
    size, sign, act = jr.split(jr.key(0), 3)
    obs = 10.0 ** jr.uniform(size, (TIME, ENVS, OBS), minval=-8, maxval=4) * jr.rademacher(
        sign, (TIME, ENVS, OBS), jnp.float32
    )
    flags = jnp.zeros((TIME, ENVS), bool)
    return envs.Trajectory(
        obs=obs.astype(jnp.float32),
        action=jr.uniform(act, (TIME, ENVS, ACTION), minval=-1),
        achieved=obs[..., :2].astype(jnp.float32),
        goal=jnp.zeros((TIME, ENVS, 2)),
        episode=jnp.zeros((TIME, ENVS), jnp.int32),
        terminated=flags,
        unstable=flags,
    )


def drawn(dtype, trajectory: envs.Trajectory) -> crl.Batch:
    replay = crl.Replay.empty(2 * TIME, ENVS, OBS, ACTION, 2, dtype).add(trajectory)
    spec = crl.BatchSpec(500, 1, 0, 1, Geometric(0.9), None, devices=1)
    return crl.sampler(ENV, replay, spec)(jr.key(1))


def test_what_is_sampled_is_that_of_32_bits_within_half_a_unit():
    half, full = (drawn(dtype, trajectory()) for dtype in (jnp.float16, jnp.float32))
    worst = 0.0
    for ours, exact in zip(jax.tree.leaves(half), jax.tree.leaves(full), strict=True):
        if not jnp.issubdtype(exact.dtype, jnp.floating):
            np.testing.assert_array_equal(ours, exact)
            continue
        assert ours.dtype == exact.dtype == jnp.float32 and ours.shape == exact.shape
        error, bound = np.abs(ours - exact), RELATIVE * np.abs(exact) + SMALLEST
        assert (error <= bound).all()
        worst = max(worst, float((error / bound).max()))
    assert worst > 0.9  # the bound is no wider than it must be


def test_no_finite_number_becomes_infinite_and_what_is_not_finite_stays_so():
    strange = jnp.array([1e6, -1e38, jnp.inf, jnp.nan, 65_504.0])
    obs = jnp.broadcast_to(strange, (TIME, ENVS, OBS))
    held = crl.Replay.empty(TIME, ENVS, OBS, ACTION, 2, jnp.float16).add(
        eqx.tree_at(lambda t: t.obs, trajectory(), obs)
    )
    np.testing.assert_array_equal(held.obs[0, 0], np.array([65_504, -65_504, 65_504, np.nan, 65_504], np.float16))


@pytest.mark.parametrize("bits, dtype", [(16, jnp.float16), (32, jnp.float32)])
def test_the_trainer_asks_for_it(bits: int, dtype):
    algorithm = ContrastiveRL(actor=eqx.nn.Linear, critic=eqx.nn.Linear, embedding=4)
    sizes = {"num_envs": 4, "batch_size": 16, "capacity_per_env": 100, "prefill_per_env": 50}
    trainer = trainers.trainer(envs.PointMaze(), algorithm, **sizes, replay_bits=bits)
    data = eqx.filter_eval_shape(trainer.init, jr.key(0)).data
    ring = data.replay
    assert {x.dtype for x in (ring.obs, ring.action, ring.achieved, ring.commanded)} == {jnp.dtype(dtype)}
    numbers, flags = 100 * 4 * (4 + 2 + 2 + 2), 100 * 4 * (4 + 1)  # of an episode's number and whether it terminated
    replay_bytes = numbers * bits // 8 + flags + 8  # head, fill
    others = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves((data.episodes, data.memory, data.unstable)))
    assert crl.plan(trainer, 1_000, 1_000).data_bytes == replay_bytes + others


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match=r"^`replay_bits` of Online must be 32 or 16; got 8\.$"):
        Online(replay_bits=8)
