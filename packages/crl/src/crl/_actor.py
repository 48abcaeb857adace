"""The tanh-Gaussian policy of the paper (SAC's: Haarnoja et al. 2018, arXiv 1812.05905, appendix C)."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Key

from envs import AbstractPolicy

_LOG_STD_MIN, _LOG_STD_MAX = -5.0, 2.0


class TanhGaussian(eqx.Module):
    """tanh(mean + std * noise) with noise standard normal.

    Attributes:
        mean: before the tanh.
        log_std: natural logarithm of the standard deviation before the tanh, in [-5, 2].
    """

    mean: Float[Array, " action"]
    log_std: Float[Array, " action"]

    @staticmethod
    def from_head(head: Float[Array, " two_actions"]) -> "TanhGaussian":
        """Reads a network's output: first half the means, second half the log standard deviations, squashed."""
        mean, raw = jnp.split(head, 2)
        return TanhGaussian(mean, _LOG_STD_MIN + (_LOG_STD_MAX - _LOG_STD_MIN) / 2 * (jnp.tanh(raw) + 1))

    def mode(self) -> Float[Array, " action"]:
        """The deterministic action tanh(mean), in [-1, 1]."""
        return jnp.tanh(self.mean)

    def sample(self, noise: Float[Array, " action"]) -> tuple[Float[Array, " action"], Float[Array, ""]]:
        """The action for one draw of standard normal `noise`, in [-1, 1], and its log density.

        The density subtracts log(1 - a^2 + 1e-6), the paper's guarded change of variables. 1 - tanh(x)^2 is formed as
        4 sigmoid(2x) sigmoid(-2x): in float32 the difference would lose every digit of a saturated action.
        """
        x = self.mean + jnp.exp(self.log_std) * noise
        slope = 4 * jax.nn.sigmoid(2 * x) * jax.nn.sigmoid(-2 * x)
        normal = -0.5 * noise**2 - self.log_std - 0.5 * jnp.log(2 * jnp.pi)
        return jnp.tanh(x), jnp.sum(normal - jnp.log(slope + 1e-6))

    def log_prob(self, action: Float[Array, " action"]) -> Float[Array, ""]:
        """The log density of an action in [-1, 1], with the guard of `sample`.

        Actions are cut at +-(1 - 1e-6) first: at 1 itself the inverse of the tanh is infinite.
        """
        inside = jnp.clip(action, -1 + 1e-6, 1 - 1e-6)
        noise = (jnp.arctanh(inside) - self.mean) * jnp.exp(-self.log_std)
        normal = -0.5 * noise**2 - self.log_std - 0.5 * jnp.log(2 * jnp.pi)
        return jnp.sum(normal - jnp.log(1 - inside**2 + 1e-6))


class TanhGaussianPolicy(AbstractPolicy[tuple[()]]):
    """Draws from the `TanhGaussian` of a network's head; without a key, its mode.

    Attributes:
        actor: (state, goal) -> the head of a `TanhGaussian`, 2 numbers an action.
    """

    actor: Callable[[Float[Array, " input"]], Float[Array, " two_actions"]]

    def start(self) -> tuple[()]:
        return ()

    def act(
        self, memory: tuple[()], obs: Float[Array, " obs"], goal: Float[Array, " goal"], key: Key[Array, ""] | None
    ) -> tuple[Float[Array, " action"], tuple[()]]:
        distribution = TanhGaussian.from_head(self.actor(jnp.concatenate([obs, goal])))
        if key is None:
            return distribution.mode(), memory
        return distribution.sample(jr.normal(key, distribution.mean.shape))[0], memory
