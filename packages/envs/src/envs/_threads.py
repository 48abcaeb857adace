"""Guards against hangs of XLA's CPU client, where few CPUs are available and after a fork.

With a thread pool of one thread, two host callbacks with large arguments can wait for each other for ever:
the thread that runs the callback is the one that would copy its arguments.

A batch of Cholesky factorisations, which MJX's solver makes, waits inside one of the pool's threads for others to work
on its parts. A step of MJX has up to six of them, some side by side: where they hold all threads, all wait for ever.

Where one CPU stands for several devices, a collective operation of each device holds a thread until all devices have
come to it. They may come to independent ones in different orders, and two devices with two threads wait for ever.

`PJRT_NPROC` sets the size of the pool and is read once, when JAX starts its backend, so this module must run before
that: `envs/__init__.py` imports it first.
"""

import os
import re

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


def widen_pool(threads: int) -> bool:
    """Asks XLA for at least so many threads; returns whether its pool has (or will have) them.

    **Returns** False only where the pool has fewer and JAX's backend had started before.
    """
    if _pool() >= threads:
        return True
    if xla_bridge.backends_are_initialized():
        return False
    os.environ["PJRT_NPROC"] = str(threads)
    return True


def _forced_devices() -> int:
    """How many devices XLA_FLAGS makes of the CPU."""
    found = re.findall(r"--xla_force_host_platform_device_count=(\d{1,4})", os.environ.get("XLA_FLAGS", ""))
    return int(found[-1]) if found else 1


# Threads; more of them than CPUs make matrix products a quarter slower.
FOR_CALLBACKS, FOR_MJX, FOR_A_DEVICE = 2, 8, 4
POOL_IS_WIDE = widen_pool(FOR_CALLBACKS)
if _forced_devices() > 1:
    widen_pool(FOR_A_DEVICE * _forced_devices())


_forked = _started = False  # whether JAX's backend had started in the process that this one was forked from


def _before_fork() -> None:
    global _started
    _started = xla_bridge.backends_are_initialized()


def _after_fork() -> None:
    global _forked
    _forked = _forked or _started  # to ask JAX here might wait for a lock that a lost thread holds


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)


def refuse_fork() -> None:
    """Raises RuntimeError in a process forked from one in which JAX had started: its threads are missing, and the
    first computation would wait for them for ever.
    """
    if _forked:
        raise RuntimeError(
            "JAX hangs in a process that is forked after JAX has started: start it with"
            ' context="spawn" or "forkserver" (of AsyncVectorEnv), or use envs.GymnasiumVectorEnv.'
        )
