"""Rings of known steps, batches drawn from them, and the statistic that judges how often."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from blank_env import BlankEnv

import crl
import envs

ENV = BlankEnv(obs=2, goal=2, action_size=1, threshold=1.5)  # a state and its neighbours reach each other


def steps(lengths, total: int) -> np.ndarray:
    """Episode ids of `total` steps of one env whose episodes have these lengths; the last one runs on."""
    ids = np.repeat(np.arange(len(lengths)), lengths)[:total]
    return np.concatenate([ids, np.full(total - len(ids), len(lengths))]).astype(np.int32)


# Four envs: one running episode; several lengths and a running one; single steps; one that just ended.
EPISODES = np.stack(
    [
        steps([], 40),
        steps([7, 1, 1, 12, 3], 40),
        steps([1] * 10 + [2] * 5, 40),
        steps([39], 40),
    ],
    axis=1,
)


def terminated(episode: np.ndarray) -> np.ndarray:
    """Which steps [T, N] end their episode by a termination: every second of those that are followed by another."""
    ends = np.zeros(episode.shape, bool)
    ends[:-1] = episode[1:] != episode[:-1]
    return ends & (episode % 2 == 0)


def trajectory(episode: np.ndarray, ended: np.ndarray, first: int) -> envs.Trajectory:
    """Rows of episode ids [T, N] as a trajectory.

    The observation of a step, which it achieves as well, is (env, time), unique to it; the action is -time; what was
    asked for is (100 + env, episode).
    """
    time, num_envs = episode.shape
    obs = np.stack(np.broadcast_arrays(np.arange(num_envs), np.arange(first, first + time)[:, None]), -1)
    asked = np.stack(np.broadcast_arrays(100 + np.arange(num_envs), episode), -1)
    return envs.Trajectory(
        obs=jnp.asarray(obs, jnp.float32),
        action=jnp.asarray(-obs[..., 1:], jnp.float32),
        achieved=jnp.asarray(obs, jnp.float32),
        goal=jnp.asarray(asked, jnp.float32),
        episode=jnp.asarray(episode, jnp.int32),
        terminated=jnp.asarray(ended),
        unstable=jnp.zeros(episode.shape, bool),
    )


add = eqx.filter_jit(crl.Replay.add)


def ring(capacity: int, episode: np.ndarray, unrolls) -> crl.Replay:
    """An empty ring into which the first sum(unrolls) rows of `episode` [T, N] were added, piece by piece."""
    replay, first, ended = crl.Replay.empty(capacity, episode.shape[1], 2, 1, 2), 0, terminated(episode)
    for length in unrolls:
        rows = slice(first, first + length)
        replay = add(replay, trajectory(episode[rows], ended[rows], first))
        first += length
    return replay


@eqx.filter_jit
def _draw(replay: crl.Replay, key, spec: crl.BatchSpec) -> crl.Batch:
    return crl.sampler(ENV, replay, spec)(key)


def draw(
    replay: crl.Replay,
    key,
    goals: crl.AbstractGoalLaw,
    actor_goals: crl.AbstractGoalLaw | None = None,
    size: int = 4000,
    reads: tuple[int, int, int] = (1, 0, 1),
    devices: int = 1,
) -> crl.Batch:
    """A batch; `reads`: horizon, lookahead and sequence."""
    return _draw(replay, key, crl.BatchSpec(size, *reads, goals, actor_goals, devices))


def chi_square(counts: np.ndarray, expected: np.ndarray) -> tuple[float, int]:
    """Pearson's statistic and its degrees of freedom; cells of fewer than 5 expected counts count as one."""
    rare = expected < 5
    counts = np.append(counts[~rare], counts[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    counts, expected = counts[expected > 0], expected[expected > 0]
    return float(((counts - expected) ** 2 / expected).sum()), len(expected) - 1
