"""Every algorithm of the package, found by looking: probes with known answers, fixed metrics, saves, seeds, devices.

An algorithm is one file in `crl/algorithms` and one part of the same name in `configs/algo`.
"""

import importlib
import inspect
import pkgutil

import composition
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import reading
from probes import PROBES, replay

import crl
import crl.algorithms
from crl.data.online import Online

NAMES = sorted(module.name for module in pkgutil.iter_modules(crl.algorithms.__path__))
ENV = PROBES["one step"][0]
BATCH, UPDATES = 64, 1_500
SMALL = ("nets.ResidualMLP.width = 32", "optax.adam.learning_rate = 3e-3")


def built(name: str) -> tuple[crl.AbstractAlgorithm, crl.AbstractGoalLaw]:
    """The algorithm of a part of `configs/algo` and its law of goals, with small networks."""
    folder = reading.ROOT / "configs" / "algo"
    configuration = reading.read([folder / f"{name}.gin"], SMALL)
    composition.load(configuration)
    return tuple(composition.build(configuration, f"crl.Trainer.{part}") for part in ("algorithm", "goals"))


@pytest.fixture(scope="module", params=NAMES)
def algorithm(request):
    return built(request.param)[0]


@pytest.fixture(scope="module")
def law(algorithm):
    module = type(algorithm).__module__.rpartition(".")[2]
    return built(module)[1]


class Trained:
    """Trains on any probe by one program, and counts how often `update` is traced."""

    def __init__(self, algorithm, law):
        self.algorithm, self.traces, self.metrics = algorithm, 0, set()
        spec = crl.BatchSpec(BATCH, algorithm.horizon, algorithm.lookahead, algorithm.sequence, law, None, 1)

        @eqx.filter_jit
        def train(state, held, key):
            draw = crl.sampler(ENV, held, spec)
            arrays, static = eqx.partition(state, eqx.is_array)

            def one(arrays, key):
                self.traces += 1
                sample, update = jr.split(key)
                state, metrics = algorithm.update(eqx.combine(arrays, static), draw(sample), update)
                return eqx.filter(state, eqx.is_array), metrics

            arrays, metrics = jax.lax.scan(one, arrays, jr.split(key, UPDATES))
            return eqx.combine(arrays, static), metrics

        self.start = eqx.filter_jit(lambda key: algorithm.init(ENV, key))
        self._train = train

        @eqx.filter_jit
        def look(networks, obs, goal):
            action, _ = algorithm.policy(networks).act((), obs, goal, None)
            valued = isinstance(algorithm, crl.AbstractValueAlgorithm)
            return action, algorithm.value(networks, obs, goal) if valued else jnp.zeros(())

        self._look = look

    def __call__(self, probe: str):
        state, metrics = self._train(self.start(jr.key(1)), replay(probe), jr.key(2))
        self.metrics.add(tuple(sorted(metrics)))
        return self.algorithm.networks(state), metrics

    def look(self, networks, obs, goal) -> tuple[float, float]:
        action, value = self._look(networks, jnp.array(obs), jnp.array([goal]))
        return float(action[0]), float(value)


@pytest.fixture(scope="module")
def trained(algorithm, law):
    return Trained(algorithm, law)


@pytest.mark.parametrize("probe", PROBES)
def test_a_probe_is_solved(trained, probe):
    networks, metrics = trained(probe)
    assert trained.traces == 1, "one program serves all probes"
    assert len(trained.metrics) == 1 and all(name.startswith("train/") for name in metrics)
    for answer in PROBES[probe][1]:
        action, value = trained.look(networks, answer.obs, answer.goal)
        if answer.action is not None:
            # At an end of its range a tanh policy with entropy stays inside.
            assert action == pytest.approx(answer.action, abs=0.5 if abs(answer.action) == 1 else 0.3), answer
        if answer.nearer_than is not None and isinstance(trained.algorithm, crl.AbstractValueAlgorithm):
            assert value > trained.look(networks, answer.obs, answer.nearer_than)[1], answer


def test_every_part_of_the_configurations_is_an_algorithm_here():
    assert sorted(path.stem for path in (reading.ROOT / "configs" / "algo").glob("*.gin")) == NAMES


def test_every_module_defines_one_algorithm(algorithm):
    module = importlib.import_module(type(algorithm).__module__)
    found = [c for c in vars(module).values() if inspect.isclass(c) and issubclass(c, crl.AbstractAlgorithm)]
    assert [c for c in found if c.__module__ == module.__name__] == [type(algorithm)]


def trainer(algorithm, law, devices: int) -> crl.Trainer:
    data = Online(num_envs=8, unroll=8, capacity_per_env=16, prefill_per_env=8)
    return crl.Trainer(ENV, algorithm, data, law, batch_size=16, updates_per_collect=3, devices=devices)


def after_a_step(trainer: crl.Trainer) -> crl.TrainState:
    """The state after one collect and three updates."""
    state = eqx.filter_jit(trainer.init)(jr.key(0))
    state = jax.tree.map(
        lambda x, s: jax.device_put(x, s) if eqx.is_array(x) else x, state, trainer.shardings(state), is_leaf=callable
    )
    return eqx.filter_jit(lambda state: trainer.learn(trainer.collect(state), jnp.int32(3)))(state)


@pytest.fixture(scope="module")
def step(algorithm, law):
    return after_a_step(trainer(algorithm, law, 1))


def test_two_devices_learn_what_one_does(algorithm, law, step):
    other = after_a_step(trainer(algorithm, law, 2))
    assert int(step.updates) == int(other.updates) == 3
    for name, sums in step.totals.items():
        np.testing.assert_allclose(sums.total, other.totals[name].total, rtol=2e-3, atol=1e-5, err_msg=name)


def test_two_seeds_in_one_program_learn_what_each_does(algorithm, law, step):
    batch = jax.tree.map(jnp.ones_like, trainer(algorithm, law, 1).blank_batch())
    keys = jr.split(jr.key(5))
    alone = [eqx.filter_jit(algorithm.update)(step.agent, batch, key)[1] for key in keys]
    arrays, static = eqx.partition(step.agent, eqx.is_array)
    together = jax.jit(jax.vmap(lambda key: algorithm.update(eqx.combine(arrays, static), batch, key)[1]))(keys)
    for i in range(2):
        jax.tree.map(lambda a, b, i=i: np.testing.assert_allclose(a, b[i], rtol=1e-3, atol=1e-5), alone[i], together)


def test_state_and_snapshot_are_read_back(algorithm, law, step, tmp_path):
    networks = algorithm.networks(step.agent)
    with crl.Run(tmp_path / "run") as run:
        run.snapshot(64, 64, 3, networks)
        run.save(64, 64, 3, step)
        run.wait()
    like = eqx.filter_eval_shape(algorithm.build, ENV, jr.key(0))
    read = crl.load_networks(tmp_path / "run", like)[1]
    again = crl.load_state(tmp_path / "run", eqx.filter_eval_shape(trainer(algorithm, law, 1).init, jr.key(0)))
    for ours, theirs in ((networks, read), (step.agent, again.agent)):
        for a, b in zip(*(jax.tree.leaves(eqx.filter(x, eqx.is_array_like)) for x in (ours, theirs)), strict=True):
            np.testing.assert_array_equal(a, b)
    obs, goal = jnp.array([0.3, 1.0]), jnp.array([0.5])
    acted = [algorithm.policy(found).act((), obs, goal, None)[0] for found in (networks, read)]
    np.testing.assert_array_equal(*acted)


def test_the_explorer_acts_within_the_limits(algorithm, step):
    policy = algorithm.explorer(algorithm.networks(step.agent))
    act = eqx.filter_jit(lambda key: policy.act(policy.start(), jnp.array([0.3, 1.0]), jnp.array([0.5]), key)[0])
    actions = np.stack([act(key) for key in jr.split(jr.key(3), 64)])
    assert actions.shape == (64, 1) and np.abs(actions).max() <= 1 and len(np.unique(actions)) > 32
