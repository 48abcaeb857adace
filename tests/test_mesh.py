"""Training on 1, 2 and 8 devices is the same training (design: one mesh axis, `data`)."""

import math
import re
from functools import partial

import chex
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import trainers

import crl
import envs
import nets
from crl.algorithms.contrastive import ContrastiveRL

BATCH, UPDATES = 48, 20


def make_trainer(devices: int, env: envs.AbstractEnv | None = None) -> crl.Trainer:
    network = partial(nets.ResidualMLP, width=20, depth=4)
    return trainers.trainer(
        env or envs.PointMaze(),
        ContrastiveRL(actor=network, critic=network, embedding=10),
        num_envs=16,
        unroll=12,
        updates_per_collect=UPDATES,
        batch_size=BATCH,
        capacity_per_env=30,
        prefill_per_env=12,
        devices=devices,
    )


def learned(devices: int, collected: crl.TrainState) -> crl.TrainState:
    trainer = make_trainer(devices)
    state = jax.device_put(collected, trainer.shardings(collected))
    return eqx.filter_jit(lambda s: trainer.learn(s, jnp.int32(UPDATES)))(state)


@pytest.fixture(scope="module")
def collected() -> crl.TrainState:
    one = make_trainer(1)
    return jax.device_get(eqx.filter_jit(lambda k: one.collect(one.init(k)))(jr.key(0)))


def cast(tree, dtype):
    return jax.tree.map(lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree)


def test_same_batches_same_parameters_in_float64(collected: crl.TrainState):
    with jax.enable_x64(True):
        one, *others = [learned(devices, cast(collected, jnp.float64)) for devices in (1, 2, 8)]
        assert int(one.updates) == UPDATES
        for other in others:
            ours, theirs = jax.device_get((one.agent.networks, other.agent.networks))
            chex.assert_trees_all_close(theirs, ours, rtol=1e-6, atol=1e-8)


def test_same_batches_same_losses_in_float32(collected: crl.TrainState):
    one, *others = [learned(devices, collected).totals for devices in (1, 2, 8)]
    for other in others:
        for name in ("train/critic_loss", "train/actor_loss", "train/alpha_loss"):
            np.testing.assert_allclose(other[name].total, one[name].total, rtol=1e-4)
            assert float(other[name].count) == float(one[name].count) == UPDATES


def test_collect_does_not_depend_on_the_mesh():
    states = []
    for devices in (1, 8):
        trainer = make_trainer(devices)
        state = eqx.filter_jit(lambda k, t=trainer: t.init(k))(jr.key(3))
        state = jax.device_put(state, trainer.shardings(state))
        states.append(jax.device_get(eqx.filter_jit(lambda s, t=trainer: t.collect(s))(state).data.replay))
    # One control step is the same bits; contacts amplify what the policy's matrix products round differently.
    for other in states[1:]:
        np.testing.assert_allclose(other.obs[:2], states[0].obs[:2], rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(other.episode, states[0].episode)


def test_no_collective_moves_observations():
    trainer = make_trainer(8, envs.Ant())  # sizes that no other array has
    state = eqx.filter_jit(lambda k: trainer.init(k))(jr.key(0))
    state = jax.device_put(state, trainer.shardings(state))
    arrays, static = eqx.partition(state, eqx.is_array)
    learn = jax.jit(lambda a: eqx.filter(trainer.learn(eqx.combine(a, static), jnp.int32(3)), eqx.is_array))
    program = learn.lower(arrays).compile().as_text()
    collectives = re.findall(r"= (.*?) (?:all-gather|all-reduce|all-to-all|collective-permute)[-\w]*\(", program)
    shapes = [tuple(map(int, dims.split(","))) for line in collectives for dims in re.findall(r"\[([\d,]+)\]", line)]
    assert shapes, "eight devices must talk to each other"
    env = trainer.env
    sizes = {env.obs_size, env.obs_size + env.action_size, env.obs_size + env.goal_size}
    batches = {BATCH, BATCH // 8}
    rows = trainer.data.capacity_per_env
    for shape in shapes:
        assert not (sizes & set(shape) and (batches & set(shape) or rows in shape)), shape
    gathered = [shape for shape in shapes if math.prod(shape) == BATCH * 10]
    assert gathered, "negatives are global: the goal embeddings [batch, 10] are gathered"


def test_too_many_devices_is_one_sentence():
    trainer = make_trainer(16)
    with pytest.raises(ValueError, match=r"`devices` of Trainer is 16, but JAX sees 8 cpu device"):
        eqx.filter_eval_shape(lambda: trainer.collect(trainer.init(jr.key(0))))


@pytest.mark.parametrize(
    "sizes, said",
    [
        ({"num_envs": 12}, "`num_envs` of Online must be a multiple of `devices` 8 of Trainer; got 12."),
        ({"batch_size": 20}, "`batch_size` of Trainer must be a multiple of `devices` 8; got 20."),
    ],
)
def test_sizes_are_multiples_of_the_devices(sizes: dict[str, int], said: str):
    with pytest.raises(ValueError) as refused:
        trainers.trainer(
            envs.PointMaze(),
            make_trainer(1).algorithm,
            devices=8,
            **({"num_envs": 16, "batch_size": 48} | sizes),
        )
    assert str(refused.value) == said
