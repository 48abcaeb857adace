"""Norms of blocks: against blocks taken out one by one, and against the gradient of the whole."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
import trainers
from blank_env import BlankEnv
from block_norms import block_norms

import crl
import nets
from crl.algorithms.contrastive import ContrastiveRL

ENV = BlankEnv(obs=5, goal=2, action_size=3)
BATCH = 7


def build(depth: int, network=nets.ResidualMLP):
    make = partial(network, width=8, depth=depth) if network is nets.ResidualMLP else network
    algorithm = ContrastiveRL(make, make, embedding=4)
    return algorithm, algorithm.build(ENV, jr.key(0))


def batch() -> crl.Batch:
    obs, action, goal = (jr.normal(jr.key(i), (BATCH, n)) for i, n in enumerate((5, 3, 2)))
    return trainers.batch(obs, jnp.tanh(action), goal)


def test_norms_are_those_of_blocks_taken_out_one_by_one():
    algorithm, networks = build(12)
    found = block_norms(algorithm, networks, batch(), jr.key(9))
    of = batch()
    inputs = {"actor": (of.obs[:, 0], of.goal), "phi": (of.obs[:, 0], of.action[:, 0]), "psi": (of.goal,)}
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
    found = block_norms(algorithm, networks, batch(), jr.key(9))
    for name, whole in (("actor", grads.actor), ("phi", grads.critic.phi), ("psi", grads.critic.psi)):
        rest = eqx.tree_at(lambda network: network.blocks, whole, None)
        squares = float(jnp.sum(found[name].gradient ** 2)) + float(optax.tree.norm(rest)) ** 2
        assert squares == pytest.approx(float(optax.tree.norm(whole)) ** 2, rel=1e-4)
    _, of_update = algorithm.update(algorithm.start(networks, jr.key(0)), batch(), jr.key(9))
    assert float(of_update["train/grad_norm_actor"]) == pytest.approx(float(optax.tree.norm(grads.actor)), rel=1e-5)
    assert float(of_update["train/critic_loss"]) == pytest.approx(float(metrics["train/critic_loss"]), rel=1e-6)


@pytest.mark.parametrize("network", [partial(nets.ResidualMLP, width=8, depth=0), nets.Dense])
def test_a_network_without_blocks_is_refused_by_name(network):
    algorithm, networks = build(0, network)
    with pytest.raises(ValueError, match=r"`actor` must be a nets.ResidualMLP with a block; got"):
        block_norms(algorithm, networks, batch(), jr.key(0))
