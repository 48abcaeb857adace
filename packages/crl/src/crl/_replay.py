"""A ring of recent steps on the device, and batches with hindsight goals drawn from it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float, Int, Key, UInt32

from envs import Trajectory

from ._goals import GeometricGoals


class Batch(eqx.Module):
    """Steps with hindsight goals.

    Attributes:
        obs: the state acted in.
        action: the action taken there, in [-1, 1].
        goal: what a later state of the same episode achieved, in the units of the goal.
    """

    obs: Float[Array, "batch obs"]
    action: Float[Array, "batch action"]
    goal: Float[Array, "batch goal"]


class Replay(eqx.Module):
    """The last `capacity` steps of every environment.

    A row holds the same moment of all environments. Rows are written in turn and the oldest is overwritten, so
    nothing is ever moved. `age` below counts rows from the oldest one held, 0, to the newest, `fill` - 1.

    In float16 a number is held to a relative 2^-11 (5 mm in 10 m) from 6e-5 to 65,504, the largest it holds: what is
    larger becomes that. Which steps are drawn does not depend on it.

    Attributes:
        obs, action: the steps.
        achieved: the goal that the state fulfils.
        episode: the episode a step belongs to; equal neighbours in age are one episode.
        head: the row that is written next.
        fill: how many rows hold data.
    """

    obs: Float[Array, "capacity env obs"]
    action: Float[Array, "capacity env action"]
    achieved: Float[Array, "capacity env goal"]
    episode: Int[Array, "capacity env"]
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
            episode=jnp.zeros((capacity, num_envs), jnp.int32),
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
            episode=self.episode.at[rows].set(trajectory.episode),
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

    def sample(
        self,
        goals: GeometricGoals,
        keys: Key[Array, " batch"],
        steps_left: Int[Array, "capacity env"],
        shards: int = 1,
    ) -> Batch:
        """Draws one step and its hindsight goal for every key, uniformly with replacement.

        Draws are stratified over environments: slot i of B serves the environments [i N / B, (i + 1) N / B) of N, so
        that a device that holds a share of the environments fills its own share of the batch alone and the batch
        does not depend on how many devices there are. The newest row is never drawn: nothing follows it yet.

        Args:
            goals: the law of the hindsight goal.
            keys: one for every slot held here.
            steps_left: `self.steps_left()`, computed once for many draws.
            shards: how many equal shares the environments and the batch are cut into, of which this is one.
        """
        batch, envs = len(keys), self.episode.shape[1]

        def draw(slot: Int[Array, ""], key: Key[Array, ""]):
            # One draw of bits for all three: a generator takes longer to compile, and to run, than all the rest.
            pick_env, pick_age, pick_goal = jr.bits(key, (3,), jnp.uint32)
            # Integers make the strata exact: slot * N + r, r uniform on 0..N-1, falls on each environment B times.
            r = _below(pick_env, envs * shards)
            env = (slot * (envs * shards) + r) // (batch * shards)
            age = _below(pick_age, self.fill - 1)
            ahead = goals((pick_goal >> 8).astype(float) * 2.0**-24, steps_left[age, env])
            row = self.row(age)
            drawn = self.obs[row, env], self.action[row, env], self.achieved[self.row(age + ahead), env]
            if self.obs.dtype == jnp.float16:
                drawn = tuple(x.astype(jnp.float32) for x in drawn)
            return drawn

        obs, action, goal = jax.vmap(draw)(jnp.arange(batch, dtype=jnp.int32), keys)
        return Batch(obs, action, goal)


def _below(bits: UInt32[Array, ""], n: Int[Array, ""] | int) -> Int[Array, ""]:
    """Uniform on 0..n-1, each with a chance within 2^-32 of 1/n; 0 where n is 0."""
    n = jnp.maximum(jnp.uint32(n), 1)
    return (bits % n).astype(jnp.int32)


def _held(x: Float[Array, "*shape"], dtype: DTypeLike) -> Float[Array, "*shape"]:
    """What a ring of this type holds of `x`: no finite number becomes infinite."""
    largest = float(jnp.finfo(dtype).max)
    return jnp.clip(x, -largest, largest).astype(dtype) if jnp.finfo(dtype).bits < jnp.finfo(x.dtype).bits else x
