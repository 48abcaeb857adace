"""Two agents on one stream of experience, of which only one acts: exploration apart from expressivity.

The paper's section 4.5 and figure 8; as an experiment, "tandem" learning (Ostrovski et al. 2021, arXiv 2110.14020).
"""

from typing import Any

import equinox as eqx
import jax.random as jr
from jaxtyping import Array, Float, Key

from envs import AbstractEnv, AbstractPolicy

from .._algorithm import AbstractValueAlgorithm, Metrics
from .._batch import Batch


class Pair(eqx.Module):
    """Something of each of the two.

    Attributes:
        collector: its networks, or its state.
        learner: the same of the other.
    """

    collector: Any
    learner: Any


class Tandem(AbstractValueAlgorithm[Pair, Pair]):
    """The collector alone acts and fills the replay; the learner is what is tested. Both learn from every batch.

    Nothing that the collector draws, does or learns depends on the learner: in runs of one seed that differ in their
    learner alone, all learners see the same replay.

    Attributes:
        collector: fills the replay; its metrics are named `train/collector_...`.
        learner: never acts while training; policy, values and the usual metrics are its own.
    """

    collector: AbstractValueAlgorithm
    learner: AbstractValueAlgorithm
    horizon: int
    lookahead: int
    sequence: int

    def __init__(self, collector: AbstractValueAlgorithm, learner: AbstractValueAlgorithm):
        """Raises `ValueError` unless both are algorithms that read batches of the same sizes."""
        for name, value in (("collector", collector), ("learner", learner)):
            if not isinstance(value, AbstractValueAlgorithm):
                raise ValueError(
                    f"`{name}` of Tandem must be an algorithm with a value (in gin: "
                    f"@{name}/contrastive.ContrastiveRL()); got {value!r}."
                )
        reads = [(one.horizon, one.lookahead, one.sequence) for one in (collector, learner)]
        if reads[0] != reads[1]:
            raise ValueError(
                f"`collector` and `learner` of Tandem must read batches of one horizon, lookahead and sequence; got "
                f"{reads[0]} and {reads[1]}."
            )
        self.collector, self.learner = collector, learner
        self.horizon, self.lookahead, self.sequence = reads[0]

    def build(self, env: AbstractEnv, key: Key[Array, ""]) -> Pair:
        """Two sets of networks, each from a key of its own."""
        collector, learner = jr.split(key)
        return Pair(self.collector.build(env, collector), self.learner.build(env, learner))

    def start(self, networks: Pair, key: Key[Array, ""]) -> Pair:
        collector, learner = jr.split(key)
        return Pair(self.collector.start(networks.collector, collector), self.learner.start(networks.learner, learner))

    def networks(self, state: Pair) -> Pair:
        return Pair(self.collector.networks(state.collector), self.learner.networks(state.learner))

    def policy(self, networks: Pair) -> AbstractPolicy:
        """The learner's."""
        return self.learner.policy(networks.learner)

    def explorer(self, networks: Pair) -> AbstractPolicy:
        """The collector's."""
        return self.collector.explorer(networks.collector)

    def value(self, networks: Pair, obs: Float[Array, " obs"], goal: Float[Array, " goal"]) -> Float[Array, ""]:
        """The learner's."""
        return self.learner.value(networks.learner, obs, goal)

    def update(self, state: Pair, batch: Batch, key: Key[Array, ""]) -> tuple[Pair, Metrics]:
        """One gradient step of each on the same batch, with keys of their own."""
        collector_key, learner_key = jr.split(key)
        collector, collecting = self.collector.update(state.collector, batch, collector_key)
        learner, learning = self.learner.update(state.learner, batch, learner_key)
        named = {f"train/collector_{name.removeprefix('train/')}": value for name, value in collecting.items()}
        return Pair(collector, learner), learning | named
