"""Acting: the one loop that training, evaluation and films share."""

from collections.abc import Callable
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, Int, Key, PRNGKeyArray

from envs._arguments import check_count
from envs._episodes import Episodes, EpisodeState

Policy = Callable[[Float[Array, " obs"], Float[Array, " goal"], PRNGKeyArray | None], Float[Array, " action"]]
"""`(obs, goal, key) -> action in [-1, 1]` of one environment; a key of None asks for the deterministic
action.
"""


class Trajectory(eqx.Module):
    """What happened, time-major: row t holds the state before action t, and that action.

    In a row where an episode ended (`terminated`, or the next row has another `episode`), the action had no
    effect.
    """

    obs: Float[Array, "time env obs"]
    action: Float[Array, "time env action"]
    goal: Float[Array, "time env goal"]
    """The commanded goal."""
    episode: Int[Array, "time env"]
    terminated: Bool[Array, "time env"]
    """Whether `obs` is a state in which the episode ended by falling or explosion."""
    unstable: Bool[Array, "time env"]


class _Deterministic(eqx.Module):
    policy: Policy

    def __call__(
        self, obs: Float[Array, " obs"], goal: Float[Array, " goal"], key: PRNGKeyArray | None
    ) -> Float[Array, " action"]:
        del key
        return self.policy(obs, goal, None)


def deterministic(policy: Policy) -> Policy:
    """The policy that always takes the deterministic action; a pytree if `policy` is one."""
    return _Deterministic(policy)


class UniformPolicy(eqx.Module):
    """Draws every action uniformly from [-1, 1]: what a task gives to an agent that knows nothing."""

    action_size: int = eqx.field(static=True, converter=partial(check_count, "action_size"))

    def __call__(
        self, obs: Float[Array, " obs"], goal: Float[Array, " goal"], key: PRNGKeyArray | None
    ) -> Float[Array, " action"]:
        """An action; raises `ValueError` without a key, for it has no deterministic action."""
        if key is None:
            raise ValueError("The uniform policy has no deterministic action: give it a key.")
        return jr.uniform(key, (self.action_size,), minval=-1.0, maxval=1.0)


class ZeroPolicy(eqx.Module):
    """Every action is zero: no torque for a walker, the middle of its range for a servo."""

    action_size: int = eqx.field(static=True, converter=partial(check_count, "action_size"))

    def __call__(
        self, obs: Float[Array, " obs"], goal: Float[Array, " goal"], key: PRNGKeyArray | None
    ) -> Float[Array, " action"]:
        """Zeros."""
        return jnp.zeros(self.action_size)


def rollout(
    episodes: Episodes, state: EpisodeState, policy: Policy, length: int, keys: Key[Array, " env"]
) -> tuple[EpisodeState, Trajectory]:
    """Acts for `length` steps in every row.

    Row i at step t uses `fold_in(keys[i], t)`, split into the key of its action and the key of its next
    start; so what happens in a row does not depend on how many rows there are.

    **Returns** the state after the last step (which is not in the trajectory) and the trajectory.
    """

    def at(t: Int[Array, ""]) -> Key[Array, "2 env"]:
        return jax.vmap(lambda key: jr.split(jr.fold_in(key, t)), out_axes=1)(keys)

    def one(state: EpisodeState, step: Key[Array, "2 env"]):
        act, start = step
        env = state.env
        action = jax.vmap(policy)(env.obs, env.goal, act)
        row = (env.obs, action, env.goal, state.episode, env.terminated, env.unstable)
        return episodes.step(state, action, start), row

    # All keys are made at once, for between two steps of physics each small program waits for its threads to wake.
    state, rows = jax.lax.scan(one, state, jax.vmap(at)(jnp.arange(length)))
    return state, Trajectory(*rows)
