"""Two agents on one replay: who acts, who is tested, and that the collector does not feel its learner."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
import trainers
from jaxtyping import PyTree
from tool_runs import as_a_user

import crl
import envs
import nets
from crl.algorithms.contrastive import ContrastiveRL
from crl.algorithms.tandem import Pair, Tandem

SEED, STEPS, EVERY = 3, 320, 160


def algorithm(network: Callable) -> ContrastiveRL:
    adam = optax.adam(1e-2)
    return ContrastiveRL(network, network, embedding=8, actor_optimizer=adam, critic_optimizer=adam)


def deep_algorithm(depth: int) -> ContrastiveRL:
    return algorithm(partial(nets.ResidualMLP, width=16, depth=depth))


def trainer(algorithm: crl.AbstractAlgorithm) -> crl.Trainer:
    sizes = {"num_envs": 8, "unroll": 10, "prefill_per_env": 20, "capacity_per_env": 50}
    env = envs.PointMaze(starts="RG", episode_length=15)
    return trainers.trainer(env, algorithm, **sizes, updates_per_collect=20, batch_size=32)


class Trained:
    """A run of a collector without blocks and a learner of its own depth.

    Attributes:
        directory: of the run.
        algorithm, state: the last.
        lines: of metrics.
        evaluated: the policies that were evaluated.
    """

    def __init__(self, directory: Path, learner_depth: int):
        self.directory, self.evaluated = directory, []
        self.algorithm = Tandem(deep_algorithm(0), deep_algorithm(learner_depth))
        run = crl.Run(directory)
        try:
            (self.state,) = crl.train(trainer(self.algorithm), STEPS, EVERY, self._evaluate, SEED, run=run)
        finally:
            run.close()
        self.lines = [line for line in crl.read_metrics(run.metrics_file) if line["updates"]]

    def _evaluate(self, policy: envs.Policy, key: jax.Array) -> dict[str, float]:
        self.evaluated.append(policy)
        return {}


@pytest.fixture(scope="module")
def shallow(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(tmp_path_factory.mktemp("shallow"), 0)


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(tmp_path_factory.mktemp("deep"), 4)


def assert_same_bits(one: PyTree, other: PyTree) -> None:
    for ours, theirs in zip(*(jax.tree.leaves(eqx.filter(x, eqx.is_array)) for x in (one, other)), strict=True):
        if jnp.issubdtype(ours.dtype, jax.dtypes.prng_key):
            ours, theirs = map(jr.key_data, (ours, theirs))
        np.testing.assert_array_equal(ours, theirs)


def test_the_collector_does_not_feel_its_learner(shallow: Trained, deep: Trained):
    ours, theirs = (trained.state for trained in (shallow, deep))
    assert ours.updates == theirs.updates == 60
    assert_same_bits(ours.data, theirs.data)
    assert_same_bits(ours.agent.collector.networks, theirs.agent.collector.networks)
    assert_same_bits(ours.agent.collector.optimizers, theirs.agent.collector.optimizers)
    for mine, other in zip(shallow.lines, deep.lines, strict=True):
        for name in mine:
            if name.startswith("train/collector_"):
                assert mine[name] == other[name], name
        assert mine["train/critic_loss"] != other["train/critic_loss"]


def test_a_learner_that_never_acts_learns(shallow: Trained):
    """It is like its collector in everything but its keys."""
    networks = shallow.algorithm.networks(shallow.state.agent)
    assert not np.array_equal(networks.learner.actor.head.weight, networks.collector.actor.head.weight)
    for name in ("train/critic_loss", "train/collector_critic_loss"):
        first, last = (shallow.lines[i][name] for i in (0, -1))
        assert last < first - 0.5, name
    assert shallow.lines[-1]["train/accuracy"] > 2 / 32  # chance is 1 / 32


def test_who_acts_and_who_is_tested(deep: Trained):
    obs, goal = jnp.array([1.0, 2.0, 0.1, -0.1]), jnp.array([3.0, 1.0])
    tandem = deep.algorithm
    networks = tandem.networks(deep.state.agent)
    for key in (None, jr.key(0)):
        learners, _ = tandem.learner.policy(networks.learner).act((), obs, goal, key)
        collectors, _ = tandem.collector.policy(networks.collector).act((), obs, goal, key)
        assert np.abs(learners - collectors).max() > 1e-3
        np.testing.assert_array_equal(tandem.policy(networks).act((), obs, goal, key)[0], learners)
        np.testing.assert_array_equal(tandem.explorer(networks).act((), obs, goal, key)[0], collectors)
        np.testing.assert_array_equal(deep.evaluated[-1].act((), obs, goal, key)[0], learners)
    value = tandem.learner.value(networks.learner, obs, goal)
    assert tandem.value(networks, obs, goal) == value
    assert tandem.collector.value(networks.collector, obs, goal) != value


def test_the_collector_fills_the_replay(deep: Trained):
    """A step of the trainer acts with `explorer`: with the learner's networks taken away, nothing changes."""
    arrays, rest = eqx.partition(deep.state.agent.learner.networks, eqx.is_array)
    zeros = eqx.combine(jax.tree.map(jnp.zeros_like, arrays), rest)
    maimed = eqx.tree_at(lambda state: state.agent.learner.networks, deep.state, zeros)
    collect = eqx.filter_jit(trainer(deep.algorithm).collect)
    one, other = collect(deep.state), collect(maimed)
    assert_same_bits(one.data, other.data)
    assert not np.array_equal(one.data.replay.action, deep.state.data.replay.action)


def test_a_snapshot_holds_both(deep: Trained):
    networks = deep.algorithm.networks(deep.state.agent)
    like = eqx.filter_eval_shape(deep.algorithm.build, trainer(deep.algorithm).env, jr.key(0))
    step, stored = crl.load_networks(deep.directory, like)
    assert step == STEPS
    assert_same_bits(stored, networks)


def test_each_does_its_own_update():
    tandem = Tandem(algorithm(eqx.nn.Linear), algorithm(partial(eqx.nn.MLP, width_size=4, depth=1)))
    env = envs.PointMaze()
    agent = tandem.init(env, jr.key(0))
    rng = np.random.default_rng(0)
    sizes = (env.obs_size, env.action_size, env.goal_size)
    batch = trainers.batch(*(jnp.asarray(rng.normal(size=(6, size)).astype(np.float32)) for size in sizes))
    updated, metrics = eqx.filter_jit(tandem.update)(agent, batch, jr.key(1))
    keys = jr.split(jr.key(1))
    for name, key, prefix in (("collector", keys[0], "train/collector_"), ("learner", keys[1], "train/")):
        after, its = eqx.filter_jit(getattr(tandem, name).update)(getattr(agent, name), batch, key)
        assert_same_bits(getattr(updated, name).networks, after.networks)
        assert_same_bits(getattr(updated, name).optimizers, after.optimizers)
        for metric, value in its.items():
            assert metrics.pop(prefix + metric.removeprefix("train/")) == value, metric
    assert not metrics


def test_the_plan_counts_both():
    small, large = algorithm(eqx.nn.Linear), algorithm(partial(eqx.nn.MLP, width_size=4, depth=1))
    one, other, both = (crl.plan(trainer(a), STEPS, EVERY) for a in (small, large, Tandem(small, large)))
    assert list(one.parameters) == ["actor", "phi", "psi", "log_alpha"]
    places = ("actor", "critic phi", "critic psi", "log_alpha")
    names = [f"{name} {place}" for name in ("collector", "learner") for place in places]
    counts = [*one.parameters.values(), *other.parameters.values()]
    assert both.parameters == dict(zip(names, counts, strict=True))
    for size in ("flops_per_update", "agent_bytes", "snapshot_bytes"):
        assert getattr(both, size) == getattr(one, size) + getattr(other, size)
    assert both.data_bytes == one.data_bytes


@pytest.mark.parametrize("key", [None, 0])
def test_an_algorithm_explores_by_its_policy(key: int | None):
    plain, env = algorithm(eqx.nn.Linear), envs.PointMaze()
    networks = plain.build(env, jr.key(0))
    arguments = (), jnp.ones(4), jnp.ones(2), None if key is None else jr.key(key)
    explored, chosen = (policy.act(*arguments)[0] for policy in (plain.explorer(networks), plain.policy(networks)))
    np.testing.assert_array_equal(explored, chosen)


def test_what_starts_and_what_is_built_are_each_ones_own():
    tandem, env = Tandem(algorithm(eqx.nn.Linear), algorithm(eqx.nn.Linear)), envs.PointMaze()
    networks = tandem.build(env, jr.key(0))
    assert isinstance(networks, Pair)
    assert not np.array_equal(networks.collector.actor.weight, networks.learner.actor.weight)
    assert_same_bits(tandem.networks(tandem.start(networks, jr.key(1))), networks)


def test_two_that_read_batches_of_other_sizes_are_refused():
    class Far(ContrastiveRL):
        horizon: int = eqx.field(default=3, init=False)

    far = Far(eqx.nn.Linear, eqx.nn.Linear)
    with pytest.raises(ValueError) as refused:
        Tandem(algorithm(eqx.nn.Linear), far)
    assert str(refused.value) == (
        "`collector` and `learner` of Tandem must read batches of one horizon, lookahead and sequence; got (1, 0, 1) "
        "and (3, 0, 1)."
    )


@pytest.mark.parametrize("name", ["collector", "learner"])
def test_what_is_no_algorithm_is_refused(name: str, monkeypatch):
    both = {"collector": algorithm(eqx.nn.Linear), "learner": algorithm(eqx.nn.Linear)} | {name: eqx.nn.Linear}
    with (
        as_a_user(monkeypatch),
        pytest.raises(ValueError) as refused,
    ):
        Tandem(**both)
    assert str(refused.value) == (
        f"`{name}` of Tandem must be an algorithm with a value (in gin: @{name}/contrastive.ContrastiveRL()); got "
        f"{eqx.nn.Linear!r}."
    )
