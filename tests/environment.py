"""XLA's flags: those of the suite, and the environment of a process that measures, or is a user's."""

import os

# Programs are tiny and most of a test is their compilation: without LLVM's optimisation it takes a third, and with
# fewer passes little more than half of that.
FEWER_PASSES = (
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    " --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
)


def users_environment() -> dict[str, str]:
    """This process's environment without what the suite sets for its own speed."""
    return {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
