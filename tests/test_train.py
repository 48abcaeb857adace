"""The two halves of a training step are traced and compiled once, wherever a state comes from."""

import os
import pty
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.random as jr
import pytest
import short_runs
import trainers
from blank_env import BlankEnv
from jaxtyping import Array, Int, Key

import crl
import envs
import evaluation
import nets
from crl._compiled import CompiledSteps
from crl._run import to_devices
from crl._seeds import Seeds
from crl._signals import BrokenOff, Signals
from crl.algorithms.contrastive import ContrastiveRL


class Traced(crl.Trainer):
    """A trainer that counts how often its parts are traced."""

    def init(self, key: Key[Array, ""], agent: Any = None) -> crl.TrainState:
        traces["init"] += 1
        return super().init(key, agent)

    def collect(self, state: crl.TrainState) -> crl.TrainState:
        traces["collect"] += 1
        return super().collect(state)

    def learn(self, state: crl.TrainState, updates: Int[Array, ""], together: str | None = None) -> crl.TrainState:
        traces["learn"] += 1
        return super().learn(state, updates, together)


class TracedPolicy(crl.TanhGaussianPolicy):
    """A policy that counts how often it is traced."""

    def act(self, memory, obs, goal, key):
        traces["policy"] += 1
        return super().act(memory, obs, goal, key)


class TracedRL(ContrastiveRL):
    """An algorithm that counts how often its policy is traced."""

    def policy(self, networks) -> TracedPolicy:
        return TracedPolicy(networks.actor)


traces: Counter = Counter()


def make_trainer(devices: int) -> Traced:
    network = nets.Dense  # the loop does not care, and compiles in half the time
    algorithm = TracedRL(actor=network, critic=network, embedding=8)
    sizes = {"num_envs": 8, "unroll": 10, "prefill_per_env": 20, "capacity_per_env": 50, "updates_per_collect": 3}
    return trainers.trainer(envs.PointMaze(), algorithm, of=Traced, devices=devices, batch_size=16, **sizes)


@pytest.mark.parametrize("seeds", [Seeds((0,), False), Seeds((0, 1), True)], ids=["one", "two"])
@pytest.mark.parametrize("devices", [1, 2])
def test_one_program_for_fresh_own_and_restored_states(devices: int, seeds: Seeds):
    trainer = make_trainer(devices)
    fresh = eqx.filter_jit(lambda keys: seeds.over(trainer.init)(keys))(seeds.keys())
    state = to_devices(fresh, trainer.shardings(fresh, seeds.lead))
    traces.clear()
    steps = CompiledSteps(trainer, seeds, eqx.filter_eval_shape(lambda: state))
    for updates in (1, 2):
        state = steps.learn(steps.collect(steps.collect(state)), updates)
    # Saved between two calls of the learner and restored: the learner comes first.
    state = to_devices(jax.device_get(state), trainer.shardings(state, seeds.lead))
    state = steps.collect(steps.learn(state, 1))
    assert traces == {"collect": 1, "learn": 1, "policy": 1}
    for x, where in zip(jax.tree.leaves(state), jax.tree.leaves(trainer.shardings(state, seeds.lead)), strict=True):
        assert x.sharding.is_equivalent_to(where, x.ndim)
    assert set(jax.block_until_ready(state).updates.ravel().tolist()) == {4}


def test_a_whole_run_traces_each_part_once(tmp_path: Path):
    traces.clear()
    run = crl.Run(tmp_path)
    trainer = make_trainer(1)
    evaluate = evaluation.Evaluator(trainer.env, episodes=4)
    try:
        (state,) = crl.train(trainer, env_steps=800, eval_every=160, evaluate=evaluate, call_seconds=1e-6, run=run)
    finally:
        run.close()
    assert (int(state.collects) * 80, int(state.updates)) == (800, 27)
    # init: its shapes, to restore into, and the state itself. policy: collect and six evaluations.
    assert traces == {"init": 2, "collect": 1, "learn": 1, "policy": 2}


@pytest.fixture
def terminal():
    """A terminal whose closing matters, unlike under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def test_a_signal_breaks_off_an_evaluation_which_is_done_again(tmp_path: Path):
    asked = []

    def evaluate(policy, key) -> dict[str, float]:
        asked.append(jr.key_data(key).tolist())
        if len(asked) == 2:
            signal.raise_signal(signal.SIGTERM)
            raise AssertionError("the evaluation went on after the signal")
        return {"eval/mark": float(len(asked))}

    def train(directory: Path) -> list[dict[str, int | float]]:
        run = crl.Run(directory)
        try:
            crl.train(make_trainer(1), env_steps=800, eval_every=400, evaluate=evaluate, run=run)
        finally:
            run.close()
        return [line for line in crl.read_metrics(run.metrics_file) if "eval/mark" in line]

    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(crl.Interrupted) as interrupted:
        train(tmp_path / "broken")
    assert interrupted.value.signal == signal.SIGTERM and signal.getsignal(signal.SIGTERM) == handler
    broken = train(tmp_path / "broken")
    assert asked[1] == asked[2] and [line["eval/mark"] for line in broken] == [1.0, 3.0, 4.0]
    whole = train(tmp_path / "whole")
    assert [line["train/critic_loss"] for line in broken[1:]] == [line["train/critic_loss"] for line in whole[1:]]


@pytest.mark.usefixtures("terminal")
def test_a_closed_terminal_is_no_error_amid_a_save(tmp_path: Path, capfd):
    shown, terminal = pty.openpty()

    def evaluate(policy, key) -> dict[str, float]:
        os.close(shown)
        signal.raise_signal(signal.SIGHUP)
        return {}

    kept, run = os.dup(1), crl.Run(tmp_path)
    os.dup2(terminal, 1)
    try:
        with pytest.raises(crl.Interrupted):
            crl.train(make_trainer(1), env_steps=400, eval_every=400, evaluate=evaluate, run=run)
        os.write(1, b"to nobody")
    finally:
        os.dup2(kept, 1)
        run.close()
    with pytest.raises(OSError):
        os.write(terminal, b"to nobody")
    assert len(list((tmp_path / "checkpoints/resume").iterdir())) == 1
    os.close(kept)
    os.close(terminal)


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP])
def test_what_asks_a_run_to_stop(number: int, capfd):
    before = signal.getsignal(number)
    with Signals() as signals:
        with pytest.raises(BrokenOff):
            signals.breaking_off(signal.raise_signal)(number)
        signal.raise_signal(number)
        assert signals.caught == [number, number]
    assert signal.getsignal(number) == before


def test_a_thread_trains_and_handles_no_signals(tmp_path: Path):
    """Python lets nobody but the main thread handle signals; what comes is for it."""
    before = [signal.getsignal(number) for number in (*crl.STOP_SIGNALS, signal.SIGINT)]
    with ThreadPoolExecutor(1) as pool:
        records = pool.submit(short_runs.train, tmp_path).result()
    assert [record["env_steps"] for record in records] == [0, 40, 80]
    assert before == [signal.getsignal(number) for number in (*crl.STOP_SIGNALS, signal.SIGINT)]


def test_a_working_directory_that_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()

    def evaluate(policy, key) -> dict[str, float]:
        os.chdir(tmp_path / "elsewhere")
        return {"eval/mark": 1.0}

    records = short_runs.train(Path("mine"), evaluate=evaluate, checkpoint_minutes=1e-9)
    assert len(records) == 3 and not list((tmp_path / "elsewhere").iterdir())
    assert crl.snapshot_steps(tmp_path / "mine") == [0, 40, 80] and list((tmp_path / "mine/tb").iterdir())


@pytest.fixture
def keyboard():
    """Ctrl-C as it is in the foreground: in the background a shell has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("keyboard")
def test_ctrl_c_waits_for_the_end_of_a_save():
    with Signals() as signals:
        saved = []
        with pytest.raises(KeyboardInterrupt), signals.saving():
            signal.raise_signal(signal.SIGINT)
            saved.append(1)
        with pytest.raises(KeyboardInterrupt), signals.saving():  # an impatient user need not wait
            signal.raise_signal(signal.SIGINT)
            saved.append(2)
            signal.raise_signal(signal.SIGINT)
            saved.append(3)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert saved == [1, 2]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("keyboard")
def test_ctrl_c_amid_a_save_leaves_a_state_that_is_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    save = crl.Run.save

    def interrupted(run: crl.Run, step: int, env_steps: int, updates: int, state: crl.TrainState) -> None:
        if env_steps == 40:
            signal.raise_signal(signal.SIGINT)
        save(run, step, env_steps, updates, state)
        run.wait()  # else a slow disk has the states of the next step skipped

    monkeypatch.setattr(crl.Run, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        short_runs.train(tmp_path, checkpoint_minutes=1e-9)
    like = eqx.filter_eval_shape(short_runs.trainer().init, jr.key(0))
    assert int(crl.load_state(tmp_path, like).collects) == 1


def test_what_nohup_has_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals() as signals:
            signal.raise_signal(signal.SIGHUP)
            assert signals.caught == []
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_network_from_elsewhere_may_hold_more_than_arrays(tmp_path: Path):
    def mlp(in_size, out_size, *, key):
        return eqx.nn.MLP(in_size, out_size, 8, 1, key=key)  # its activations are leaves

    env, algorithm = BlankEnv(obs=3, goal=2, action_size=1), ContrastiveRL(mlp, mlp, embedding=4)
    trainer = short_runs.trainer(algorithm)
    for steps in (80, 160):  # the second goes on with what the first left
        (state,) = crl.train(trainer, steps, 80, evaluation.Evaluator(env, 2), run=crl.Run(tmp_path))
        assert (int(state.collects), int(state.updates)) == (steps // 40, steps // 40 * 2)
    like = eqx.filter_eval_shape(algorithm.build, env, jr.key(0))
    step, networks = crl.load_networks(tmp_path, like)
    assert step == 160 and networks.actor.activation is state.agent.networks.actor.activation
    assert eqx.tree_equal(networks, state.agent.networks)
