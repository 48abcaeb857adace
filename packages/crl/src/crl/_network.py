"""What algorithms take for a network, and for what builds one."""

from collections.abc import Callable

from jaxtyping import Array, Float

Network = Callable[[Float[Array, " input"]], Float[Array, " output"]]


def check_builders(algorithm: str, **builders: object) -> None:
    """Raises `ValueError` for the first of an algorithm's arguments, given by name, that cannot build a network."""
    for name, value in builders.items():
        if not callable(value):
            raise ValueError(
                f"`{name}` of {algorithm} must build a network (in gin: @nets.ResidualMLP); got {value!r}."
            )
