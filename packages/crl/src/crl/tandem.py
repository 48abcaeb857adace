"""Two agents on one stream of experience, of which only one acts: exploration apart from expressivity.

The paper's section 4.5 and figure 8; as an experiment, "tandem" learning (Ostrovski et al. 2021, arXiv 2110.14020).
"""

from typing import Any

import equinox as eqx
import jax.random as jr
from jaxtyping import Array, Float, Key

from envs import AbstractEnv

from ._algorithm import AbstractAlgorithm, Agent, Metrics
from ._replay import Batch


class Pair(eqx.Module):
    """A part of an agent, once for each of the two.

    Attributes:
        collector: its networks, or its optimiser.
        learner: the same of the other.
    """

    collector: Any
    learner: Any


class Tandem(AbstractAlgorithm):
    """The collector alone acts and fills the replay; the learner is what is tested. Both learn from every batch.

    Nothing that the collector draws, does or learns depends on the learner: in runs of one seed that differ in their
    learner alone, all learners see the same replay.

    Attributes:
        collector: fills the replay; its metrics are named `train/collector_...`.
        learner: never acts while training; policy, energies and the usual metrics are its own.
    """

    collector: AbstractAlgorithm
    learner: AbstractAlgorithm

    def __init__(self, collector: AbstractAlgorithm, learner: AbstractAlgorithm):
        for name, value in (("collector", collector), ("learner", learner)):
            if not isinstance(value, AbstractAlgorithm):
                raise ValueError(
                    f"`{name}` of Tandem must be an algorithm (in gin: @{name}/crl.ContrastiveRL()); got {value!r}."
                )
        self.collector, self.learner = collector, learner

    def init(self, env: AbstractEnv, key: Key[Array, ""]) -> Agent:
        """Two fresh agents, each from a key of its own."""
        collector_key, learner_key = jr.split(key)
        return _together(self.collector.init(env, collector_key), self.learner.init(env, learner_key))

    def policy(
        self, agent: Agent, obs: Float[Array, " obs"], goal: Float[Array, " goal"], key: Key[Array, ""] | None
    ) -> Float[Array, " action"]:
        """The learner's; see `AbstractAlgorithm.policy`."""
        return self.learner.policy(Agent(agent.networks.learner, None), obs, goal, key)

    def explore(
        self, agent: Agent, obs: Float[Array, " obs"], goal: Float[Array, " goal"], key: Key[Array, ""] | None
    ) -> Float[Array, " action"]:
        """The collector's; see `AbstractAlgorithm.explore`."""
        return self.collector.explore(Agent(agent.networks.collector, None), obs, goal, key)

    def energy(
        self,
        agent: Agent,
        obs: Float[Array, " obs"],
        action: Float[Array, " action"],
        goal: Float[Array, " goal"],
    ) -> Float[Array, ""]:
        """The learner's; see `AbstractAlgorithm.energy`."""
        return self.learner.energy(Agent(agent.networks.learner, None), obs, action, goal)

    def update(self, agent: Agent, batch: Batch, key: Key[Array, ""]) -> tuple[Agent, Metrics]:
        """One gradient step of each on the same batch, with keys of their own."""
        collector_key, learner_key = jr.split(key)
        networks, optimizer = agent.networks, agent.optimizer
        collector, collecting = self.collector.update(
            Agent(networks.collector, optimizer.collector), batch, collector_key
        )
        learner, learning = self.learner.update(Agent(networks.learner, optimizer.learner), batch, learner_key)
        named = {f"train/collector_{name.removeprefix('train/')}": value for name, value in collecting.items()}
        return _together(collector, learner), learning | named


def _together(collector: Agent, learner: Agent) -> Agent:
    return Agent(Pair(collector.networks, learner.networks), Pair(collector.optimizer, learner.optimizer))
