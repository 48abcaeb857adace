"""What a batch holds, row by row against a loop over the stored episodes; goals from outside; what costs nothing."""

import re
from dataclasses import fields

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import naive
import numpy as np
import pytest
import trainers
from blank_env import BlankEnv
from rings import ENV, EPISODES, chi_square, draw, ring, terminated
from scipy import stats

import crl
import nets
from crl.algorithms.contrastive import ContrastiveRL
from crl.goals.commanded import Commanded
from crl.goals.current import Current
from crl.goals.final import Final
from crl.goals.geometric import Geometric
from crl.goals.mixture import Mixture
from crl.goals.random import Random
from crl.goals.uniform_future import UniformFuture

HORIZON, LOOKAHEAD, SEQUENCE = READS = 3, 4, 2
EVERY = Mixture((Geometric(0.8), UniformFuture(), Final(), Current(), Commanded(), Random()), (1 / 6,) * 6)
RINGS = {
    "partly full": (40, [9, 9, 1]),
    "full": (40, [10] * 4),
    "wrapped": (16, [7, 7, 7, 7]),
    "wrapped twice": (16, [5] * 8),
}


def expected_row(batch: crl.Batch, row: int, oldest: int, newest: int) -> dict[str, object]:
    """What a row must hold, from the state that it acts in, its offset and its goal; times are of the stored rows."""
    env, time = np.asarray(batch.obs[row, 0]).astype(int)
    left = naive.steps_left(EPISODES[time : newest + 1, env])[0]
    ends, goal, offset = terminated(EPISODES)[:, env], np.asarray(batch.goal[row]), int(batch.offset[row])
    assert oldest <= time < newest and offset <= left

    def state(steps: int) -> list[int]:
        return [env, time + min(steps, left)]

    achieved = [state(i) for i in range(LOOKAHEAD + 1)]
    return {
        "obs": [state(i) for i in range(HORIZON + 1)],
        "action": [[-state(i)[1]] for i in range(HORIZON)],
        "valid": [i < left for i in range(HORIZON)],
        "terminated": [i < left and ends[time + i + 1] for i in range(HORIZON)],
        "achieved": achieved,
        "reached": [np.linalg.norm(np.array(one) - goal) < ENV.threshold for one in achieved],
        "goal": goal if offset < 0 else state(offset),
        "goal_sequence": [goal if offset < 0 else state(offset + i) for i in range(SEQUENCE)],
        "left": left,
        "fell": ends[time + left],
        "commanded": [100 + env, EPISODES[time, env]],
    }


@pytest.mark.parametrize("name", RINGS)
def test_every_row_is_a_window_of_a_stored_episode(name: str):
    capacity, unrolls = RINGS[name]
    newest = sum(unrolls) - 1
    oldest = max(0, newest + 1 - capacity)
    batch = jax.device_get(draw(ring(capacity, EPISODES, unrolls), jr.key(2), EVERY, size=600, reads=READS))
    for row in range(600):
        for field, value in expected_row(batch, row, oldest, newest).items():
            np.testing.assert_array_equal(getattr(batch, field)[row], value, err_msg=f"{field} of row {row}")
    for field in ("valid", "terminated", "reached", "fell"):
        assert 0 < np.mean(getattr(batch, field)) < 1, f"{field} is always the same, and nothing was tested"
    outside = batch.offset < 0
    is_commanded, is_other = ((batch.goal == goals).all(axis=1) for goals in (batch.commanded, batch.other))
    assert (is_commanded | is_other)[outside].all() and 0 < np.mean(is_commanded[outside]) < 1
    assert not is_commanded[~outside].any()


@pytest.mark.parametrize(
    ("law", "offset"),
    [(Commanded(), lambda left: -1), (Random(), lambda left: -1), (Current(), np.zeros_like), (Final(), lambda x: x)],
)
def test_laws_that_leave_no_choice(law: crl.AbstractGoalLaw, offset):
    batch = draw(ring(40, EPISODES, [40]), jr.key(3), law, size=500, reads=READS)
    np.testing.assert_array_equal(batch.offset, np.broadcast_to(offset(np.asarray(batch.left)), 500))
    goals = {Commanded: batch.commanded, Random: batch.other, Current: batch.achieved[:, 0], Final: None}[type(law)]
    if goals is None:
        goals = batch.obs[:, 0] + jnp.stack([jnp.zeros_like(batch.left), batch.left], axis=1).astype(float)
    np.testing.assert_array_equal(batch.goal, goals)
    assert batch.actor_goal is None
    np.testing.assert_array_equal(batch.goal_of_actor, batch.goal)


def test_other_goals_are_any_of_the_stored_ones_and_independent_of_the_row():
    capacity, oldest = 16, 24  # the ring has wrapped: rows 24 to 39 are held
    replay = ring(capacity, EPISODES, [5] * 8)
    batches = [draw(replay, jr.key(seed), Random(), size=4000) for seed in range(50)]
    row, other = (np.concatenate(x).astype(int) for x in zip(*((b.obs[:, 0], b.other) for b in batches), strict=True))
    counts = np.zeros((4, capacity))
    np.add.at(counts, (other[:, 0], other[:, 1] - oldest), 1)
    assert stats.chi2.sf(*chi_square(counts.ravel(), np.full(4 * capacity, len(other) / 4 / capacity))) > 1e-3
    for mine in range(2):  # env and time of the row, against env and time of the goal
        for its in range(2):
            together = np.zeros((40, 40))
            np.add.at(together, (row[:, mine], other[:, its]), 1)
            together = together[together.any(axis=1)][:, together.any(axis=0)]
            assert stats.chi2_contingency(together).pvalue > 1e-3


def test_other_goals_of_a_slot_are_of_all_environments():
    """Slots serve environments of their own; what was not shuffled would be of these."""
    replay, rounds = ring(40, EPISODES, [40]), 4000
    batch = eqx.filter_vmap(lambda key: draw(replay, key, Random(), size=4))(jr.split(jr.key(7), rounds))
    assert (np.asarray(batch.obs[:, :, 0, 0]) == np.arange(4)).all()
    for slot in range(4):
        counts = np.bincount(np.asarray(batch.other[:, slot, 0]).astype(int), minlength=4)
        assert stats.chisquare(counts).pvalue > 1e-3


def test_the_actors_goals_have_a_law_of_their_own():
    replay = ring(40, EPISODES, [40])
    batch = draw(replay, jr.key(4), Final(), Mixture((Current(), Commanded(), Random()), (0.4, 0.3, 0.3)))
    np.testing.assert_array_equal(batch.offset, batch.left)
    assert batch.actor_goal is not None
    np.testing.assert_array_equal(batch.goal_of_actor, batch.actor_goal)
    are = [(batch.actor_goal == x).all(axis=1) for x in (batch.achieved[:, 0], batch.commanded, batch.other)]
    assert np.logical_or.reduce(are).all()
    for share, expected in zip(are, (0.4, 0.3, 0.3), strict=True):
        assert np.mean(share) == pytest.approx(expected, abs=0.05)


def test_the_actors_draw_is_its_own_and_leaves_the_critics_as_it_is():
    replay, law = ring(40, EPISODES, [40]), UniformFuture()
    batches = [draw(replay, jr.key(seed), law, law) for seed in range(20)]
    for alone, both in zip((draw(replay, jr.key(seed), law) for seed in range(20)), batches, strict=True):
        for field in fields(alone):
            if field.name != "actor_goal":
                np.testing.assert_array_equal(*(getattr(x, field.name) for x in (alone, both)))
    time, offset, left, actor = (
        np.concatenate(x).astype(int)
        for x in zip(*((b.obs[:, 0, 1], b.offset, b.left, b.actor_goal[:, 1]) for b in batches), strict=True)
    )
    counts = np.zeros((8, 8))
    np.add.at(counts, (offset[left == 8] - 1, (actor - time)[left == 8] - 1), 1)
    assert counts.sum() > 1000
    assert stats.chi2.sf(*chi_square(counts.ravel(), np.full(64, counts.sum() / 64))) > 1e-3


@pytest.mark.parametrize("devices", [2, 4])
def test_a_batch_does_not_depend_on_the_number_of_devices(devices: int):
    replay = ring(16, EPISODES, [5] * 8)
    one, several = (draw(replay, jr.key(6), EVERY, EVERY, 240, READS, n) for n in (1, devices))
    assert len(several.obs.sharding.device_set) == devices
    for field in fields(one):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(several, field.name), err_msg=field.name)


class Horizon(ContrastiveRL):
    """Asks for more steps in a row than it reads."""

    horizon: int = eqx.field(default=8, init=False)


class Lookahead(ContrastiveRL):
    """Asks for what is achieved in more steps than it reads."""

    lookahead: int = eqx.field(default=8, init=False)


class Sequence(ContrastiveRL):
    """Asks for more goals in a row than it reads."""

    sequence: int = eqx.field(default=8, init=False)


class Reader(Horizon):
    """Reads all steps of a row."""

    def update(self, state, batch, key):
        mean = jnp.broadcast_to(batch.obs.mean(axis=1, keepdims=True), batch.obs.shape)
        return super().update(state, eqx.tree_at(lambda batch: batch.obs, batch, mean), key)


def learning(algorithm: ContrastiveRL) -> tuple[int, int]:
    """How often a compiled `learn` gathers, and the temporary memory that it takes."""
    env = BlankEnv(obs=268, goal=3, action_size=17)
    sizes = {"num_envs": 8, "unroll": 10, "prefill_per_env": 20, "capacity_per_env": 100, "batch_size": 256}
    trainer = trainers.trainer(env, algorithm, **sizes)
    like, static = eqx.partition(
        eqx.filter_eval_shape(trainer.init, jr.key(0)), lambda x: isinstance(x, jax.ShapeDtypeStruct)
    )
    learn = jax.jit(lambda arrays, n: eqx.filter(trainer.learn(eqx.combine(arrays, static), n), eqx.is_array))
    compiled = learn.lower(like, jnp.int32(1)).compile()
    return len(re.findall(r" gather\(", compiled.as_text())), compiled.memory_analysis().temp_size_in_bytes


def test_what_an_algorithm_does_not_read_of_a_batch_costs_nothing():
    gathers, memory = learning(ContrastiveRL(nets.Dense, nets.Dense, embedding=8))
    assert gathers >= 3 and memory > 256 * 268 * 4  # states, actions and goals are gathered
    for wide in (Horizon, Lookahead, Sequence):
        algorithm = wide(nets.Dense, nets.Dense, embedding=8)
        assert 8 in (algorithm.horizon, algorithm.lookahead, algorithm.sequence)
        found = learning(algorithm)
        print(wide.__name__, found, "beside", (gathers, memory))
        assert found[0] == gathers and found[1] == pytest.approx(memory, rel=0.01), wide.__name__
    found = learning(Reader(nets.Dense, nets.Dense, embedding=8))
    assert found[0] > gathers and found[1] > 1.3 * memory, "what is read is there"
