"""A measurement in a process of its own: nothing compiled before, no memory used before."""

import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

import psutil

Result = TypeVar("Result")


def alone(measure: Callable[..., Result], *arguments: Any, **environment: str) -> Result:
    """What `measure`, a function of a module on the path, returns in a fresh process with this added environment."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=_set, initargs=(environment,)) as pool:
        return pool.submit(measure, *arguments).result()


def _set(environment: dict[str, str]) -> None:
    os.environ.update(environment)


def since_start() -> float:
    """Seconds since this process began."""
    return time.time() - psutil.Process().create_time()


def peak_bytes() -> int:
    """The most memory that this process has held so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def held_bytes() -> int:
    """The memory that this process holds now."""
    return psutil.Process().memory_info().rss
