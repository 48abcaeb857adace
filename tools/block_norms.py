"""Norms of each block's output and of its gradient."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

import crl
import nets
from crl.algorithms.contrastive import ContrastiveRL, Networks


class BlockNorms(eqx.Module):
    """Euclidean norms, block by block from the stem to the head.

    Attributes:
        stream: of what a block is given, mean over a batch; the last is what the head is given.
        branch: of what a block adds to it, mean over a batch.
        gradient: of the loss by all parameters of a block.
    """

    stream: Float[Array, " states"]
    branch: Float[Array, " block"]
    gradient: Float[Array, " block"]


@eqx.filter_jit
def block_norms(
    algorithm: ContrastiveRL, networks: Networks, batch: crl.Batch, key: Key[Array, ""]
) -> dict[str, BlockNorms]:
    """The norms of the actor, of phi and of psi, on one batch.

    Args:
        algorithm: whose losses.
        networks: what is looked into.
        batch: states, actions and goals as an update gets them.
        key: draws the actions of the actor's loss.

    Raises:
        ValueError: a network is no `nets.ResidualMLP` with a block.
    """
    grads, _ = algorithm.gradients(networks, batch, key)
    obs, action = batch.obs[:, 0], batch.action[:, 0]
    found = {
        "actor": (networks.actor, grads.actor, jnp.concatenate([obs, batch.goal_of_actor], axis=1)),
        "phi": (networks.critic.phi, grads.critic.phi, jnp.concatenate([obs, action], axis=1)),
        "psi": (networks.critic.psi, grads.critic.psi, batch.goal),
    }
    return {name: _norms(name, *one) for name, one in found.items()}


def _norms(name: str, network: PyTree, grads: PyTree, inputs: Float[Array, "batch in"]) -> BlockNorms:
    if not isinstance(network, nets.ResidualMLP) or not network.blocks.depth:
        raise ValueError(f"The network `{name}` must be a nets.ResidualMLP with a block; got {type(network).__name__}.")
    stream = jax.vmap(lambda x: network.blocks.stream(network.stem(x)))(inputs)
    by_block = [jnp.sum(jnp.square(leaf), axis=range(1, leaf.ndim)) for leaf in jax.tree.leaves(grads.blocks)]
    return BlockNorms(
        jnp.linalg.norm(stream, axis=2).mean(axis=0),
        jnp.linalg.norm(jnp.diff(stream, axis=1), axis=2).mean(axis=0),
        jnp.sqrt(sum(by_block)),
    )
