"""The strict settings every test runs under."""

import os

# Eight CPU devices let the sharding tests build real meshes; everything else uses the first one.
# Programs are tiny and most of a test is their compilation: without LLVM's optimisation it takes a third.
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
from hypothesis import settings

# The same examples every time, and no folder of examples left behind.
settings.register_profile("suite", database=None, derandomize=True, deadline=None)
settings.load_profile("suite")

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
