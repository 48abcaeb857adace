"""`remat = 'auto'`: what is kept for the backward pass is chosen by the memory that is free."""

from dataclasses import replace
from pathlib import Path

import run_directory
from configuration import Configuration, Key
from console import say
from exits import UserError

AUTO = "auto"
_BUDGET = 0.8  # of what is free


def resolved(configuration: Configuration, directory: Path, device: str, runs: int = 1) -> Configuration:
    """The configuration with a number for every `remat = 'auto'`; says what it chose.

    The first of 0, 1, 2, 4, ... with which the run fits into 80 % of the memory that is free; where none does, the one
    that takes least. A run that goes on keeps what it began with.

    Args:
        configuration: as given.
        directory: of the run, which may hold one already.
        device: what it is to run on, as in `Experiment`.
        runs: how many share the memory.
    """
    keys = [key for key, binding in configuration.bindings.items() if key.argument == "remat" and binding.value == AUTO]
    if not keys:
        return configuration
    there = run_directory.stored(directory)
    stored = {key: there.bindings[key].value for key in keys if key in there.bindings} if there else {}
    # Numbers alone: anything else there will be found to differ from the choice, and is checked before it is built.
    if len(stored) == len(keys) and all(type(value) is int for value in stored.values()):
        return _with(configuration, stored)
    return _with(configuration, dict.fromkeys(keys, _chosen(configuration, keys, device, runs)))


def _chosen(configuration: Configuration, keys: list[Key], device: str, runs: int) -> int:
    from experiment import Experiment

    import crl

    free = crl.memory_available() / runs
    budget, plans = _BUDGET * free, {}
    for blocks in (0, *(2**k for k in range(11))):
        try:
            plans[blocks] = Experiment(_with(configuration, dict.fromkeys(keys, blocks)), device).plan
        except UserError:
            if not blocks:  # not the number's fault
                raise
            break
        if plans[blocks].memory_bytes <= budget:
            break
    chosen = min(plans, key=lambda blocks: (plans[blocks].memory_bytes > budget, plans[blocks].memory_bytes))
    names = " and ".join(map(str, keys))
    needed = f"{plans[chosen].memory_bytes / 1e9:.1f} GB of the {free / 1e9:.1f} GB that are free"
    if runs > 1:
        needed += f" for each of {runs}"
    say(f"{names} = {chosen}, chosen from {', '.join(map(str, plans))}: the run then takes about {needed}.")
    return chosen


def _with(configuration: Configuration, values: dict[Key, int]) -> Configuration:
    bindings = dict(configuration.bindings)
    for key, value in values.items():
        bindings[key] = bindings[key]._replace(value=value)
    return replace(configuration, bindings=bindings)
