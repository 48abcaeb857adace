"""What sampling costs: 800 batches with hindsight goals from a full replay, beside the copy of as many bytes."""

import time
from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from absl import flags
from bench_alone import alone, held_bytes, peak_bytes
from bench_sizes import sizes
from bench_turns import in_turns, ratio, shown

import crl
import envs
from crl.goals.geometric import Geometric

HEADER = f"{'envs':>5} {'bits':>4} {'batch':>5}   seconds, GB above the replay's own"
BATCHES = 800  # of one cycle of the paper's
CAPACITY = 10_000
TURNS = 7
_UNROLL = 62


def measurements(values: flags.FlagValues) -> Iterator[tuple[tuple[str, ...], dict[str, float]]]:
    """Every number of environments and batch asked for, in 32 and in 16 bits."""
    rows, batches = sizes(values, "envs", [512]), sizes(values, "batches", [512])
    return (
        ((f"{row} envs, batch {batch}, {bits} bits", "replay"), alone(measure, row, batch, bits))
        for row in rows
        for batch in batches
        for bits in (32, 16)
    )


def measure(num_envs: int, batch: int, bits: int) -> dict[str, float]:
    """Seconds for 800 batches of the humanoid's steps and goals, and memory above what the replay itself holds.

    `floor` is the copy of the bytes that are drawn, at the speed of a large copy in this process; `ratio` its share.
    """
    env = envs.Humanoid(engine="native")
    dtype = jnp.float32 if bits == 32 else jnp.float16
    replay = _filled(env, num_envs, CAPACITY, dtype)

    spec = crl.BatchSpec(batch, horizon=1, lookahead=0, sequence=0, goals=Geometric(), actor_goals=None, devices=1)

    @jax.jit
    def draw(replay: crl.Replay, key: jax.Array) -> tuple[jax.Array, ...]:
        sample = crl.sampler(env, replay, spec)

        def one(total: tuple[jax.Array, ...], key: jax.Array) -> tuple[tuple[jax.Array, ...], None]:
            drawn = sample(key)
            read = drawn.obs[:, 0], drawn.action[:, 0], drawn.goal  # what contrastive RL reads
            return jax.tree.map(jnp.add, total, read), None  # the sum needs every number of every batch

        zero = tuple(jnp.zeros((batch, size)) for size in (env.obs_size, env.action_size, env.goal_size))
        return jax.lax.scan(one, zero, jr.split(key, BATCHES))[0]

    before = held_bytes()
    jax.block_until_ready(draw(replay, jr.key(0)))
    above = peak_bytes() - before
    moved = BATCHES * batch * (env.obs_size + env.action_size + env.goal_size) * dtype(0).itemsize

    def ours() -> float:
        began = time.perf_counter()
        jax.block_until_ready(draw(replay, jr.key(1)))
        return 1 / (time.perf_counter() - began)

    mine, floor = in_turns([ours, partial(_copy, np.zeros(2**26), np.zeros(2**26), moved)], TURNS)
    return {
        "envs": num_envs,
        "batch": batch,
        "bits": bits,
        "seconds": float(1 / np.median(mine)),
        "floor_seconds": float(1 / np.median(floor)),
        "above_gb": above / 1e9,
        "replay_gb": sum(x.nbytes for x in jax.tree.leaves(replay)) / 1e9,
    } | ratio(mine, floor)


def _copy(source: np.ndarray, target: np.ndarray, moved: int) -> float:
    began = time.perf_counter()
    np.copyto(target, source)
    return source.nbytes / (time.perf_counter() - began) / moved


def _filled(env: envs.AbstractEnv, num_envs: int, capacity: int, dtype: jnp.dtype) -> crl.Replay:
    """A replay full of random numbers, with an episode's end every 1,000 steps, written by unrolls as in training."""
    obs, act = jr.split(jr.key(0))
    flags = jnp.zeros((_UNROLL, num_envs), bool)
    trajectory = envs.Trajectory(
        obs=jr.normal(obs, (_UNROLL, num_envs, env.obs_size)),
        action=jr.uniform(act, (_UNROLL, num_envs, env.action_size), minval=-1),
        achieved=jnp.zeros((_UNROLL, num_envs, env.goal_size)),
        goal=jnp.zeros((_UNROLL, num_envs, env.goal_size)),
        episode=jnp.zeros((_UNROLL, num_envs), jnp.int32),
        terminated=flags,
        unstable=flags,
    )

    @partial(jax.jit, donate_argnums=0)
    def add(replay: crl.Replay, first: jax.Array) -> crl.Replay:
        rows, columns = jnp.meshgrid(jnp.arange(_UNROLL), jnp.arange(num_envs), indexing="ij")
        age = first + rows + columns  # episodes of different environments end at different times
        return replay.add(envs.Trajectory(**{**vars(trajectory), "episode": (age // 1_000).astype(jnp.int32)}))

    replay = crl.Replay.empty(capacity, num_envs, env.obs_size, env.action_size, env.goal_size, dtype)
    for first in range(0, capacity + _UNROLL, _UNROLL):
        replay = add(replay, jnp.int32(first))
    return jax.block_until_ready(replay)


def line(path: tuple[str, ...], found: dict[str, float]) -> str:
    """One line of the table."""
    said = f"{found['seconds']:.3f} s, {found['above_gb']:.2f} GB above {found['replay_gb']:.2f} GB"
    sizes = f"{found['envs']:>5} {found['bits']:>4} {found['batch']:>5}"
    return f"{sizes}   {said}, {shown(found, 'of the speed of a copy')}"
