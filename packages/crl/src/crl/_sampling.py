"""Batches drawn from a ring of steps, with goals relabelled by a law."""

from collections.abc import Callable
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Bool, Float, Int, Key, UInt32

from envs import AbstractEnv

from ._batch import Batch, BatchSpec
from ._goal_law import COMMANDED, OTHER
from ._mesh import shard_envs, sharded
from ._replay import Replay


class _Draw(eqx.Module):
    """One row of a batch before goals from outside its own environments are put in; named as in `Batch`."""

    obs: Float[Array, "states obs"]
    action: Float[Array, "horizon action"]
    valid: Bool[Array, " horizon"]
    terminated: Bool[Array, " horizon"]
    achieved: Float[Array, "ahead goal"]
    goal: Float[Array, " goal"]
    actor_goal: Float[Array, " goal"] | None
    goal_sequence: Float[Array, "sequence goal"]
    offset: Int[Array, ""]  # as the law gave it
    actor_offset: Int[Array, ""]
    left: Int[Array, ""]
    fell: Bool[Array, ""]
    other: Float[Array, " goal"]
    commanded: Float[Array, " goal"]


def sampler(env: AbstractEnv, replay: Replay, spec: BatchSpec) -> Callable[[Key[Array, ""]], Batch]:
    """What draws batches from a ring, each with a key: steps and goals, uniformly with replacement.

    Every device fills its own share of a batch from its own environments. The only numbers that cross devices are the
    goals `Batch.other`, which are shuffled over the whole batch.
    """
    specs, columns = shard_envs(replay, 1), P(None, "data")
    left = sharded(Replay.steps_left, spec.devices, (specs,), columns)(replay)
    counts = sharded(_counts, spec.devices, (columns,), P("data"))(left)
    draw = sharded(partial(_share, spec=spec), spec.devices, (specs, columns, P("data"), P("data")), P("data"))
    slots = jnp.arange(spec.batch_size, dtype=jnp.int32)

    def sample(key: Key[Array, ""]) -> Batch:
        drawn = draw(replay, left, counts, jax.vmap(partial(jr.fold_in, key))(slots))
        return _batch(env, spec, drawn, jr.fold_in(key, spec.batch_size))  # which is no slot's number

    return sample


def _counts(left: Int[Array, "capacity env"]) -> Int[Array, "env capacity"]:
    """How many steps of an environment up to each age lead on to another one, so that they can be drawn."""
    return jnp.cumsum(left.T > 0, axis=1, dtype=jnp.int32)


def _drawn(counts: Int[Array, "env capacity"], column: Int[Array, ""], bits: UInt32[Array, ""]) -> Int[Array, ""]:
    """The age of a step that leads on to another one, all of them equally likely: by binary search of its rank.

    Where an environment has none, age 0.
    """
    capacity = counts.shape[1]
    rank = _below(bits, counts[column, -1])
    before = jnp.int32(0)  # ages whose count does not exceed the rank
    for power in reversed(range(capacity.bit_length())):
        tried = before + (1 << power)
        inside = tried <= capacity
        fewer = counts[column, jnp.minimum(tried, capacity) - 1] <= rank
        before = jnp.where(inside & fewer, tried, before)
    return jnp.where(before < capacity, before, 0)


def _share(
    replay: Replay,
    left: Int[Array, "capacity env"],
    counts: Int[Array, "env capacity"],
    keys: Key[Array, " batch"],
    *,
    spec: BatchSpec,
) -> _Draw:
    """The rows of one device's share of a batch, from its share of the environments.

    Draws are stratified over environments: slot i of B serves the environments [i N / B, (i + 1) N / B) of N, so
    that a device that holds a share of the environments fills its own share of the batch alone and the batch
    does not depend on how many devices hold the same environments. Within one, all steps from which another one
    follows are equally likely: neither the newest nor the last one of an episode, whose action had no effect.
    """
    shards, (batch, envs) = spec.devices, (len(keys), left.shape[1])

    def draw(slot: Int[Array, ""], key: Key[Array, ""]) -> _Draw:
        # One draw of bits for all three: a generator takes longer to compile, and to run, than all the rest.
        pick_env, pick_age, pick_goal = jr.bits(key, (3,), jnp.uint32)
        # What only some laws need is a draw of its own, which XLA removes where nobody reads it.
        more, actor_goal, actor_more, other_env, other_age = jr.bits(jr.fold_in(key, 3), (5,), jnp.uint32)

        def environment(bits: UInt32[Array, ""]) -> Int[Array, ""]:
            # Integers make the strata exact: slot * N + r, r uniform on 0..N-1, falls on each environment B times.
            r = _below(bits, envs * shards)
            return (slot * (envs * shards) + r) // (batch * shards)

        column = environment(pick_env)
        age = _drawn(counts, column, pick_age)
        remaining = left[age, column]

        def at(steps: Int[Array, "*n"]) -> Int[Array, "*n"]:
            """The row of the state so many steps later, or of the last of the stored episode."""
            return replay.row(age + jnp.minimum(steps, remaining))

        def window(ring: Float[Array, "capacity env n"], length: int) -> Float[Array, "length n"]:
            # The first row apart, because XLA takes it out of a concatenation but not out of a gather.
            rest = ring[at(jnp.arange(1, length, dtype=jnp.int32)), column]
            return _number(jnp.concatenate([ring[replay.row(age), column][None], rest]))

        def achieved(row: Int[Array, "*n"], column: Int[Array, ""] = column) -> Float[Array, "*n goal"]:
            return _number(replay.achieved[row, column])

        offset = spec.goals(remaining, jnp.stack([pick_goal, more]))
        actor_offset = offset
        if spec.actor_goals is not None:
            actor_offset = spec.actor_goals(remaining, jnp.stack([actor_goal, actor_more]))
        goal = achieved(at(jnp.maximum(offset, 0)))
        steps = jnp.arange(max(spec.horizon, spec.lookahead, spec.sequence) + 1, dtype=jnp.int32)
        ahead = steps[: spec.horizon]
        sequence = jnp.maximum(offset, 0) + steps[: spec.sequence]
        return _Draw(
            obs=window(replay.obs, spec.horizon + 1),
            action=window(replay.action, spec.horizon),
            valid=ahead < remaining,
            terminated=replay.terminated[at(ahead + 1), column] & (ahead < remaining),
            achieved=achieved(at(steps[: spec.lookahead + 1])),
            goal=goal,
            actor_goal=None if spec.actor_goals is None else achieved(at(jnp.maximum(actor_offset, 0))),
            goal_sequence=achieved(at(sequence)),
            offset=offset,
            actor_offset=actor_offset,
            left=remaining,
            fell=replay.terminated[at(remaining), column],
            other=achieved(replay.row(_below(other_age, replay.fill)), environment(other_env)),
            commanded=_number(replay.commanded[replay.row(age), column]),
        )

    return jax.vmap(draw)(jnp.arange(batch, dtype=jnp.int32), keys)


def _batch(env: AbstractEnv, spec: BatchSpec, drawn: _Draw, key: Key[Array, ""]) -> Batch:
    """Puts the goals from outside in and says which are reached."""
    other = jr.permutation(key, drawn.other)

    def chosen(law, goal: Float[Array, "batch goal"], offset: Int[Array, " batch"]) -> Float[Array, "batch goal"]:
        for outside, goals in ((OTHER, other), (COMMANDED, drawn.commanded)):
            if outside in law.outside:
                goal = jnp.where((offset == outside)[:, None], goals, goal)
        return goal

    goal = chosen(spec.goals, drawn.goal, drawn.offset)
    actor_goal = drawn.actor_goal
    if spec.actor_goals is not None and actor_goal is not None:
        actor_goal = chosen(spec.actor_goals, actor_goal, drawn.actor_offset)
    here = (drawn.offset >= 0)[:, None, None]
    reached = jax.vmap(jax.vmap(env.is_success, (0, None)))(drawn.achieved, goal)
    return Batch(
        obs=drawn.obs,
        action=drawn.action,
        valid=drawn.valid,
        terminated=drawn.terminated,
        achieved=drawn.achieved,
        reached=reached,
        goal=goal,
        actor_goal=actor_goal,
        goal_sequence=jnp.where(here, drawn.goal_sequence, goal[:, None]),
        offset=jnp.maximum(drawn.offset, -1),
        left=drawn.left,
        fell=drawn.fell,
        other=other,
        commanded=drawn.commanded,
    )


def blank_batch(env: AbstractEnv, spec: BatchSpec) -> Batch:
    """A batch of zeros."""
    n, obs, action, goal = spec.batch_size, env.obs_size, env.action_size, env.goal_size
    return Batch(
        obs=jnp.zeros((n, spec.horizon + 1, obs)),
        action=jnp.zeros((n, spec.horizon, action)),
        valid=jnp.zeros((n, spec.horizon), bool),
        terminated=jnp.zeros((n, spec.horizon), bool),
        achieved=jnp.zeros((n, spec.lookahead + 1, goal)),
        reached=jnp.zeros((n, spec.lookahead + 1), bool),
        goal=jnp.zeros((n, goal)),
        actor_goal=None if spec.actor_goals is None else jnp.zeros((n, goal)),
        goal_sequence=jnp.zeros((n, spec.sequence, goal)),
        offset=jnp.zeros(n, jnp.int32),
        left=jnp.zeros(n, jnp.int32),
        fell=jnp.zeros(n, bool),
        other=jnp.zeros((n, goal)),
        commanded=jnp.zeros((n, goal)),
    )


def _below(bits: UInt32[Array, ""], n: Int[Array, ""] | int) -> Int[Array, ""]:
    """Uniform on 0..n-1, each with a chance within 2^-32 of 1/n; 0 where n is 0."""
    n = jnp.maximum(jnp.uint32(n), 1)
    return (bits % n).astype(jnp.int32)


def _number(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """What is computed with: a ring may hold half precision."""
    return x.astype(jnp.float32) if x.dtype == jnp.float16 else x
