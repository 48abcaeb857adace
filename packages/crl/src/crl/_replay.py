"""A ring of recent steps on the device."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float, Int

from envs import Trajectory


class Replay(eqx.Module):
    """The last `capacity` steps of every environment.

    A row holds the same moment of all environments. Rows are written in turn and the oldest is overwritten, so
    nothing is ever moved. `age` below counts rows from the oldest one held, 0, to the newest, `fill` - 1.

    In float16 a number is held to a relative 2^-11 (5 mm in 10 m) from 6e-5 to 65,504, the largest it holds: what is
    larger becomes that. Which steps are drawn does not depend on it.

    Attributes:
        obs, action: the steps.
        achieved, commanded: the goal that the state fulfils, and the one that the policy was asked for.
        episode: the episode a step belongs to; equal neighbours in age are one episode.
        terminated: whether the episode ended in this state, other than by its time limit.
        head: the row that is written next.
        fill: how many rows hold data.
    """

    obs: Float[Array, "capacity env obs"]
    action: Float[Array, "capacity env action"]
    achieved: Float[Array, "capacity env goal"]
    commanded: Float[Array, "capacity env goal"]
    episode: Int[Array, "capacity env"]
    terminated: Bool[Array, "capacity env"]
    head: Int[Array, ""]
    fill: Int[Array, ""]

    @staticmethod
    def empty(
        capacity: int, num_envs: int, obs_size: int, action_size: int, goal_size: int, dtype: DTypeLike = float
    ) -> "Replay":
        """A ring of `capacity` rows for `num_envs` environments that holds nothing yet; `dtype` of its numbers."""
        return Replay(
            obs=jnp.zeros((capacity, num_envs, obs_size), dtype),
            action=jnp.zeros((capacity, num_envs, action_size), dtype),
            achieved=jnp.zeros((capacity, num_envs, goal_size), dtype),
            commanded=jnp.zeros((capacity, num_envs, goal_size), dtype),
            episode=jnp.zeros((capacity, num_envs), jnp.int32),
            terminated=jnp.zeros((capacity, num_envs), bool),
            head=jnp.int32(0),
            fill=jnp.int32(0),
        )

    def add(self, trajectory: Trajectory) -> "Replay":
        """Writes a trajectory of at most `capacity` rows behind the newest row, in place under donation."""
        capacity, length = len(self.obs), len(trajectory.obs)
        if length > capacity:
            raise ValueError(f"A trajectory of {length} steps does not fit a replay of {capacity} rows.")
        rows = (self.head + jnp.arange(length, dtype=jnp.int32)) % capacity
        return Replay(
            obs=self.obs.at[rows].set(_held(trajectory.obs, self.obs.dtype)),
            action=self.action.at[rows].set(_held(trajectory.action, self.action.dtype)),
            achieved=self.achieved.at[rows].set(_held(trajectory.achieved, self.achieved.dtype)),
            commanded=self.commanded.at[rows].set(_held(trajectory.goal, self.commanded.dtype)),
            episode=self.episode.at[rows].set(trajectory.episode),
            terminated=self.terminated.at[rows].set(trajectory.terminated),
            head=(self.head + length) % capacity,
            fill=jnp.minimum(self.fill + length, capacity),
        )

    def row(self, age: Int[Array, "*n"]) -> Int[Array, "*n"]:
        """Where the step of this age lies in the ring."""
        return (self.head - self.fill + age) % len(self.obs)

    def steps_left(self) -> Int[Array, "capacity env"]:
        """How many later steps of the same episode the ring holds, for every age (row k is age k).

        An episode that still runs is cut at the newest row. Ages from `fill` on hold nothing and get 0.
        """
        age = jnp.arange(len(self.obs), dtype=jnp.int32)
        episode = self.episode[self.row(age)]
        last: Bool[Array, "capacity env"] = (
            jnp.concatenate([episode[1:] != episode[:-1], jnp.ones_like(episode[:1], bool)])
            | (age + 1 >= self.fill)[:, None]
        )
        # The age of the nearest last step at or after each step.
        end = jax.lax.cummin(jnp.where(last, age[:, None], len(age)), reverse=True)
        return end - age[:, None]


def _held(x: Float[Array, "*shape"], dtype: DTypeLike) -> Float[Array, "*shape"]:
    """What a ring of this type holds of `x`: no finite number becomes infinite."""
    largest = float(jnp.finfo(dtype).max)
    return jnp.clip(x, -largest, largest).astype(dtype) if jnp.finfo(dtype).bits < jnp.finfo(x.dtype).bits else x
