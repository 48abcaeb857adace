"""Norms of blocks: against blocks taken out one by one, and against the gradient of the whole."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from blank_env import BlankEnv

import crl
import nets

ENV = BlankEnv(obs=5, goal=2, action_size=3)
BATCH = 7


def build(depth: int, network=nets.ResidualMLP):
    make = partial(network, width=8, depth=depth) if network is nets.ResidualMLP else network
    algorithm = crl.ContrastiveRL(make, make, embedding=4)
    return algorithm, algorithm.init(ENV, jr.key(0)).networks


def batch() -> crl.Batch:
    obs, action, goal = (jr.normal(jr.key(i), (BATCH, n)) for i, n in enumerate((5, 3, 2)))
    return crl.Batch(obs, jnp.tanh(action), goal)


def test_norms_are_those_of_blocks_taken_out_one_by_one():
    algorithm, networks = build(12)
    found = crl.block_norms(algorithm, networks, batch(), jr.key(9))
    of = batch()
    inputs = {"actor": (of.obs, of.goal), "phi": (of.obs, of.action), "psi": (of.goal,)}
    for name, given in inputs.items():
        network = networks.actor if name == "actor" else getattr(networks.critic, name)
        x = jax.vmap(network.stem)(jnp.concatenate(given, axis=1))
        for i in range(3):
            np.testing.assert_allclose(found[name].stream[i], np.linalg.norm(x, axis=1).mean(), rtol=1e-5)
            y = jax.vmap(jax.tree.map(lambda a, i=i: a[i], network.blocks.blocks))(x)
            np.testing.assert_allclose(found[name].branch[i], np.linalg.norm(y - x, axis=1).mean(), rtol=1e-4)
            x = y
        np.testing.assert_allclose(found[name].stream[3], np.linalg.norm(x, axis=1).mean(), rtol=1e-5)
        assert found[name].stream.shape == (4,) and found[name].branch.shape == found[name].gradient.shape == (3,)


def test_gradients_are_those_of_an_update():
    algorithm, networks = build(8)
    grads, metrics = algorithm.gradients(networks, batch(), jr.key(9))
    found = crl.block_norms(algorithm, networks, batch(), jr.key(9))
    for name, whole in (("actor", grads.actor), ("phi", grads.critic.phi), ("psi", grads.critic.psi)):
        rest = eqx.tree_at(lambda network: network.blocks, whole, None)
        squares = float(jnp.sum(found[name].gradient ** 2)) + float(optax.tree.norm(rest)) ** 2
        assert squares == pytest.approx(float(optax.tree.norm(whole)) ** 2, rel=1e-4)
    agent = crl.Agent(networks, algorithm.init(ENV, jr.key(0)).optimizer)
    _, of_update = algorithm.update(agent, batch(), jr.key(9))
    assert float(of_update["train/grad_norm_actor"]) == pytest.approx(float(optax.tree.norm(grads.actor)), rel=1e-5)
    assert float(of_update["train/critic_loss"]) == pytest.approx(float(metrics["train/critic_loss"]), rel=1e-6)


@pytest.mark.parametrize("network", [partial(nets.ResidualMLP, width=8, depth=0), nets.Dense])
def test_a_network_without_blocks_is_refused_by_name(network):
    algorithm, networks = build(0, network)
    with pytest.raises(ValueError, match=r"`actor` must be a nets.ResidualMLP with a block; got"):
        crl.block_norms(algorithm, networks, batch(), jr.key(0))
