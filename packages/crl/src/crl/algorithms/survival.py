"""A critic of first hitting times: maximum likelihood on censored data, without bootstrapping and negatives.

The bare likelihood of Survival RL (Tiofack et al. 2026, arXiv 2605.31273): hazards of log-spaced bins of time, one
network for state, action and goal. What the paper adds to it, sequences of goals and an architecture of its own, is not
here, and an episode that is cut is censored where it was cut instead of at the horizon.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, Key

from envs import AbstractEnv

from .._actor import TanhGaussian, TanhGaussianPolicy
from .._algorithm import AbstractValueAlgorithm, Metrics
from .._batch import Batch
from .._hitting import first_hit
from .._max_entropy import Optimizers, State, alpha_gradient
from .._network import Network, check_builders
from .._numbers import Integer, integer, real
from .._optimizer import optimizer_or_adam


class Networks(eqx.Module):
    """What acts and is evaluated.

    Attributes:
        actor: (state, goal) -> the head of a `TanhGaussian`, 2 numbers an action.
        critic: (state, action, goal) -> logits: of having reached the goal already, and of the hazard of every bin.
        log_alpha: logarithm of the entropy weight.
    """

    actor: Network
    critic: Network
    log_alpha: Float[Array, ""]


class Survival(AbstractValueAlgorithm[State, Networks]):
    """The critic is the distribution of the time until the goal is first reached; the actor makes that time short.

    Attributes:
        actor, critic: build a network, called as `(in_size, out_size, key=key)`.
        lookahead: steps in which hits are looked for, the horizon H; the length of an episode sees all of it.
        bins: at most so many bins of time, log-spaced from 1 to H.
        discount: of the time without the goal in the value.
        target_entropy_per_action: the policy entropy that alpha steers to, for each dimension of the action.
        actor_optimizer, critic_optimizer, alpha_optimizer: Adam at 3e-4 by default.
    """

    actor: Callable[..., Network]
    critic: Callable[..., Network]
    lookahead: int
    edges: tuple[int, ...]
    discount: float
    target_entropy_per_action: float
    actor_optimizer: optax.GradientTransformation
    critic_optimizer: optax.GradientTransformation
    alpha_optimizer: optax.GradientTransformation
    horizon: int = eqx.field(default=1, init=False)
    sequence: int = eqx.field(default=1, init=False)

    def __init__(
        self,
        actor: Callable[..., Network],
        critic: Callable[..., Network],
        lookahead: Integer = 300,
        bins: Integer = 64,
        discount: float = 0.99,
        target_entropy_per_action: float = -0.5,
        actor_optimizer: optax.GradientTransformation | None = None,
        critic_optimizer: optax.GradientTransformation | None = None,
        alpha_optimizer: optax.GradientTransformation | None = None,
    ):
        """Raises `ValueError` for arguments that make no sense."""
        check_builders("Survival", actor=actor, critic=critic)
        accepted = "a number above 0 and below 1"
        self.actor, self.critic = actor, critic
        self.discount = float(real(discount, "`discount` of Survival", accepted, lambda x: 0 < x < 1))
        self.lookahead = integer(lookahead, "`lookahead` of Survival")
        self.edges = _edges(self.lookahead, integer(bins, "`bins` of Survival"))
        self.target_entropy_per_action = real(target_entropy_per_action, "`target_entropy_per_action` of Survival")
        self.actor_optimizer = optimizer_or_adam("`actor_optimizer` of Survival", actor_optimizer)
        self.critic_optimizer = optimizer_or_adam("`critic_optimizer` of Survival", critic_optimizer)
        self.alpha_optimizer = optimizer_or_adam("`alpha_optimizer` of Survival", alpha_optimizer)

    def build(self, env: AbstractEnv, key: Key[Array, ""]) -> Networks:
        """Fresh networks; alpha starts at 1."""
        actor, critic = jr.split(key)
        seen = env.obs_size + env.goal_size
        return Networks(
            actor=self.actor(seen, 2 * env.action_size, key=actor),
            critic=self.critic(seen + env.action_size, len(self.edges), key=critic),
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
        """Minus the expected discounted time without the goal, in [-(1 - discount^H) / (1 - discount), 0]."""
        action, _ = self.policy(networks).act((), obs, goal, None)
        return self._value(networks.critic(jnp.concatenate([obs, action, goal])))

    def update(self, state: State, batch: Batch, key: Key[Array, ""]) -> tuple[State, Metrics]:
        """One step of the critic, and of actor and alpha by the old critic, on the same batch."""
        networks = state.networks
        obs, action = batch.obs[:, 0], batch.action[:, 0]
        time, hit = first_hit(batch)

        def critic_loss(critic: Network) -> Float[Array, ""]:
            logits = jax.vmap(critic)(jnp.concatenate([obs, action, batch.goal], axis=1))
            return -jnp.mean(jax.vmap(self.log_likelihood)(logits, time, hit))

        def actor_loss(actor: Network) -> tuple[Float[Array, ""], Float[Array, ""]]:
            goal = batch.goal_of_actor
            heads = jax.vmap(actor)(jnp.concatenate([obs, goal], axis=1))
            noise = jr.normal(key, action.shape, heads.dtype)
            chosen, log_prob = jax.vmap(lambda head, n: TanhGaussian.from_head(head).sample(n))(heads, noise)
            logits = jax.vmap(networks.critic)(jnp.concatenate([obs, chosen, goal], axis=1))
            loss = jnp.mean(jnp.exp(networks.log_alpha) * log_prob - jax.vmap(self._value)(logits))
            return loss, -jnp.mean(log_prob)

        loss, critic_grads = eqx.filter_value_and_grad(critic_loss)(networks.critic)
        (loss_of_actor, entropy), actor_grads = eqx.filter_value_and_grad(actor_loss, has_aux=True)(networks.actor)
        target = self.target_entropy_per_action * action.shape[-1]
        alpha_loss, alpha_grads = alpha_gradient(networks.log_alpha, entropy, target)
        return self._optimizers.apply(Networks(actor_grads, critic_grads, alpha_grads), state), {
            "train/critic_loss": loss,
            "train/actor_loss": loss_of_actor,
            "train/alpha_loss": alpha_loss,
            "train/alpha": jnp.exp(networks.log_alpha),
            "train/entropy": entropy,
            "train/hits": jnp.mean(hit, dtype=loss.dtype),
            "train/grad_norm_actor": optax.tree.norm(actor_grads),
            "train/grad_norm_critic": optax.tree.norm(critic_grads),
        }

    def log_likelihood(
        self, logits: Float[Array, " logits"], time: Int[Array, ""], hit: Bool[Array, ""]
    ) -> Float[Array, ""]:
        """Of reaching the goal first after `time` steps, or, without a `hit`, of not having reached it by then.

        Bin k holds the times after edge k up to edge k + 1; for a censored time, only bins that ended by then count.

        Args:
            logits: the first of having reached the goal at time 0, then of the hazard of every bin.
            time: in steps, 0..H.
            hit: whether that is when the goal was reached.
        """
        starts = jnp.asarray(self.edges[:-1], jnp.int32)  # bin k holds starts[k] < time <= starts[k + 1]
        ends = jnp.asarray(self.edges[1:], jnp.int32)
        hazard, spared = jax.nn.log_sigmoid(logits), jax.nn.log_sigmoid(-logits)
        passed = jnp.sum(jnp.where(ends <= jnp.where(hit, time - 1, time), spared[1:], 0))
        inside = (starts < time) & (time <= ends)
        event = jnp.sum(jnp.where(inside & hit, hazard[1:], 0))
        later = spared[0] + passed + event
        return jnp.where(hit & (time == 0), hazard[0], later)

    def _value(self, logits: Float[Array, " logits"]) -> Float[Array, ""]:
        """-sum_k D_k S_k: the chance S_k of not having reached the goal by the start of bin k, times its discounts."""
        edges = np.asarray(self.edges, np.float64)
        weights = (self.discount ** edges[:-1] - self.discount ** edges[1:]) / (1 - self.discount)
        alive = jnp.cumsum(jax.nn.log_sigmoid(-logits))[:-1]
        return -jnp.sum(jnp.asarray(weights, logits.dtype) * jnp.exp(alive))


def _edges(horizon: int, bins: int) -> tuple[int, ...]:
    """Ends of the bins of time: 0, then round(H^(k / bins)), each once."""
    ends = np.rint(horizon ** (np.arange(bins + 1) / bins)).astype(int)
    return tuple(sorted({0, *ends.tolist(), horizon}))
