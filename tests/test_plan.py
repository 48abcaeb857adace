"""What a run is said to take: parts that add up to what it is refused by, on the device at hand."""

import resource
from dataclasses import replace
from pathlib import Path

import jax
import jax.random as jr
import pytest
import short_runs

import crl
import envs
import nets
from crl import _plan


class Bare(crl.AbstractAlgorithm):
    """An algorithm whose networks, and whose whole state, are one network."""

    horizon: int = 1
    lookahead: int = 0
    sequence: int = 0

    def build(self, env, key) -> nets.Dense:
        return nets.Dense(3, 2, key=key)

    def start(self, networks, key) -> nets.Dense:
        return networks

    def networks(self, state) -> nets.Dense:
        return state

    def update(self, state, batch: crl.Batch, key) -> tuple[nets.Dense, crl.Metrics]:
        return state, {"train/loss": jax.numpy.sum(jax.vmap(state)(batch.obs[:, 0]))}

    def policy(self, networks) -> envs.AbstractPolicy:
        return envs.ZeroPolicy(1)

    def explorer(self, networks) -> envs.AbstractPolicy:
        return self.policy(networks)


@pytest.fixture(scope="module")
def plan() -> crl.Plan:
    """Of sizes that show in the rows."""
    sizes = {"data_bytes": 6_000_000_000, "agent_bytes": 2_000_000_000, "update_bytes": 1_500_000_000}
    return replace(crl.plan(short_runs.trainer(), 400, 200), **sizes)


def memory(plan: crl.Plan) -> dict[str, float]:
    return {what: float(much.removesuffix(" GB")) for what, much in plan.rows() if "memory" in what}


def test_on_a_cpu_the_copy_that_is_saved_is_there_too(plan: crl.Plan):
    rows = memory(plan)
    assert rows == {
        "memory: replay and environments": 6.0,
        "memory: networks and optimiser": 2.0,
        "memory: one update, at most": 1.5,
        "memory: copy while saving": 8.0,
        "memory: in all": 17.5,
    }
    assert plan.memory_bytes == 17_500_000_000


def test_on_a_gpu_the_copy_is_the_hosts(plan: crl.Plan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert memory(replace(plan, devices=2)) == {
        "memory: replay and environments": 3.0,
        "memory: networks and optimiser": 2.0,
        "memory: one update, at most": 0.75,
        "memory: in all, on each device": 5.75,
        "host memory: copy while saving": 8.0,
    }
    monkeypatch.setattr(_plan, "memory_available", lambda: 80 * 10**9)
    monkeypatch.setattr(_plan, "host_memory_available", lambda: 7 * 10**9)
    with pytest.raises(ValueError) as refused:
        plan.refuse_if_too_large(tmp_path)
    assert str(refused.value) == (
        "This run needs about 8.00 GB of the host's memory to save its state and 7.00 GB are free: lower "
        "the replay's `capacity_per_env` or `num_envs`."
    )


@pytest.mark.parametrize("backend", ["cpu", "gpu"])
@pytest.mark.parametrize("changes", [{}, {"seeds": 4}, {"devices": 4}])
def test_the_rows_add_up_to_what_is_refused_by(
    plan: crl.Plan, monkeypatch: pytest.MonkeyPatch, backend: str, changes: dict[str, int], tmp_path: Path
):
    plan = replace(plan, **changes)
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    rows = memory(plan)
    total = next(much for what, much in rows.items() if what.startswith("memory: in all"))
    parts = [much for what, much in rows.items() if what.startswith("memory: ") and "in all" not in what]
    assert sum(parts) == pytest.approx(total, abs=0.03) and total == pytest.approx(plan.memory_bytes / 1e9, abs=0.01)
    monkeypatch.setattr(_plan, "memory_available", lambda: plan.memory_bytes - 1)
    with pytest.raises(ValueError, match=rf"^This run needs about {total:.2f} GB of memory and"):
        plan.refuse_if_too_large(tmp_path)


def test_an_agent_that_is_one_network():
    bare = short_runs.trainer(Bare())
    assert crl.plan(bare, 400, 200).parameters == {"networks": 3 * 2 + 2}
    assert isinstance(bare.agent(jr.key(0)), nets.Dense)


def test_steps_that_pass_what_can_be_counted():
    """Rounding up to whole collects passes it, or the updates do."""
    largest = 2**31 - 1
    assert crl.plan(short_runs.trainer(), largest - 40, largest).env_steps < 2**31
    with pytest.raises(ValueError) as refused:
        crl.plan(short_runs.trainer(), largest, largest)
    assert str(refused.value) == (
        "`env_steps` of train is 2,147,483,647, which in whole collects of 40 are 2,147,483,680 environment "
        "steps: at most 2^31 - 1 can be counted."
    )
    with pytest.raises(ValueError) as refused:
        crl.plan(short_runs.trainer(updates_per_collect=1_000), 100_000_000, 1_000)
    assert str(refused.value) == (
        "`env_steps` of train is 100,000,000, for which 2,500,000,000 updates are made: at most 2^31 - 1 can be "
        "counted."
    )


def test_too_few_open_files(plan: crl.Plan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(_plan, "memory_available", lambda: plan.memory_bytes)
    monkeypatch.setattr(resource, "getrlimit", lambda what: (64, 64))
    said = (
        "This process may have 64 files open at once and this run needs 256: raise the limit, for example with "
        "`ulimit -n 256`."
    )
    with pytest.raises(ValueError) as refused:
        plan.refuse_if_too_large(tmp_path)
    assert str(refused.value) == said
    monkeypatch.setattr(resource, "getrlimit", lambda what: (300, 300))
    with pytest.raises(ValueError, match="and this run needs 320"):
        replace(plan, seeds=2).refuse_if_too_large(tmp_path)
