"""How much memory is free: on the device that learns, and for this process on its machine."""

import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import jax
import psutil

_PROCESS, _GROUPS = Path("/proc/self"), Path("/sys/fs/cgroup")
# What the kernel drops when it needs room, in `memory.stat` of version 2 and of version 1 (with all groups inside).
_DROPPED = ("active_file", "inactive_file", "slab_reclaimable"), ("total_active_file", "total_inactive_file")
_UNLIMITED = 2**60  # version 1 writes a number near 2^63 for no limit


def memory_available() -> int:
    """Bytes free on the device that learns: all of its own memory, or `host_memory_available` for a CPU."""
    if jax.default_backend() == "cpu":
        return host_memory_available()
    stats = jax.devices()[0].memory_stats() or {}
    return stats.get("bytes_limit", host_memory_available())


def host_memory_available(process: Path = _PROCESS, groups: Path = _GROUPS) -> int:
    """Bytes this process may still take: the least of what the machine, its control groups and its limits leave.

    A container or a job of a cluster has a control group with a limit, which the machine's own number does not know.

    Args:
        process: where the kernel tells of the process.
        groups: where the control groups are mounted.
    """
    return max(0, min((psutil.virtual_memory().available, *_of_groups(process, groups), *_of_limits())))


def _of_groups(process: Path, groups: Path) -> Iterator[int]:
    """What the group of the process and each group around it leaves, of both versions."""
    try:
        lines = (process / "cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):  # no Linux
        return
    for line in lines:  # 0::/a/b of version 2, 4:memory:/a/b of version 1
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            for mount in (groups, groups / "unified"):
                yield from _left(mount, path, "memory.max", "memory.current", _DROPPED[0])
        elif "memory" in controllers.split(","):
            yield from _left(groups / "memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes", _DROPPED[1])


def _left(mount: Path, path: str, limit: str, used: str, dropped: tuple[str, ...]) -> Iterator[int]:
    """What is left of a limit in a group and those around it; a container may see none but its own, as the mount."""
    group = mount / path.strip("/")
    for folder in (group, *group.parents):
        with suppress(OSError, ValueError):  # no limit, "max", or no such folder here
            most, taken = (int((folder / name).read_text(encoding="utf-8")) for name in (limit, used))
            if most < _UNLIMITED:
                pairs = (line.split() for line in (folder / "memory.stat").read_text(encoding="utf-8").splitlines())
                counted = {name: int(value) for name, value in pairs}
                yield most - taken + min(taken, sum(counted.get(name, 0) for name in dropped))
        if folder == mount:
            return


def _of_limits() -> Iterator[int]:
    """What the limit on the address space leaves, as `ulimit -v` sets it."""
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY:
        yield most - psutil.Process().memory_info().vms
