"""The strict settings every test runs under."""

import atexit
import os
import signal
import sys
import tempfile
from collections.abc import Iterator

from environment import FEWER_PASSES

# Eight CPU devices let the sharding tests build real meshes; everything else uses the first one.
# Proofs run for long, and have all of XLA's passes: MJX needs minutes then, not hours.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_force_host_platform_device_count=8" + ("" if "proof" in sys.argv else f" {FEWER_PASSES}"),
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# What one test has compiled no other compiles again, in whichever process it runs. Workers inherit the variable.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    cache = tempfile.TemporaryDirectory(prefix="compiled")
    atexit.register(cache.cleanup)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = cache.name
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")

import jax
import processes
import pytest
from hypothesis import settings

# The same examples every time, and no folder of examples left behind.
settings.register_profile("suite", database=None, derandomize=True, deadline=None)
settings.load_profile("suite")

# A shell ignores Ctrl-C in what it runs in the background, and all that is started from there would do so, too.
signal.signal(signal.SIGINT, signal.default_int_handler)

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")


def pytest_configure(config: pytest.Config) -> None:
    processes.adopt_orphans()
    if _proofs(config):  # the numbers it prints are what it is run for
        config.option.reportchars += "P"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Proofs have a day: their limit, too, is for what hangs."""
    for item in items:
        if item.get_closest_marker("proof"):
            item.add_marker(pytest.mark.timeout(24 * 3600))


def pytest_unconfigure() -> None:
    """Ends what a worker left that crashed."""
    processes.end_all()


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    with processes.leaving_none():
        yield


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """No workers for proofs: they measure time and memory, each for itself."""
    return 0 if _proofs(config) else None


def _proofs(config: pytest.Config) -> bool:
    return config.option.markexpr == "proof"
