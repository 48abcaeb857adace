"""The last state of the episode."""

from jaxtyping import Array, Int, UInt32

from .._goal_law import AbstractGoalLaw


class Final(AbstractGoalLaw):
    """The last stored step of the same episode.

    "final" of hindsight experience replay (Andrychowicz et al. 2017, arXiv 1707.01495, section 3.2).
    """

    @property
    def outside(self) -> frozenset[int]:
        return frozenset()

    def __call__(self, left: Int[Array, ""], bits: UInt32[Array, "2"]) -> Int[Array, ""]:
        del bits
        return left
