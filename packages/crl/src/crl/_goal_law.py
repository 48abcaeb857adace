"""The law of a training goal: which state of the stored data a step is trained to reach."""

import abc

import equinox as eqx
from jaxtyping import Array, Int, UInt32

OTHER, COMMANDED = -1, -2


class AbstractGoalLaw(eqx.Module):
    """Draws how many steps after a step of an episode the state lies whose achieved goal is asked for.

    A law is arithmetic on numbers; the sampler does all gathering. One law may serve the critic and another the actor.
    """

    @property
    @abc.abstractmethod
    def outside(self) -> frozenset[int]:
        """Which of `OTHER` and `COMMANDED` the law may return: the sampler gathers no goals that cannot be drawn."""

    @abc.abstractmethod
    def __call__(self, left: Int[Array, ""], bits: UInt32[Array, "2"]) -> Int[Array, ""]:
        """The offset of the goal, for one step.

        Args:
            left: steps left in the stored episode after this one, R >= 0.
            bits: independent and uniform. The first decides the offset; the second is for laws that choose among laws.

        Returns:
            0..R for a state of the same episode, 0 being the step's own; or `OTHER`, a goal achieved anywhere in the
            data; or `COMMANDED`, what the policy that made the data was asked for.
        """
