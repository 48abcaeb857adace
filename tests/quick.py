"""`jit` for tests: compiled without optimisation, in half the time."""

from functools import partial

import jax

quick_jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
