"""The tanh-Gaussian policy of the paper (SAC's: Haarnoja et al. 2018, arXiv 1812.05905, appendix C)."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

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
