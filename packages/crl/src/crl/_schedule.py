"""How long a run is and when something is due in it: the numbers of `train`, checked."""

import math
from typing import NamedTuple

from ._numbers import Integer, integer, real
from ._trainer import Trainer

_LARGEST = 2**31 - 1  # a counter on the device has 32 bits


class Schedule(NamedTuple):
    """The numbers of `train` as Python's own; see there."""

    env_steps: int
    eval_every: int
    seed: int
    checkpoint_minutes: float
    call_seconds: float
    seeds: tuple[int, ...]


def check_schedule(
    env_steps: Integer,
    eval_every: Integer,
    seed: Integer,
    checkpoint_minutes: float,
    call_seconds: float,
    seeds: tuple[Integer, ...] = (),
) -> Schedule:
    """The numbers as they are counted with; raises `ValueError` for those `train` cannot work with."""
    whole = {}
    for name, value in (("env_steps", env_steps), ("eval_every", eval_every), ("seed", seed)):
        least = 0 if name == "seed" else 1
        accepted = f"an integer from {least} to 2^31 - 1"
        whole[name] = integer(value, f"`{name}` of train", least, _LARGEST, accepted)
    spans = {}
    for name, value in (("checkpoint_minutes", checkpoint_minutes), ("call_seconds", call_seconds)):
        spans[name] = real(value, f"`{name}` of train", "a number above 0")
        if not 0 < spans[name] < math.inf:
            raise ValueError(f"`{name}` of train must be a number above 0; got {value!r}.")
    if not isinstance(seeds, tuple | list):
        raise ValueError(f"`seeds` of train must be different integers, such as (0, 1, 2); got {seeds!r}.")
    accepted = "integers from 0 to 2^31 - 1"
    plain = tuple(integer(value, "`seeds` of train", 0, _LARGEST, accepted) for value in seeds)
    if len(set(plain)) < len(plain):
        raise ValueError(f"`seeds` of train must be different integers, such as (0, 1, 2); got {seeds!r}.")
    return Schedule(**whole, **spans, seeds=plain)


def whole_collects(trainer: Trainer, env_steps: int) -> int:
    """How many times a run of `env_steps` collects: the steps are rounded up to whole collects.

    Raises:
        ValueError: the environment steps or the updates taken by then pass 2^31 - 1.
    """
    collects = -(-env_steps // trainer.steps_per_collect)
    steps = collects * trainer.steps_per_collect
    if steps > _LARGEST:
        raise ValueError(
            f"`env_steps` of train is {env_steps:,}, which in whole collects of {trainer.steps_per_collect:,} are "
            f"{steps:,}: at most 2^31 - 1 can be counted."
        )
    updates = trainer.updates_due(steps)
    if updates > _LARGEST:
        raise ValueError(
            f"`env_steps` of train is {env_steps:,}, for which {updates:,} updates are made: at most 2^31 - 1 can be "
            f"counted."
        )
    return collects
