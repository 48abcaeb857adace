"""Actor, critic and entropy weight alpha, trained side by side (SAC: Haarnoja et al. 2018, arXiv 1812.05905)."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from ._optimizer import apply_optimizer


class State(eqx.Module):
    """Networks and the states of their optimisers.

    Attributes:
        networks: a module with an `actor`, a `critic` and a `log_alpha`.
        optimizers: the states of actor, critic and alpha.
    """

    networks: Any
    optimizers: tuple[optax.OptState, optax.OptState, optax.OptState]


class Optimizers(NamedTuple):
    """Of actor, critic and alpha."""

    actor: optax.GradientTransformation
    critic: optax.GradientTransformation
    log_alpha: optax.GradientTransformation

    def start(self, networks: Any) -> State:
        """Fresh optimisers for networks as in `State`."""
        params = eqx.filter(networks, eqx.is_array)
        states = (optimizer.init(getattr(params, name)) for name, optimizer in self._asdict().items())
        return State(networks, tuple(states))

    def apply(self, grads: Any, state: State) -> State:
        """One step of each; `grads` are in a module of the networks' own type."""
        new, states = {}, []
        for (name, optimizer), one in zip(self._asdict().items(), state.optimizers, strict=True):
            new[name], one = apply_optimizer(optimizer, getattr(grads, name), one, getattr(state.networks, name))
            states.append(one)
        return State(type(state.networks)(**new), tuple(states))


def alpha_gradient(
    log_alpha: Float[Array, ""], entropy: Float[Array, ""], target: float
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """alpha (entropy - target), and its gradient by log alpha (arXiv 1812.05905, equation 18)."""
    return jax.value_and_grad(lambda log_alpha: jnp.exp(log_alpha) * (entropy - target))(log_alpha)
