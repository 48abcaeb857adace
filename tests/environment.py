"""The environment of a process that measures, or is a user's."""

import os


def users_environment() -> dict[str, str]:
    """This process's environment without what the suite sets for its own speed."""
    return {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
