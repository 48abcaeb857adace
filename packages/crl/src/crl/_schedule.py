"""How long a run is and when something is due in it: the numbers of `train`, checked."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from ._numbers import Integer, integer, real
from ._trainer import Trainer

_LARGEST = 2**31 - 1  # a counter on the device has 32 bits
_WHOLE = "an integer from 1 to 2^31 - 1"


class Schedule(NamedTuple):
    """The numbers of `train` as Python's own; see there."""

    env_steps: int | None
    updates: int | None
    eval_every: int
    seed: int
    checkpoint_minutes: float
    call_seconds: float
    seeds: tuple[int, ...]


def check_schedule(
    env_steps: Integer | None,
    updates: Integer | None,
    eval_every: Integer,
    seed: Integer,
    checkpoint_minutes: float,
    call_seconds: float,
    seeds: tuple[Integer, ...] = (),
) -> Schedule:
    """The numbers as they are counted with; raises `ValueError` for those `train` cannot work with."""
    if (env_steps is None) == (updates is None):
        raise ValueError(
            f"Either `env_steps` or `updates` of train says how long the run is; got {env_steps!r} and {updates!r}."
        )
    length = {}
    for name, value in (("env_steps", env_steps), ("updates", updates)):
        length[name] = None if value is None else integer(value, f"`{name}` of train", 1, _LARGEST, _WHOLE)
    whole = {"eval_every": integer(eval_every, "`eval_every` of train", 1, _LARGEST, _WHOLE)}
    whole["seed"] = integer(seed, "`seed` of train", 0, _LARGEST, "an integer from 0 to 2^31 - 1")
    spans = {}
    for name, value in (("checkpoint_minutes", checkpoint_minutes), ("call_seconds", call_seconds)):
        spans[name] = real(value, f"`{name}` of train", "a number above 0", lambda x: 0 < x < math.inf)
    if not isinstance(seeds, tuple | list):
        raise ValueError(f"`seeds` of train must be different integers, such as (0, 1, 2); got {seeds!r}.")
    accepted = "integers from 0 to 2^31 - 1"
    plain = tuple(integer(value, "`seeds` of train", 0, _LARGEST, accepted) for value in seeds)
    if len(set(plain)) < len(plain):
        raise ValueError(f"`seeds` of train must be different integers, such as (0, 1, 2); got {seeds!r}.")
    return Schedule(**length, **whole, **spans, seeds=plain)


@dataclass(frozen=True)
class Clock:
    """How far a run is after so many collects and the updates that follow them.

    Attributes:
        trainer: what is run.
        by_updates: whether the run's steps are updates; else environment steps.
        collects: of the whole run.
        eval_every: steps between evaluations.
    """

    trainer: Trainer
    by_updates: bool
    collects: int
    eval_every: int

    def env_steps(self, collects: int) -> int:
        """Environment steps taken, all environments together."""
        return collects * self.trainer.steps_per_collect

    def step(self, collects: int) -> int:
        """Where the run is, in the unit it is counted in."""
        return self.trainer.updates_due(collects) if self.by_updates else self.env_steps(collects)

    def evaluation_due(self, collects: int) -> bool:
        """Whether this is the first collect behind a multiple of `eval_every`, the start or the end."""
        if collects == 0 or collects >= self.collects:
            return True
        return self.step(collects) // self.eval_every > self.step(collects - 1) // self.eval_every

    def record_due(self, collects: int) -> bool:
        """Whether this collect leaves a record: there was an evaluation or an update."""
        return self.evaluation_due(collects) or self.trainer.updates_due(collects) > 0


def clock(trainer: Trainer, env_steps: int | None, updates: int | None, eval_every: int) -> Clock:
    """The clock of a run of so many environment steps or updates, rounded up to whole collects.

    Raises:
        ValueError: the data take no environment steps in which the run could be counted, or the environment steps or
            updates of the whole run pass 2^31 - 1.
    """
    if updates is not None:
        rounds = -(-updates // trainer.updates_per_collect)
        collects, asked = rounds + trainer.data.collects_before_updates - 1, f"`updates` of train is {updates:,}"
    elif env_steps is not None and trainer.steps_per_collect:
        collects, asked = -(-env_steps // trainer.steps_per_collect), f"`env_steps` of train is {env_steps:,}"
    else:
        raise ValueError(
            f"`env_steps` of train is {env_steps}, and {type(trainer.data).__name__} takes no environment steps: give "
            "`updates` of train instead."
        )
    found = Clock(trainer, updates is not None, collects, eval_every)
    if (steps := found.env_steps(collects)) > _LARGEST:
        raise ValueError(
            f"{asked}, which in whole collects of {trainer.steps_per_collect:,} are {steps:,} environment steps: at "
            "most 2^31 - 1 can be counted."
        )
    if (made := trainer.updates_due(collects)) > _LARGEST:
        raise ValueError(f"{asked}, for which {made:,} updates are made: at most 2^31 - 1 can be counted.")
    return found
