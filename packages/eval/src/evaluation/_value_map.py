"""Value maps: a critic's value of every place of a maze for a goal, beside true distances."""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from scipy.stats import rankdata

from envs import AbstractEnv, EnvState
from evaluation._path_lengths import Places

Value = Callable[[Float[Array, " obs"], Float[Array, " goal"]], Float[Array, ""]]
"""`(obs, goal) -> value` of one state; larger is nearer."""

_MOST_ENERGIES = 5_000_000


class ValueMap(NamedTuple):
    """A critic's view of one goal.

    Attributes:
        goal: its place, m.
        energy: the value at every place.
        path: length of the shortest way to the goal, m.
        straight: Euclidean distance to the goal, m.
        path_correlation, straight_correlation: Spearman's rank correlation of the energy with the negative distance:
            1 where the critic orders all places as that distance does, 0 where it holds all to be as near.
        distances_correlation: of the two distances with each other, for comparison.
    """

    goal: Float[np.ndarray, "2"]
    energy: Float[np.ndarray, " point"]
    path: Float[np.ndarray, " point"]
    straight: Float[np.ndarray, " point"]
    path_correlation: float
    straight_correlation: float
    distances_correlation: float


def value_maps(env: AbstractEnv, value: Value, key: Key[Array, ""]) -> tuple[Places, list[ValueMap]]:
    """The maps of all goal cells of a maze, in the order of `env.maze.goals`.

    The agent is put at every place as an episode starts it, and neither pushed nor turned; `key` draws that start,
    and what of a goal is not its place in the maze. `value` is of one state, at the action that the policy takes there.

    Raises:
        ValueError: the task has no maze, or one that is too large, or its goal is not for the agent itself to be at a
            place.
    """
    if env.maze is None:
        raise ValueError(f"{type(env).__name__} has no maze, so there is no map of it.")
    places = Places(env.maze)
    if len(places.xy) * len(env.maze.goals) > _MOST_ENERGIES:
        raise ValueError(
            f"The maze of {type(env).__name__} has {len(places.xy):,} places and {len(env.maze.goals):,} goals, which "
            f"is too large for a map: {_MOST_ENERGIES:,} pairs of them are accepted."
        )
    physics, drawn = env.begin(key)

    def put(xy: Float[Array, "2"]) -> EnvState:
        there = eqx.tree_at(lambda at: at.qpos, physics, physics.qpos.at[:2].set(xy))
        return env.advance(there, drawn, jnp.zeros(env.action_size), jnp.ones((), bool))

    xy = jnp.asarray(places.xy, physics.qpos.dtype)
    there = jax.jit(jax.vmap(put))(xy)
    if not np.allclose(there.achieved[:, :2], xy, atol=1e-3):
        raise ValueError(f"The goal of {type(env).__name__} is not where the agent is, so there is no map of it.")

    goals = jnp.stack([drawn.at[:2].set(cell) for cell in env.maze.goals])
    energies = np.asarray(jax.jit(jax.vmap(jax.vmap(value, (0, None)), (None, 0)))(there.obs, goals))
    return places, [_map(places, cell, one) for cell, one in zip(env.maze.goals, energies, strict=True)]


def _map(places: Places, goal: Float[np.ndarray, "2"], energy: Float[np.ndarray, " point"]) -> ValueMap:
    # Lengths that are equal on paper get equal ranks.
    path, straight = (np.round(lengths, 6) for lengths in (places.path_lengths(goal), places.straight_lengths(goal)))
    reachable = np.isfinite(path)
    pairs = (energy, -path), (energy, -straight), (path, straight)
    return ValueMap(goal, energy, path, straight, *(_rank_correlation(a[reachable], b[reachable]) for a, b in pairs))


def _rank_correlation(a: Float[np.ndarray, " point"], b: Float[np.ndarray, " point"]) -> float:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])
