"""Goal-conditioned behaviour cloning: supervised learning of one's own actions with relabelled goals.

As an online method, the `use_gcbc` variant of Eysenbach et al. 2022 (arXiv 2206.07568): the policy that is cloned also
collects the data. With uniform future goals it is GCSL without its horizon input (Ghosh et al. 2021, arXiv 1912.06088).
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jaxtyping import Array, Float, Key

from envs import AbstractEnv

from .._actor import TanhGaussian, TanhGaussianPolicy
from .._algorithm import AbstractAlgorithm, Mean, Metrics
from .._batch import Batch
from .._network import Network, check_builders
from .._optimizer import apply_optimizer, optimizer_or_adam


class State(eqx.Module):
    """The actor and its optimiser."""

    actor: Network
    optimizer: optax.OptState


class GCBC(AbstractAlgorithm[State, Network]):
    """Maximises the log-likelihood of the stored action under the goal that the episode reached later.

    Attributes:
        actor: builds the network, called as `(in_size, out_size, key=key)`.
        actor_optimizer: Adam at 3e-4 by default.
    """

    actor: Callable[..., Network]
    actor_optimizer: optax.GradientTransformation
    horizon: int = eqx.field(default=1, init=False)
    lookahead: int = eqx.field(default=0, init=False)
    sequence: int = eqx.field(default=1, init=False)

    def __init__(self, actor: Callable[..., Network], actor_optimizer: optax.GradientTransformation | None = None):
        """Raises `ValueError` for arguments of another kind."""
        check_builders("GCBC", actor=actor)
        self.actor = actor
        self.actor_optimizer = optimizer_or_adam("`actor_optimizer` of GCBC", actor_optimizer)

    def build(self, env: AbstractEnv, key: Key[Array, ""]) -> Network:
        """A fresh actor: (state, goal) -> the head of a `TanhGaussian`."""
        return self.actor(env.obs_size + env.goal_size, 2 * env.action_size, key=key)

    def start(self, networks: Network, key: Key[Array, ""]) -> State:
        """A fresh optimiser."""
        del key
        return State(networks, self.actor_optimizer.init(eqx.filter(networks, eqx.is_array)))

    def networks(self, state: State) -> Network:
        return state.actor

    def policy(self, networks: Network) -> TanhGaussianPolicy:
        return TanhGaussianPolicy(networks)

    def explorer(self, networks: Network) -> TanhGaussianPolicy:
        return self.policy(networks)

    def update(self, state: State, batch: Batch, key: Key[Array, ""]) -> tuple[State, Metrics]:
        """One step on -log pi(a | s, g), mean over the rows in which an action was taken."""
        action, valid = batch.action[:, 0], batch.valid[:, 0].astype(batch.action.dtype)
        count = jnp.sum(valid)

        def loss(actor: Network) -> tuple[Float[Array, ""], tuple[Float[Array, ""], Float[Array, ""]]]:
            heads = jax.vmap(actor)(jnp.concatenate([batch.obs[:, 0], batch.goal_of_actor], axis=1))
            policies = jax.vmap(TanhGaussian.from_head)(heads)
            total = -jnp.sum(valid * jax.vmap(TanhGaussian.log_prob)(policies, action))
            noise = jr.normal(key, action.shape, heads.dtype)
            entropy = -jnp.mean(jax.vmap(TanhGaussian.sample)(policies, noise)[1])
            return total / jnp.maximum(count, 1), (total, entropy)

        (_, (total, entropy)), grads = eqx.filter_value_and_grad(loss, has_aux=True)(state.actor)
        actor, optimizer = apply_optimizer(self.actor_optimizer, grads, state.optimizer, state.actor)
        return State(actor, optimizer), {
            "train/bc_loss": Mean(total, count),
            "train/entropy": jax.lax.stop_gradient(entropy),
            "train/grad_norm_actor": optax.tree.norm(grads),
        }
