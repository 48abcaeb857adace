"""The Weights & Biases tracker, against a stand-in of its two calls."""

import sys
from types import SimpleNamespace

import pytest

from crl.wandb import Wandb


def test_lines_arrive_at_their_step(monkeypatch):
    started, logged = [], []

    def init(**settings):
        started.append(settings)
        return SimpleNamespace(log=lambda line, step: logged.append((step, line)))

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    tracker = Wandb(project="p", name="n")
    assert not started
    for step in (10, 20):
        tracker({"env_steps": step, "train/critic_loss": 1.5})
    assert started == [{"project": "p", "name": "n", "mode": "offline"}]
    assert logged == [(step, {"env_steps": step, "train/critic_loss": 1.5}) for step in (10, 20)]


def test_without_wandb_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ValueError, match=r"needs wandb, which is not installed: pip install wandb\.$"):
        Wandb()


def test_an_unknown_mode(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace())
    with pytest.raises(ValueError, match=r"`mode` of Wandb must be 'offline' or 'online'; got 'loud'"):
        Wandb(mode="loud")
