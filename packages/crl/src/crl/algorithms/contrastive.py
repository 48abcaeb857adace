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

from .._actor import TanhGaussian, TanhGaussianPolicy
from .._algorithm import AbstractValueAlgorithm, Metrics
from .._batch import Batch
from .._max_entropy import Optimizers, State, alpha_gradient
from .._network import Network
from .._numbers import Integer, integer, real
from .._optimizer import optimizer_or_adam
from ..energies.l2 import l2
from ..losses.infonce import infonce

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


class ContrastiveRL(AbstractValueAlgorithm[State, Networks]):
    """The critic is trained with InfoNCE to classify future states; the actor maximises the critic's energy.

    Attributes:
        actor, critic: build a network, called as `(in_size, out_size, key=key)`; `critic` serves phi and psi.
        energy_fn: of every pair of embeddings, see `energies`; the argument is called `energy`.
        loss: of a matrix of logits, see `losses`.
        embedding: numbers in an embedding.
        target_entropy_per_action: the policy entropy that alpha steers to, for each dimension of the action, as in SAC.
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
    target_entropy_per_action: float
    random_goals: float
    compute: str
    actor_optimizer: optax.GradientTransformation
    critic_optimizer: optax.GradientTransformation
    alpha_optimizer: optax.GradientTransformation
    horizon: int = eqx.field(default=1, init=False)
    lookahead: int = eqx.field(default=0, init=False)
    sequence: int = eqx.field(default=1, init=False)

    def __init__(
        self,
        actor: Callable[..., Network],
        critic: Callable[..., Network],
        energy: Callable[..., Float[Array, ""]] = l2,
        loss: Callable[..., Float[Array, ""]] = infonce,
        embedding: Integer = 64,
        target_entropy_per_action: float = -0.5,
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
        entropy = real(target_entropy_per_action, "`target_entropy_per_action` of ContrastiveRL")
        share = real(random_goals, "`random_goals` of ContrastiveRL", "a number from 0 to 1", lambda x: 0 <= x <= 1)
        if compute not in _COMPUTE:
            raise ValueError(f"`compute` of ContrastiveRL must be one of {', '.join(_COMPUTE)}; got {compute!r}.")
        self.actor, self.critic, self.compute = actor, critic, compute
        self.energy_fn, self.loss = energy, loss
        self.embedding, self.target_entropy_per_action, self.random_goals = embedding, entropy, share
        self.actor_optimizer = optimizer_or_adam("`actor_optimizer` of ContrastiveRL", actor_optimizer)
        self.critic_optimizer = optimizer_or_adam("`critic_optimizer` of ContrastiveRL", critic_optimizer)
        self.alpha_optimizer = optimizer_or_adam("`alpha_optimizer` of ContrastiveRL", alpha_optimizer)

    def build(self, env: AbstractEnv, key: Key[Array, ""]) -> Networks:
        """Fresh networks; alpha starts at 1."""
        actor, phi, psi = jr.split(key, 3)
        return Networks(
            actor=self.actor(env.obs_size + env.goal_size, 2 * env.action_size, key=actor),
            critic=Critic(
                phi=self.critic(env.obs_size + env.action_size, self.embedding, key=phi),
                psi=self.critic(env.goal_size, self.embedding, key=psi),
            ),
            log_alpha=jnp.zeros(()),
        )

    def start(self, networks: Networks, key: Key[Array, ""]) -> State:
        """Fresh optimisers."""
        del key
        return self._optimizers.start(networks)

    @property
    def _optimizers(self) -> Optimizers:
        return Optimizers(self.actor_optimizer, self.critic_optimizer, self.alpha_optimizer)

    def networks(self, state: State) -> Networks:
        return state.networks

    def policy(self, networks: Networks) -> TanhGaussianPolicy:
        return TanhGaussianPolicy(networks.actor)

    def explorer(self, networks: Networks) -> TanhGaussianPolicy:
        return self.policy(networks)

    def value(self, networks: Networks, obs: Float[Array, " obs"], goal: Float[Array, " goal"]) -> Float[Array, ""]:
        """The energy of the deterministic action."""
        action, _ = self.policy(networks).act((), obs, goal, None)
        critic = networks.critic
        return self._energy_of_pair(critic.phi(jnp.concatenate([obs, action])), critic.psi(goal))

    def update(self, state: State, batch: Batch, key: Key[Array, ""]) -> tuple[State, Metrics]:
        """Actor and alpha by the old critic, and the critic, on the same batch."""
        networks = state.networks
        grads, metrics = self.gradients(networks, batch, key)
        state = self._optimizers.apply(grads, state)
        metrics |= {
            "train/alpha": jnp.exp(networks.log_alpha),
            "train/grad_norm_actor": optax.tree.norm(grads.actor),
            "train/grad_norm_critic": optax.tree.norm(grads.critic),
            "train/param_norm_actor": optax.tree.norm(eqx.filter(state.networks.actor, eqx.is_array)),
            "train/param_norm_critic": optax.tree.norm(eqx.filter(state.networks.critic, eqx.is_array)),
        }
        return state, metrics

    def gradients(self, networks: Networks, batch: Batch, key: Key[Array, ""]) -> tuple[Networks, Metrics]:
        """Of the three losses by what each of them trains, and scalars named `train/...`.

        All are taken at the parameters given, so psi(goal) of one critic serves both losses, unless the actor has goals
        of its own. `key` draws actions.
        """
        (_, (goals, metrics)), critic_grads = eqx.filter_value_and_grad(self._critic_loss, has_aux=True)(
            networks.critic, batch
        )
        goals = jax.lax.stop_gradient(goals)
        if batch.actor_goal is not None:
            critic = _COMPUTE[self.compute](networks.critic)
            goals = jax.vmap(critic.psi)(batch.actor_goal)
        (_, (entropy, actor_metrics)), actor_grads = eqx.filter_value_and_grad(self._actor_loss, has_aux=True)(
            networks.actor, networks, self._asked(goals), batch, key
        )
        target = self.target_entropy_per_action * batch.action.shape[-1]
        alpha_loss, alpha_grads = alpha_gradient(networks.log_alpha, entropy, target)

        return Networks(actor_grads, critic_grads, alpha_grads), metrics | actor_metrics | {
            "train/alpha_loss": alpha_loss
        }

    def _asked(self, goals: Float[Array, "batch goal"]) -> Float[Array, "batch goal"]:
        """What the actor is asked for: its own goals, or embeddings of them, and in some slots the neighbour's.

        A mixture of laws would draw such goals as well, and cost one more pass of psi.
        """
        if not self.random_goals:
            return goals
        slots = np.arange(len(goals))
        others = np.floor((slots + 1) * self.random_goals) > np.floor(slots * self.random_goals)  # evenly spread
        return jnp.where(others[:, None], jnp.roll(goals, -1, axis=0), goals)

    def _energy_of_pair(self, phi: Float[Array, " embedding"], psi: Float[Array, " embedding"]) -> Float[Array, ""]:
        return self.energy_fn(phi[None], psi[None])[0, 0]

    def _critic_loss(self, critic: Critic, batch: Batch):
        critic = _COMPUTE[self.compute](critic)
        phi = critic.embed(batch.obs[:, 0], batch.action[:, 0])
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
        obs = batch.obs[:, 0]
        heads = jax.vmap(actor)(jnp.concatenate([obs, self._asked(batch.goal_of_actor)], axis=1))
        noise = jr.normal(key, batch.action[:, 0].shape, heads.dtype)
        action, log_prob = jax.vmap(lambda head, n: TanhGaussian.from_head(head).sample(n))(heads, noise)
        energy = jax.vmap(self._energy_of_pair)(critic.embed(obs, action), goals)
        loss = jnp.mean(jnp.exp(networks.log_alpha) * log_prob - energy)
        entropy = -jnp.mean(log_prob)
        return loss, (entropy, {"train/actor_loss": loss, "train/entropy": entropy})
