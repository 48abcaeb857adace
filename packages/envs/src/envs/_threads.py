"""A guard against a hang of XLA's CPU client where only one CPU is available.

With a thread pool of one thread, two host callbacks with large arguments can wait for each other for ever:
the thread that runs the callback is the one that would copy its arguments. `PJRT_NPROC` sets the size of the
pool and is read once, when JAX starts its backend, so this module must run before that: `envs/__init__.py`
imports it first.
"""

import os

from jax._src import xla_bridge


def cpus() -> int:
    """The CPUs this process may use, counted as XLA counts them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _pool() -> int:
    """The size of XLA's CPU thread pool if the backend started now."""
    asked = os.environ.get("PJRT_NPROC", "")
    return int(asked) if asked.isdigit() else cpus()


def widen_pool() -> bool:
    """Asks XLA for at least two threads; returns whether its pool is (or will be) wide enough for callbacks.

    **Returns** False only where the pool has one thread and JAX's backend had started before the first call.
    """
    if _pool() >= 2:
        return True
    if xla_bridge.backends_are_initialized():
        return False
    os.environ["PJRT_NPROC"] = "2"
    return True


POOL_IS_WIDE = widen_pool()
