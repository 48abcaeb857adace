"""One update of `ContrastiveRL` equals the naive implementation written from the paper (see `naive`).

The parameters of a small real agent are copied into `naive`; both get the same batch and Gaussian noise.
`pytest -s` prints the largest deviations.
"""

from functools import cache, partial

import blank_env
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import naive
import numpy as np
import optax
import pytest
import trainers

import crl
import nets
from crl.algorithms.contrastive import ContrastiveRL, Networks, State
from crl.energies.l2 import l2

OBS, ACTION, GOAL, WIDTH, EMBEDDING = 5, 2, 3, 16, 8
ENV = blank_env.BlankEnv(OBS, GOAL, ACTION)

SMALL = (4, 8, 1, 24)  # Depth of the actor, depth and remat of the critic, batch.
FULL = [(8, 4, 0, 32), (4, 4, 0, 12), (8, 8, 2, 17), (0, 16, 4, 31)]
EVERY_SHAPE = pytest.mark.parametrize(
    "shape",
    [SMALL, *(pytest.param(shape, marks=pytest.mark.proof) for shape in FULL)],
    ids=lambda shape: "actor{}-critic{}-remat{}-batch{}".format(*shape),
)


@cache
def make(shape) -> tuple[ContrastiveRL, State]:
    """An algorithm, and a fresh float32 agent of it as NumPy arrays."""
    actor_depth, critic_depth, remat, _ = shape
    algorithm = ContrastiveRL(
        actor=partial(nets.ResidualMLP, width=WIDTH, depth=actor_depth),
        critic=partial(nets.ResidualMLP, width=WIDTH, depth=critic_depth, remat=remat),
        embedding=EMBEDDING,
    )
    agent = eqx.filter_jit(algorithm.init)(ENV, jr.key(1))
    return algorithm, jax.tree.map(lambda a: np.asarray(a) if eqx.is_array(a) else a, agent)


def trained(shape) -> tuple[ContrastiveRL, State]:
    """An algorithm and an agent without special values: no bias, shift or log_alpha is 0, no scale is 1.

    Its policy is wide: some actions lie so near to -1 and 1 that 1 - a^2 is far below 1e-6.

    Floats have the width in force.
    """
    algorithm, agent = make(shape)
    rng = np.random.default_rng(2)
    networks = jax.tree.map(
        lambda a: a + np.float32(0.3) * rng.normal(size=a.shape).astype(a.dtype) if eqx.is_array_like(a) else a,
        agent.networks,
    )
    return algorithm, placed(State(networks, agent.optimizers))


def placed(agent: State) -> State:
    """NumPy arrays to JAX arrays; floats to the width in force."""

    def place(a):
        if not isinstance(a, np.ndarray | np.generic):  # NumPy's sum of numbers without axes is no array
            return a
        return jnp.asarray(a, dtype=float if np.issubdtype(a.dtype, np.floating) else a.dtype)

    return jax.tree.map(place, agent)


@eqx.filter_jit
def update(algorithm, agent, batch, key):
    return algorithm.update(agent, batch, key)


def make_batch(size: int, seed: int) -> crl.Batch:
    rng = np.random.default_rng(seed)
    obs, goal = rng.normal(size=(size, OBS)), rng.normal(size=(size, GOAL))
    return trainers.batch(*(jnp.asarray(x) for x in (obs, rng.uniform(-1, 1, (size, ACTION)), goal)))


def numbers(batch: crl.Batch) -> list[np.ndarray]:
    """The states acted in, the actions and the goals."""
    return [np.asarray(x) for x in (batch.obs[:, 0], batch.action[:, 0], batch.goal)]


def drawn_noise(key, batch: crl.Batch) -> np.ndarray:
    """The standard normal numbers that `update` draws from its key."""
    return np.asarray(jr.normal(key, batch.action[:, 0].shape, batch.action.dtype), np.float64)


def copied(network: nets.ResidualMLP) -> naive.Network:
    """The layers of a real network, block after block, as the naive one holds them."""

    def arrays(layer, pick):
        parts = (layer.dense.weight, layer.dense.bias, layer.norm.weight, layer.norm.bias)
        return [pick(np.array(a, np.float64)) for a in parts]

    stacked = network.blocks
    inner = [arrays(layer, lambda a, i=i: a[i]) for i in range(stacked.depth) for layer in stacked.blocks.body]
    head = [np.array(a, np.float64) for a in (network.head.weight, network.head.bias)]
    return [arrays(network.stem, lambda a: a), *inner, head]


def naive_twin(agent: State) -> naive.Agent:
    n = agent.networks
    return naive.Agent(copied(n.actor), copied(n.critic.phi), copied(n.critic.psi), float(n.log_alpha))


def naive_update(twin: naive.Agent, batch: crl.Batch, key):
    obs, action, goal = (x.astype(np.float64) for x in numbers(batch))
    return twin.update(obs, action, goal, drawn_noise(key, batch))


def parts(networks: Networks) -> dict[str, list[np.ndarray]]:
    """All parameters of a real agent's networks in the order of `naive.flat`."""
    critic = networks.critic
    found = {"actor": networks.actor, "phi": critic.phi, "psi": critic.psi}
    return {k: naive.flat(copied(v)) for k, v in found.items()} | {"log_alpha": [np.array(networks.log_alpha)]}


def naive_parts(twin: naive.Agent) -> dict[str, list[np.ndarray]]:
    found = {"actor": naive.flat(twin.actor), "phi": naive.flat(twin.phi), "psi": naive.flat(twin.psi)}
    return found | {"log_alpha": [np.array(twin.log_alpha)]}


def largest(ours: dict, theirs: dict) -> float:
    """The largest absolute difference of two sets of arrays of the same form."""
    assert ours.keys() == theirs.keys()
    deviations = []
    for name in ours:
        for a, b in zip(ours[name], theirs[name], strict=True):
            assert a.shape == b.shape
            deviations.append(np.abs(a - b).max())
    return max(deviations)


def metrics_agree(ours: dict, theirs: dict, rtol: float) -> float:
    """Checks every figure that both report; returns the largest relative deviation of the three losses."""
    for name, value in theirs.items():
        np.testing.assert_allclose(float(ours[f"train/{name}"]), value, rtol=rtol, err_msg=name)
    losses = ("critic_loss", "actor_loss", "alpha_loss")
    return max(abs(float(ours[f"train/{k}"]) / theirs[k] - 1) for k in losses)


def gradients(agent: State) -> dict[str, list[np.ndarray]]:
    """The gradients of an agent's first update: Adam's first moments are then 0.1 times as large."""
    actor, critic, alpha = (optax.tree.get(state, "mu") for state in agent.optimizers)
    found = {"actor": actor, "phi": critic.phi, "psi": critic.psi}
    found = {name: naive.flat(copied(moment)) for name, moment in found.items()} | {"log_alpha": [np.array(alpha)]}
    return {name: [a / 0.1 for a in arrays] for name, arrays in found.items()}


@EVERY_SHAPE
def test_losses_gradients_and_three_updates_in_float64(shape):
    with jax.enable_x64(True):
        algorithm, agent = trained(shape)
        twin = naive_twin(agent)
        for step in range(3):
            batch, key = make_batch(shape[-1], step), jr.fold_in(jr.key(3), step)
            agent, metrics = update(algorithm, agent, batch, key)
            expected, grads = naive_update(twin, batch, key)
            loss = metrics_agree(metrics, expected, 1e-10)
            parameter = largest(parts(agent.networks), naive_parts(twin))
            print(f"\n{shape} update {step + 1}: losses {loss:.1e} (relative), parameters {parameter:.1e}")
            assert parameter < 1e-9
            if step == 0:
                theirs = {name: naive.flat(grads[name]) for name in ("actor", "phi", "psi")}
                theirs["log_alpha"] = [np.array(grads["log_alpha"])]
                deviation = largest(gradients(agent), theirs)
                print(f"{shape} gradients {deviation:.1e}")
                assert deviation < 1e-9
                assert min(np.abs(a).max() for arrays in theirs.values() for a in arrays) > 1e-6  # None is zero.


def test_random_goals_are_the_neighbours_and_only_the_actors():
    with jax.enable_x64(True):
        (algorithm, agent), batch, key = trained(SMALL), make_batch(6, 0), jr.key(3)
        algorithm = eqx.tree_at(lambda a: a.random_goals, algorithm, 0.5)
        twin = naive_twin(agent)
        obs, action, goal = numbers(batch)
        asked = goal[[0, 2, 2, 4, 4, 0]]  # every second slot takes its neighbour's
        loss, grad, _ = naive.actor_loss(
            twin.actor, twin.phi, twin.psi, twin.log_alpha, obs, asked, drawn_noise(key, batch)
        )
        critic, *_ = naive.critic_loss(twin.phi, twin.psi, obs, action, goal)
        agent, metrics = update(algorithm, agent, batch, key)
        np.testing.assert_allclose(metrics["train/actor_loss"], loss, rtol=1e-10)
        np.testing.assert_allclose(metrics["train/critic_loss"], critic, rtol=1e-10)
        assert largest({"actor": gradients(agent)["actor"]}, {"actor": naive.flat(grad)}) < 1e-9


@EVERY_SHAPE
def test_losses_in_float32(shape):
    names = ("critic_loss", "actor_loss", "alpha_loss")
    algorithm, agent = trained(shape)
    # Without the gradients, this compiles in no time.
    update = eqx.filter_jit(lambda *args: [algorithm.update(*args)[1][f"train/{name}"] for name in names])
    for seed in range(4):
        batch, key = make_batch(shape[-1], seed), jr.key(seed)
        assert agent.networks.actor.head.weight.dtype == batch.obs.dtype == jnp.float32
        losses = update(agent, batch, key)
        expected, _ = naive_update(naive_twin(agent), batch, key)
        deviations = [abs(float(ours) / expected[k] - 1) for ours, k in zip(losses, names, strict=True)]
        print(
            f"\nfloat32 {shape} batch {seed}:",
            *(f"{k} {d:.1e}" for k, d in zip(names, deviations, strict=True)),
        )
        assert max(deviations) < 1e-5


def test_policy_and_energy_in_float64():
    with jax.enable_x64(True):
        (algorithm, agent), batch = trained(SMALL), make_batch(6, 5)
        twin = naive_twin(agent)
        obs, action, goal = numbers(batch)
        keys = jr.split(jr.key(6), 6)
        noise = np.stack([np.asarray(jr.normal(k, (ACTION,))) for k in keys])

        @eqx.filter_jit
        @jax.vmap
        def acted(o, a, g, k):
            networks = agent.networks
            policy, critic = partial(algorithm.policy(networks).act, (), o, g), networks.critic
            energy = l2(critic.phi(jnp.concatenate([o, a]))[None], critic.psi(g)[None])[0, 0]
            return policy(k)[0], policy(None)[0], energy, algorithm.value(networks, o, g)

        sampled, deterministic, energy, value = acted(*map(jnp.asarray, (obs, action, goal)), keys)
        np.testing.assert_allclose(sampled, naive.act(twin.actor, obs, goal, noise)[0], rtol=1e-10)
        np.testing.assert_allclose(deterministic, naive.act(twin.actor, obs, goal, 0 * noise)[0], rtol=1e-10)
        psi, _ = naive.forward(twin.psi, goal)
        for taken, ours in ((action, energy), (naive.act(twin.actor, obs, goal, 0 * noise)[0], value)):
            phi, _ = naive.forward(twin.phi, np.concatenate([obs, taken], 1))
            expected = [-naive.distance(p, q) for p, q in zip(phi, psi, strict=True)]
            np.testing.assert_allclose(ours, expected, rtol=1e-10)


def test_fresh_agent_is_the_papers():
    # Paper 2.1, 2.2: kernels uniform in +-1/sqrt(fan_in), biases zero, LayerNorm 1 and 0, log_alpha 0.
    networks = make(SMALL)[1].networks
    assert float(networks.log_alpha) == 0
    for network in (networks.actor, networks.critic.phi, networks.critic.psi):
        for weight, bias, *norm in copied(network):
            bound = 1 / np.sqrt(len(weight))
            assert 0.8 * bound < np.abs(weight).max() <= bound * (1 + 1e-6)
            assert np.abs(weight.mean()) < 4 * bound / np.sqrt(3 * weight.size)
            assert not bias.any()
            if norm:
                assert (norm[0] == 1).all() and not norm[1].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_energy_has_a_finite_gradient_at_zero_distance(dtype):
    with jax.enable_x64(dtype == np.float64):
        x = jnp.asarray(np.linspace(-1, 1, EMBEDDING), dtype)
        phi, psi = x[None], jnp.stack([x, x.at[0].add(0.5)])  # One pair coincides, one does not.
        energy = jax.jit(l2)(phi, psi)
        np.testing.assert_allclose(energy, [[0, -0.5]], rtol=1e-6)
        backward = jax.jit(lambda cotangent: jax.vjp(l2, phi, psi)[1](cotangent))
        unit = np.eye(EMBEDDING)[:1]
        for cotangent, expected in (([[1, 0]], 0 * unit), ([[0, 1]], unit), ([[1, 1]], unit)):
            d_phi, d_psi = backward(np.array(cotangent, dtype))
            np.testing.assert_allclose(d_phi, expected, atol=1e-5)
            np.testing.assert_allclose(d_psi, np.concatenate([0 * unit, -expected]), atol=1e-5)


def test_update_is_finite_where_every_embedding_coincides():
    with jax.enable_x64(True):
        algorithm, agent = make(SMALL)
        for head in (
            lambda a: a.networks.critic.phi.head.weight,
            lambda a: a.networks.critic.psi.head.weight,
        ):
            agent = eqx.tree_at(head, agent, replace_fn=np.zeros_like)
        new, metrics = update(algorithm, placed(agent), make_batch(24, 0), jr.key(0))
        assert float(metrics["train/logits_pos"]) == 0
        for leaf in jax.tree.leaves((eqx.filter(new, eqx.is_inexact_array), metrics)):
            assert np.isfinite(leaf).all()


@pytest.mark.parametrize(
    "sizes, actor_depth, critic_depth, width, counts",
    [
        ((268, 3, 17), 4, 4, 256, (355_392, 283_200, 344_098)),
        ((268, 3, 17), 64, 64, 256, (4_333_632, 4_261_440, 4_322_338)),
        ((268, 3, 17), 4, 4, 2048, (17_522_752, 16_945_216, 17_432_610)),
        ((268, 3, 17), 512, 1024, 256, (67_985_472, 67_913_280, 34_026_530)),
        ((29, 2, 8), 16, 16, 256, (1_087_552, 1_078_592, 1_073_680)),
        ((17, 3, 5), 32, 32, 256, (2_144_576, 2_139_712, 2_130_186)),
    ],
)
def test_parameter_counts_of_the_paper(sizes, actor_depth, critic_depth, width, counts):
    # Paper 1.14: state-action encoder, goal encoder, actor.
    algorithm = ContrastiveRL(
        actor=partial(nets.ResidualMLP, width=width, depth=actor_depth),
        critic=partial(nets.ResidualMLP, width=width, depth=critic_depth),
    )
    networks = eqx.filter_eval_shape(algorithm.build, blank_env.BlankEnv(*sizes), jr.key(0))
    count = [
        sum(a.size for a in jax.tree.leaves(n) if hasattr(a, "size"))
        for n in (networks.critic.phi, networks.critic.psi, networks.actor)
    ]
    assert tuple(count) == counts
