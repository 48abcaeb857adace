"""Free memory is what the machine, every control group around the process and its limits leave, whichever is least."""

import resource
from pathlib import Path

import psutil
import pytest

from crl._memory import host_memory_available

GB = 10**9


def tell(process: Path, lines: str) -> None:
    process.mkdir(exist_ok=True)
    (process / "cgroup").write_text(lines)


def group(folder: Path, names: tuple[str, str], limit: int | str, used: int, **stat: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in zip(names, (limit, used), strict=True):
        (folder / name).write_text(f"{value}\n")
    (folder / "memory.stat").write_text("".join(f"{name} {value}\n" for name, value in stat.items()))


TWO = ("memory.max", "memory.current")
ONE = ("memory.limit_in_bytes", "memory.usage_in_bytes")


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch):
    """A machine with 100 GB free and no limit on the address space."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: psutil._ntp.svmem(*[100 * GB] * 11))
    monkeypatch.setattr(resource, "getrlimit", lambda what: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def free(tmp_path: Path) -> int:
    return host_memory_available(tmp_path / "self", tmp_path / "groups")


def test_without_groups_it_is_the_machines(tmp_path: Path):
    assert free(tmp_path) == 100 * GB


@pytest.mark.parametrize("mount", ["groups", "groups/unified"])
def test_a_group_of_version_2_and_those_around_it(tmp_path: Path, mount: str):
    tell(tmp_path / "self", "1:name=systemd:/\n0::/job/step\n")
    group(tmp_path / mount / "job/step", TWO, "max", 3 * GB)
    assert free(tmp_path) == 100 * GB
    group(tmp_path / mount / "job", TWO, 16 * GB, 6 * GB, anon=4 * GB, active_file=1 * GB, inactive_file=500_000_000)
    assert free(tmp_path) == 11_500_000_000  # what the kernel can drop is free
    group(tmp_path / mount / "job/step", TWO, 8 * GB, 6 * GB, anon=6 * GB)
    assert free(tmp_path) == 2 * GB


def test_a_container_sees_its_group_as_the_root(tmp_path: Path):
    """With the path of the machine in /proc, which is not there inside."""
    tell(tmp_path / "self", "0::/docker/0123\n")
    group(tmp_path / "groups", TWO, 4 * GB, 1 * GB, anon=1 * GB)
    assert free(tmp_path) == 3 * GB


def test_a_group_of_version_1(tmp_path: Path):
    tell(tmp_path / "self", "9:cpu:/\n4:hugetlb,memory:/slurm/job\n0::/\n")
    group(tmp_path / "groups/memory/slurm/job", ONE, 2**63 - 4096, 6 * GB)  # no limit
    assert free(tmp_path) == 100 * GB
    group(tmp_path / "groups/memory/slurm", ONE, 10 * GB, 6 * GB, inactive_file=9, total_inactive_file=2 * GB)
    assert free(tmp_path) == 6 * GB


def test_a_group_that_has_more_than_it_may_leaves_nothing(tmp_path: Path):
    tell(tmp_path / "self", "0::/\n")
    group(tmp_path / "groups", TWO, 4 * GB, 5 * GB, anon=5 * GB)
    assert free(tmp_path) == 0


def test_the_limit_on_the_address_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(resource, "getrlimit", lambda what: (psutil.Process().memory_info().vms + GB, -1))
    assert 0.5 * GB < free(tmp_path) < 1.5 * GB
