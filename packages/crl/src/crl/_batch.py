"""What an update learns from."""

import equinox as eqx
from jaxtyping import Array, Bool, Float, Int

from ._goal_law import AbstractGoalLaw


class Batch(eqx.Module):
    """Steps in a row of one episode each, and the goals they are trained on.

    Beyond the end of the stored episode the last state is repeated. What an algorithm does not read costs nothing: XLA
    removes it from the program.

    Attributes:
        obs: [batch, horizon + 1, obs]; row 0 is acted in, row i is the state i steps later.
        action: [batch, horizon, action], in [-1, 1]; action[i] leads from obs[i] to obs[i + 1].
        valid: [batch, horizon]; whether step i happened and is stored. Step 0 did not where no episode of an
            environment has two stored states.
        terminated: [batch, horizon]; whether obs[i + 1] ended the episode. A time limit does not: a value is
            bootstrapped through it.
        achieved: [batch, lookahead + 1, goal]; the goal achieved i steps later; beyond `left`, the last one.
        reached: [batch, lookahead + 1]; whether achieved[i] fulfils `goal` by the task's threshold: the sparse reward.
        goal: [batch, goal]; by the law of the critic's goals.
        actor_goal: [batch, goal]; by the law of the actor's goals, `None` where they are the critic's own draws.
        goal_sequence: [batch, sequence, goal]; what was achieved at `offset`, `offset` + 1, ..., the last one repeated
            beyond the episode's end; where `offset` is -1, `goal` repeated.
        offset: [batch]; steps to the state that achieved `goal`: 0 for the current one, -1 for none of this episode.
        left: [batch]; steps the stored episode goes on after row 0: the time at which it is censored unless it `fell`.
        fell: [batch]; whether the stored episode ends by a termination; else by a time limit, or it still runs.
        other: [batch, goal]; a goal achieved anywhere in the data, independent of this row.
        commanded: [batch, goal]; what the policy that made the data was asked for.
    """

    obs: Float[Array, "batch states obs"]
    action: Float[Array, "batch horizon action"]
    valid: Bool[Array, "batch horizon"]
    terminated: Bool[Array, "batch horizon"]
    achieved: Float[Array, "batch ahead goal"]
    reached: Bool[Array, "batch ahead"]
    goal: Float[Array, "batch goal"]
    actor_goal: Float[Array, "batch goal"] | None
    goal_sequence: Float[Array, "batch sequence goal"]
    offset: Int[Array, " batch"]
    left: Int[Array, " batch"]
    fell: Bool[Array, " batch"]
    other: Float[Array, "batch goal"]
    commanded: Float[Array, "batch goal"]

    @property
    def goal_of_actor(self) -> Float[Array, "batch goal"]:
        """`actor_goal`, or `goal` where that serves both."""
        return self.goal if self.actor_goal is None else self.actor_goal


class BatchSpec(eqx.Module):
    """What batches are drawn.

    Attributes:
        batch_size: rows.
        horizon, lookahead, sequence: the sizes of `Batch` that the algorithm asks for.
        goals: the law of `Batch.goal`.
        actor_goals: the law of `Batch.actor_goal`; `None` for the same draw as `goal`.
        devices: that share the data and the batch.
    """

    batch_size: int
    horizon: int
    lookahead: int
    sequence: int
    goals: AbstractGoalLaw
    actor_goals: AbstractGoalLaw | None
    devices: int
