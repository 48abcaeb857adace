"""TD3 (Fujimoto et al. 2018, arXiv 1802.09477) with relabelled goals, sparse rewards and n-step returns.

With the goals of `configs/algo/td3.gin` it is the "TD3 + HER" of hindsight experience replay (Andrychowicz et al. 2017,
arXiv 1707.01495): 0.8 future, 0.2 commanded goals. Differences from both: the reward is 1 in a state within the task's
threshold of the goal and 0 elsewhere; an episode goes on after its goal is reached, and a time limit is bootstrapped
through.
"""

import math
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jaxtyping import Array, Float, Int, Key

import nets
from envs import AbstractEnv, AbstractPolicy

from .._algorithm import AbstractValueAlgorithm, Mean, Metrics
from .._batch import Batch
from .._network import Network, check_builders
from .._numbers import Integer, integer, real
from .._optimizer import apply_optimizer, optimizer_or_adam
from .._polyak import polyak


class Networks(eqx.Module):
    """What acts and is evaluated.

    Attributes:
        actor: (state, goal) -> the action before its tanh.
        critic: (state, action, goal) -> two values [2, 1].
    """

    actor: Network
    critic: nets.Ensemble


class State(eqx.Module):
    """Networks, their slow copies, the states of the optimisers of actor and critic, and the number of updates."""

    networks: Networks
    targets: Networks
    optimizers: tuple[optax.OptState, optax.OptState]
    updates: Int[Array, ""]


class NoisyTanhPolicy(AbstractPolicy[tuple[()]]):
    """tanh of a network's output plus noise N(0, noise^2), cut to [-1, 1]; no noise without a key."""

    actor: Network
    noise: float = eqx.field(static=True)

    def start(self) -> tuple[()]:
        return ()

    def act(
        self, memory: tuple[()], obs: Float[Array, " obs"], goal: Float[Array, " goal"], key: Key[Array, ""] | None
    ) -> tuple[Float[Array, " action"], tuple[()]]:
        action = jnp.tanh(self.actor(jnp.concatenate([obs, goal])))
        if key is not None:
            action = jnp.clip(action + self.noise * jr.normal(key, action.shape, action.dtype), -1, 1)
        return action, memory


class TD3(AbstractValueAlgorithm[State, Networks]):
    """Twin critics regress on n-step returns of the sparse reward; the actor maximises the first critic.

    Attributes:
        actor, critic: build a network, called as `(in_size, out_size, key=key)`; there are two critics.
        discount: of rewards.
        steps: n of the n-step return. Actions behind the first are the replay's, without correction.
        tau: share of the online networks in the targets at each of their updates.
        delay: critic updates for one update of actor and targets.
        exploration_noise: standard deviation of the noise on actions that fill the replay.
        smoothing_noise, smoothing_clip: standard deviation and bound of the noise on the target's actions.
        actor_optimizer, critic_optimizer: Adam at 3e-4 by default.
    """

    actor: Callable[..., Network]
    critic: Callable[..., Network]
    discount: float
    steps: int
    tau: float
    delay: int
    exploration_noise: float
    smoothing_noise: float
    smoothing_clip: float
    actor_optimizer: optax.GradientTransformation
    critic_optimizer: optax.GradientTransformation
    horizon: int
    lookahead: int
    sequence: int

    def __init__(
        self,
        actor: Callable[..., Network],
        critic: Callable[..., Network],
        discount: float = 0.99,
        steps: Integer = 1,
        tau: float = 0.005,
        delay: Integer = 2,
        exploration_noise: float = 0.1,
        smoothing_noise: float = 0.2,
        smoothing_clip: float = 0.5,
        actor_optimizer: optax.GradientTransformation | None = None,
        critic_optimizer: optax.GradientTransformation | None = None,
    ):
        """Raises `ValueError` for arguments that make no sense."""
        check_builders("TD3", actor=actor, critic=critic)

        def number(value: float, name: str, accepted: str, holds: Callable[[float], bool]) -> float:
            return float(real(value, f"`{name}` of TD3", accepted, holds))

        def scale(value: float, name: str) -> float:
            return number(value, name, "a number of at least 0", lambda x: 0 <= x < math.inf)

        self.actor, self.critic = actor, critic
        self.discount = number(discount, "discount", "a number above 0 and below 1", lambda x: 0 < x < 1)
        self.tau = number(tau, "tau", "a number above 0 and at most 1", lambda x: 0 < x <= 1)
        self.exploration_noise = scale(exploration_noise, "exploration_noise")
        self.smoothing_noise = scale(smoothing_noise, "smoothing_noise")
        self.smoothing_clip = scale(smoothing_clip, "smoothing_clip")
        self.steps, self.delay = integer(steps, "`steps` of TD3"), integer(delay, "`delay` of TD3")
        self.actor_optimizer = optimizer_or_adam("`actor_optimizer` of TD3", actor_optimizer)
        self.critic_optimizer = optimizer_or_adam("`critic_optimizer` of TD3", critic_optimizer)
        self.horizon = self.lookahead = self.steps
        self.sequence = 1

    def build(self, env: AbstractEnv, key: Key[Array, ""]) -> Networks:
        """A fresh actor and two fresh critics."""
        actor, critic = jr.split(key)
        seen = env.obs_size + env.goal_size
        return Networks(
            actor=self.actor(seen, env.action_size, key=actor),
            critic=nets.Ensemble(seen + env.action_size, 1, self.critic, 2, key=critic),
        )

    def start(self, networks: Networks, key: Key[Array, ""]) -> State:
        """Targets are copies, optimisers fresh."""
        del key
        arrays, rest = eqx.partition(networks, eqx.is_array)
        # Copies, because a step may be given the memory of its arguments, and the same array not twice.
        targets = eqx.combine(jax.tree.map(jnp.copy, arrays), rest)
        optimizers = self.actor_optimizer.init(arrays.actor), self.critic_optimizer.init(arrays.critic)
        return State(networks, targets, optimizers, jnp.int32(0))

    def networks(self, state: State) -> Networks:
        return state.networks

    def policy(self, networks: Networks) -> NoisyTanhPolicy:
        """Without noise, also where it is given a key."""
        return NoisyTanhPolicy(networks.actor, 0.0)

    def explorer(self, networks: Networks) -> NoisyTanhPolicy:
        return NoisyTanhPolicy(networks.actor, self.exploration_noise)

    def value(self, networks: Networks, obs: Float[Array, " obs"], goal: Float[Array, " goal"]) -> Float[Array, ""]:
        """The smaller of both critics' values."""
        action, _ = self.policy(networks).act((), obs, goal, None)
        return jnp.min(networks.critic(jnp.concatenate([obs, action, goal])))

    def update(self, state: State, batch: Batch, key: Key[Array, ""]) -> tuple[State, Metrics]:
        """One step of the critics; every `delay` updates one of the actor and the targets too."""
        networks, (actor_state, critic_state) = state.networks, state.optimizers
        target = jax.lax.stop_gradient(self._returns(state.targets, batch, key))

        def critic_loss(critic: nets.Ensemble) -> tuple[Float[Array, ""], Float[Array, ""]]:
            values = _values(critic, batch.obs[:, 0], batch.action[:, 0], batch.goal)
            return jnp.mean((values - target[:, None]) ** 2), jnp.mean(values)

        (loss, value), grads = eqx.filter_value_and_grad(critic_loss, has_aux=True)(networks.critic)
        critic, critic_state = apply_optimizer(self.critic_optimizer, grads, critic_state, networks.critic)
        metrics = {
            "train/critic_loss": loss,
            "train/value": value,
            "train/target": jnp.mean(target),
            "train/reward": jnp.mean(batch.reached[:, 1], dtype=target.dtype),
            "train/grad_norm_critic": optax.tree.norm(grads),
        }
        slow = (networks.actor, state.targets, actor_state)
        arrays, rest = eqx.partition(slow, eqx.is_array)

        def delayed(arrays):
            actor, targets, actor_state = eqx.combine(arrays, rest)
            loss, grads = eqx.filter_value_and_grad(_actor_loss)(actor, critic, batch)
            actor, actor_state = apply_optimizer(self.actor_optimizer, grads, actor_state, actor)
            targets = polyak(Networks(actor, critic), targets, self.tau)
            found = loss, optax.tree.norm(grads), jnp.ones_like(loss)
            return eqx.filter((actor, targets, actor_state), eqx.is_array), found

        def unchanged(arrays):
            return arrays, (jnp.zeros_like(loss),) * 3

        due = (state.updates + 1) % self.delay == 0
        arrays, (actor_loss, norm, count) = jax.lax.cond(due, delayed, unchanged, arrays)
        actor, targets, actor_state = eqx.combine(arrays, rest)
        metrics |= {"train/actor_loss": Mean(actor_loss, count), "train/grad_norm_actor": Mean(norm, count)}
        optimizers = actor_state, critic_state
        return State(Networks(actor, critic), targets, optimizers, state.updates + 1), metrics

    def _returns(self, targets: Networks, batch: Batch, key: Key[Array, ""]) -> Float[Array, " batch"]:
        """n-step returns: sum_i discount^i r_i + discount^m min Q(s_m, pi(s_m) + noise), m <= n steps that happened.

        Where the episode ended within them by a termination nothing follows; by a time limit, it would have gone on.
        """
        dtype = batch.obs.dtype
        happened = jnp.sum(batch.valid, axis=1)
        discounts = jnp.asarray(self.discount, dtype) ** jnp.arange(self.steps, dtype=dtype)
        rewards = (batch.reached[:, 1:] & batch.valid).astype(dtype)
        last = jnp.take_along_axis(batch.obs, happened[:, None, None], axis=1)[:, 0]
        mean = jnp.tanh(jax.vmap(targets.actor)(jnp.concatenate([last, batch.goal], axis=1)))
        noise = self.smoothing_noise * jr.normal(key, mean.shape, dtype)
        action = jnp.clip(mean + jnp.clip(noise, -self.smoothing_clip, self.smoothing_clip), -1, 1)
        follows = jnp.min(_values(targets.critic, last, action, batch.goal), axis=1)
        alive = ~jnp.any(batch.terminated & batch.valid, axis=1)
        weight = jnp.asarray(self.discount, dtype) ** happened.astype(dtype) * alive.astype(dtype)
        return rewards @ discounts + weight * follows


def _values(
    critic: nets.Ensemble,
    obs: Float[Array, "batch obs"],
    action: Float[Array, "batch action"],
    goal: Float[Array, "batch goal"],
) -> Float[Array, "batch 2"]:
    return jax.vmap(critic)(jnp.concatenate([obs, action, goal], axis=1))[..., 0]


def _actor_loss(actor: Network, critic: nets.Ensemble, batch: Batch) -> Float[Array, ""]:
    obs, goal = batch.obs[:, 0], batch.goal_of_actor
    action = jnp.tanh(jax.vmap(actor)(jnp.concatenate([obs, goal], axis=1)))
    return -jnp.mean(_values(critic, obs, action, goal)[:, 0])
