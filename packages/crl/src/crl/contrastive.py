"""Contrastive RL: the paper's algorithm (section 3; Eysenbach et al. 2022, arXiv 2206.07568)."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from jaxtyping import Array, Float, Key

import nets
from envs import AbstractEnv

from ._actor import TanhGaussian
from ._algorithm import AbstractAlgorithm, Agent, Metrics
from ._numbers import Integer, integer, real
from ._replay import Batch
from .energies import l2
from .losses import infonce

Network = Callable[[Float[Array, " input"]], Float[Array, " output"]]


_COMPUTE = {"float32": lambda network: network, "bfloat16": nets.in_bfloat16}


class Critic(eqx.Module):
    """Two encoders; the energy of their embeddings says how near a goal is.

    Attributes:
        phi: (state, action) -> embedding.
        psi: goal -> embedding.
    """

    phi: Network
    psi: Network

    def embed(
        self, obs: Float[Array, "batch obs"], action: Float[Array, "batch action"]
    ) -> Float[Array, "batch embedding"]:
        """phi(s, a) of a batch."""
        return jax.vmap(self.phi)(jnp.concatenate([obs, action], axis=1))


class Networks(eqx.Module):
    """What contrastive RL learns.

    Attributes:
        actor: (state, goal) -> the head of a `TanhGaussian`, 2 numbers an action.
        critic: the encoders.
        log_alpha: logarithm of the entropy weight.
    """

    actor: Network
    critic: Critic
    log_alpha: Float[Array, ""]


class ContrastiveRL(AbstractAlgorithm):
    """The critic tells a state's true future from others' (InfoNCE); the actor climbs the critic's energy.

    Attributes:
        actor, critic: build a network, called as `(in_size, out_size, key=key)`; `critic` serves phi and psi.
        energy_fn: of every pair of embeddings, see `energies`; the argument is called `energy`.
        loss: of a matrix of logits, see `losses`.
        embedding: numbers in an embedding.
        entropy_target: the policy entropy alpha steers to, in units of -1 an action (the paper's -0.5 |A| is 0.5).
        compute: "float32", or "bfloat16" for the matrix products of updates (`nets.in_bfloat16`); parameters, norms,
            energies and acting stay in float32.
        random_goals: share of the batch where the actor is asked for another slot's goal instead of one of the
            state's own future (Eysenbach et al., 2022, arXiv 2206.07568). With the paper's 0, a state is never asked
            for goals that no episode reached from there: a policy that is stuck at a wall stays as it is.
        actor_optimizer, critic_optimizer, alpha_optimizer: Adam at 3e-4 in the paper.
    """

    actor: Callable[..., Network]
    critic: Callable[..., Network]
    energy_fn: Callable[..., Float[Array, ""]]
    loss: Callable[..., Float[Array, ""]]
    embedding: int
    entropy_target: float
    random_goals: float
    compute: str
    actor_optimizer: optax.GradientTransformation
    critic_optimizer: optax.GradientTransformation
    alpha_optimizer: optax.GradientTransformation

    def __init__(
        self,
        actor: Callable[..., Network],
        critic: Callable[..., Network],
        energy: Callable[..., Float[Array, ""]] = l2,
        loss: Callable[..., Float[Array, ""]] = infonce,
        embedding: Integer = 64,
        entropy_target: float = 0.5,
        random_goals: float = 0.0,
        compute: str = "float32",
        actor_optimizer: optax.GradientTransformation | None = None,
        critic_optimizer: optax.GradientTransformation | None = None,
        alpha_optimizer: optax.GradientTransformation | None = None,
    ):
        for name, value in (("actor", actor), ("critic", critic), ("energy", energy), ("loss", loss)):
            if not callable(value):
                raise ValueError(f"`{name}` of ContrastiveRL must be callable (in gin: @name); got {value!r}.")
        embedding = integer(embedding, "`embedding` of ContrastiveRL")
        entropy_target = real(entropy_target, "`entropy_target` of ContrastiveRL")
        share = real(random_goals, "`random_goals` of ContrastiveRL", "a number from 0 to 1")
        if not 0 <= share <= 1:
            raise ValueError(f"`random_goals` of ContrastiveRL must be a number from 0 to 1; got {random_goals!r}.")
        if compute not in _COMPUTE:
            raise ValueError(f"`compute` of ContrastiveRL must be one of {', '.join(_COMPUTE)}; got {compute!r}.")
        self.actor, self.critic, self.compute = actor, critic, compute
        self.energy_fn, self.loss = energy, loss
        self.embedding, self.entropy_target, self.random_goals = embedding, entropy_target, share
        self.actor_optimizer = _optimizer("actor", actor_optimizer)
        self.critic_optimizer = _optimizer("critic", critic_optimizer)
        self.alpha_optimizer = _optimizer("alpha", alpha_optimizer)

    def init(self, env: AbstractEnv, key: Key[Array, ""]) -> Agent:
        """Fresh networks for the sizes of `env`, and fresh optimisers; alpha starts at 1."""
        actor, phi, psi = jr.split(key, 3)
        networks = Networks(
            actor=self.actor(env.obs_size + env.goal_size, 2 * env.action_size, key=actor),
            critic=Critic(
                phi=self.critic(env.obs_size + env.action_size, self.embedding, key=phi),
                psi=self.critic(env.goal_size, self.embedding, key=psi),
            ),
            log_alpha=jnp.zeros(()),
        )
        params = eqx.filter(networks, eqx.is_array)
        return Agent(
            networks,
            (
                self.actor_optimizer.init(params.actor),
                self.critic_optimizer.init(params.critic),
                self.alpha_optimizer.init(params.log_alpha),
            ),
        )

    def policy(
        self, agent: Agent, obs: Float[Array, " obs"], goal: Float[Array, " goal"], key: Key[Array, ""] | None
    ) -> Float[Array, " action"]:
        """See `AbstractAlgorithm.policy`."""
        distribution = TanhGaussian.from_head(agent.networks.actor(jnp.concatenate([obs, goal])))
        if key is None:
            return distribution.mode()
        return distribution.sample(jr.normal(key, distribution.mean.shape))[0]

    def energy(
        self,
        agent: Agent,
        obs: Float[Array, " obs"],
        action: Float[Array, " action"],
        goal: Float[Array, " goal"],
    ) -> Float[Array, ""]:
        """See `AbstractAlgorithm.energy`."""
        critic = agent.networks.critic
        return self._energy_of_pair(critic.phi(jnp.concatenate([obs, action])), critic.psi(goal))

    def update(self, agent: Agent, batch: Batch, key: Key[Array, ""]) -> tuple[Agent, Metrics]:
        """Actor and alpha by the old critic, and the critic, on the same batch."""
        networks: Networks = agent.networks
        grads, metrics = self.gradients(networks, batch, key)
        actor_state, critic_state, alpha_state = agent.optimizer
        actor, actor_state = _apply(self.actor_optimizer, grads.actor, actor_state, networks.actor)
        critic, critic_state = _apply(self.critic_optimizer, grads.critic, critic_state, networks.critic)
        log_alpha, alpha_state = _apply(self.alpha_optimizer, grads.log_alpha, alpha_state, networks.log_alpha)
        metrics |= {
            "train/alpha": jnp.exp(networks.log_alpha),
            "train/grad_norm_actor": optax.tree.norm(grads.actor),
            "train/grad_norm_critic": optax.tree.norm(grads.critic),
            "train/param_norm_actor": optax.tree.norm(eqx.filter(actor, eqx.is_array)),
            "train/param_norm_critic": optax.tree.norm(eqx.filter(critic, eqx.is_array)),
        }
        return Agent(Networks(actor, critic, log_alpha), (actor_state, critic_state, alpha_state)), metrics

    def gradients(self, networks: Networks, batch: Batch, key: Key[Array, ""]) -> tuple[Networks, Metrics]:
        """Of the three losses by what each of them trains, and scalars named `train/...`.

        All are taken at the parameters given, so psi(goal) of one critic serves both losses. `key` draws actions.
        """
        (_, (goals, metrics)), critic_grads = eqx.filter_value_and_grad(self._critic_loss, has_aux=True)(
            networks.critic, batch
        )
        goals = jax.lax.stop_gradient(goals)
        (_, (entropy, actor_metrics)), actor_grads = eqx.filter_value_and_grad(self._actor_loss, has_aux=True)(
            networks.actor, networks, self._asked(goals), batch, key
        )
        target = -self.entropy_target * batch.action.shape[1]
        alpha_loss, alpha_grads = jax.value_and_grad(lambda log_alpha: jnp.exp(log_alpha) * (entropy - target))(
            networks.log_alpha
        )

        return Networks(actor_grads, critic_grads, alpha_grads), metrics | actor_metrics | {
            "train/alpha_loss": alpha_loss
        }

    def _asked(self, goals: Float[Array, "batch goal"]) -> Float[Array, "batch goal"]:
        """What the actor is asked for: its own goals, or embeddings of them, and in some slots the neighbour's."""
        if not self.random_goals:
            return goals
        slots = np.arange(len(goals))
        others = np.floor((slots + 1) * self.random_goals) > np.floor(slots * self.random_goals)  # evenly spread
        return jnp.where(others[:, None], jnp.roll(goals, -1, axis=0), goals)

    def _energy_of_pair(self, phi: Float[Array, " embedding"], psi: Float[Array, " embedding"]) -> Float[Array, ""]:
        return self.energy_fn(phi[None], psi[None])[0, 0]

    def _critic_loss(self, critic: Critic, batch: Batch):
        critic = _COMPUTE[self.compute](critic)
        phi = critic.embed(batch.obs, batch.action)
        psi = jax.vmap(critic.psi)(batch.goal)
        logits = self.energy_fn(phi, psi)
        loss = self.loss(logits)
        size = len(logits)
        positive = jnp.mean(jnp.diagonal(logits))
        metrics = {
            "train/critic_loss": loss,
            "train/logsumexp": jnp.mean(jax.nn.logsumexp(logits, axis=1)),
            "train/accuracy": jnp.mean(jnp.argmax(logits, axis=1) == jnp.arange(size), dtype=logits.dtype),
            "train/logits_pos": positive,
            "train/logits_neg": (jnp.sum(logits) / size - positive) / max(size - 1, 1),
        }
        return loss, (psi, metrics)

    def _actor_loss(self, actor: Network, networks: Networks, goals, batch: Batch, key: Key[Array, ""]):
        actor, critic = map(_COMPUTE[self.compute], (actor, networks.critic))
        heads = jax.vmap(actor)(jnp.concatenate([batch.obs, self._asked(batch.goal)], axis=1))
        noise = jr.normal(key, batch.action.shape, heads.dtype)
        action, log_prob = jax.vmap(lambda head, n: TanhGaussian.from_head(head).sample(n))(heads, noise)
        energy = jax.vmap(self._energy_of_pair)(critic.embed(batch.obs, action), goals)
        loss = jnp.mean(jnp.exp(networks.log_alpha) * log_prob - energy)
        entropy = -jnp.mean(log_prob)
        return loss, (entropy, {"train/actor_loss": loss, "train/entropy": entropy})


def _optimizer(name: str, optimizer: optax.GradientTransformation | None) -> optax.GradientTransformation:
    if optimizer is None:
        return optax.adam(3e-4)
    if not isinstance(optimizer, optax.GradientTransformation):
        raise ValueError(
            f"`{name}_optimizer` of ContrastiveRL must be an optax optimiser (in gin: @optax.adam()); "
            f"got {optimizer!r}."
        )
    number = jnp.zeros(())
    try:  # optax takes any value for a learning rate and the like, and fails where it is used
        eqx.filter_eval_shape(lambda: _apply(optimizer, number, optimizer.init(number), number))
    except Exception as e:
        raise ValueError(
            f"`{name}_optimizer` of ContrastiveRL cannot update a number; is one of its arguments, such as "
            f"`learning_rate`, no number? ({type(e).__name__}: {e})"
        ) from e
    return optimizer


def _apply(optimizer: optax.GradientTransformation, grads, state, params):
    """One optimiser step; leaves of `params` that are not arrays pass through."""
    with jax.numpy_dtype_promotion("standard"):  # optax's bias correction raises a float to an integer count
        updates, state = optimizer.update(grads, state, eqx.filter(params, eqx.is_array))
    return eqx.apply_updates(params, updates), state
