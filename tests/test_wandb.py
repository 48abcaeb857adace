"""The Weights & Biases tracker, against a stand-in of its two calls."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from crl import Started
from crl.trackers.wandb import Wandb


class Service:
    """What wandb is asked for, and the lines that its runs are given."""

    def __init__(self):
        self.asked, self.logged = [], []

    def init(self, **settings) -> SimpleNamespace:
        self.asked.append(settings)
        return SimpleNamespace(log=lambda line, step: self.logged.append((settings["id"], step, line)))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    service = Service()
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=service.init))
    return service


def test_a_run_is_told_by_its_identity_and_what_it_was_configured_with(service: Service):
    tracker = Wandb(project="p")
    assert not service.asked
    tracker.started(Started(Path("/runs/quick/seed3"), "0a" * 16, 3, config={"crl.train.env_steps": 10}))
    assert service.asked == [
        {
            "project": "p",
            "name": "quick/seed3",
            "mode": "offline",
            "id": "0a" * 16,
            "resume": "allow",
            "dir": "/runs/quick/seed3",
            "config": {"crl.train.env_steps": 10, "seed": 3},
            "reinit": "create_new",
        }
    ]


def test_lines_arrive_at_their_step(service: Service):
    tracker = Wandb(name="n")
    tracker.started(Started(Path("/runs/quick"), "0a" * 16, 3))
    for step in (10, 20):
        tracker({"env_steps": step, "updates": 2 * step, "train/critic_loss": 1.5})
    assert service.asked[0]["name"] == "n"
    lines = [{"env_steps": step, "updates": 2 * step, "train/critic_loss": 1.5} for step in (10, 20)]
    assert service.logged == [("0a" * 16, line["env_steps"], line) for line in lines]


def test_lines_of_a_run_without_environment_steps_arrive_at_their_update(service: Service):
    tracker = Wandb()
    tracker.started(Started(Path("/runs/offline"), "0a" * 16, 3))
    for updates in (0, 10, 20):
        tracker({"env_steps": 0, "updates": updates})
    assert [step for _, step, _ in service.logged] == [0, 10, 20]


def test_each_seed_has_a_run_of_its_own(service: Service):
    tracker = Wandb(name="n")
    for seed in (3, 5):
        tracker.started(Started(Path(f"/runs/seed{seed}"), f"{seed}" * 32, seed, together=True))
    for seed in (5, 3):
        tracker({"env_steps": 10, "seed": seed})
    assert [settings["name"] for settings in service.asked] == ["n seed 3", "n seed 5"]
    assert [run for run, _, _ in service.logged] == ["5" * 32, "3" * 32]


def test_without_wandb_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ValueError, match=r"needs wandb, which is not installed: pip install wandb\.$"):
        Wandb()


def test_an_unknown_mode(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace())
    with pytest.raises(ValueError, match=r"`mode` of Wandb must be 'offline' or 'online'; got 'loud'"):
        Wandb(mode="loud")
