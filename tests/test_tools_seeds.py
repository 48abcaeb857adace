"""Several seeds by one command: each leaves the run directory that it leaves alone."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import exits
import experiment
import launch
import pytest
import reading
from tool_runs import QUICKSTART, TINY, as_a_user, content, settings, start


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    with as_a_user(monkeypatch):
        yield


def run(*arguments: str) -> int:
    return exits.guard(launch.main, ["launch.py", *QUICKSTART, *arguments])


def test_a_directory_for_every_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    base = tmp_path / "seeds"
    both = (*settings(*TINY, "train.seeds = (1, 4)"), "--run_dir", str(base))
    process = start("launch.py", *QUICKSTART, *both)
    out, err = process.communicate()
    assert process.returncode == 0, out + err
    assert sorted(path.name for path in base.iterdir()) == ["seed1", "seed4"]
    for seed in (1, 4):
        directory = base / f"seed{seed}"
        assert json.loads((directory / "meta.json").read_text())["seed"] == seed
        assert f"crl.train.seed = {seed}\n" in (directory / "config.gin").read_text()
        assert "crl.train.seeds" not in (directory / "config.gin").read_text()
        lines = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
        assert [line["env_steps"] for line in lines if "eval/success_any" in line] == [0, 240, 480]
        for name in ("operative_config.gin", "curve.png", "film.mp4", "report.html", "evaluation.json"):
            assert (directory / name).stat().st_size > 0, name
    before = content(base)
    assert run(*both) == exits.SUCCESS
    assert capsys.readouterr().out.count("This run is finished") == 2
    # And the run of one of them is that of the seed alone.
    assert run(*settings(*TINY, "train.seed = 4"), "--run_dir", str(base / "seed4")) == exits.SUCCESS
    assert f"This run is finished: {base / 'seed4' / 'report.html'}" in capsys.readouterr().out
    assert run(*both, *settings("Online.unroll = 10")) == exits.MISTAKE
    assert "holds another run: crl.data.online.Online.unroll is 20 there and 10 here" in capsys.readouterr().err
    assert content(base) == before


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("3", "`seeds` of train must be different integers, such as (0, 1, 2); got 3."),
        ("(0, 0)", "`seeds` of train must be different integers, such as (0, 1, 2); got (0, 0)."),
        ("(0, 'a')", "`seeds` of train must be integers from 0 to 2^31 - 1; got 'a'."),
    ],
)
def test_seeds_that_make_no_sense(capsys: pytest.CaptureFixture[str], wrong: str, message: str):
    assert run(*settings(f"train.seeds = {wrong}")) == exits.MISTAKE
    assert capsys.readouterr().err == f"error: {message}\n"
    assert content(Path()) == {}


def test_a_dry_run_counts_all_of_them(capsys: pytest.CaptureFixture[str]):
    rows = {}
    for seeds in ("()", "(0, 1, 2)"):
        assert run("--dry_run", *settings(f"train.seeds = {seeds}")) == exits.SUCCESS
        out = capsys.readouterr().out.splitlines()
        rows[seeds] = {line[:40].strip(): line[40:].strip() for line in out[1:]}
    one, three = (float(rows[seeds]["memory: replay and environments"].split()[0]) for seeds in rows)
    assert three == pytest.approx(3 * one, abs=0.02)
    assert "runs/quickstart/seed0 and runs/quickstart/seed1 and runs/quickstart/seed2" in out[0]
    assert content(Path()) == {}


@pytest.mark.parametrize("seed", ["@gin.macro", "True", "'a'", "1.5", "-1", "2_147_483_648"])
def test_a_seed_that_can_name_no_directory(capsys: pytest.CaptureFixture[str], seed: str):
    shown = seed.replace("_", "")
    assert run(*settings(f"train.seed = {seed}")) == exits.MISTAKE
    said = f"error: `seed` of train must be an integer from 0 to 2^31 - 1; got {shown}.\n"
    assert capsys.readouterr().err == said
    assert run(*settings(f"train.seeds = (0, {seed})")) == exits.MISTAKE
    said = f"error: `seeds` of train must be integers from 0 to 2^31 - 1; got {shown}.\n"
    assert capsys.readouterr().err == said
    assert content(Path()) == {}


def test_trackers_follow_several_seeds_and_know_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace())
    file = tmp_path / "mine.gin"
    tracked = "from crl.trackers import wandb\ncrl.train.trackers = (@wandb.Wandb(),)\ncrl.train.seeds = (0, 1)\n"
    file.write_text(f"from __gin__ import dynamic_registration\nimport crl\ninclude '{QUICKSTART[1]}'\n{tracked}")
    configuration = reading.read([str(file)], ["critic/nets.ResidualMLP.depth = 8"])
    arguments = experiment.Experiment(configuration, "auto").arguments
    assert [type(tracker).__name__ for tracker in arguments["trackers"]] == ["Wandb"]
    config = arguments["config"]
    assert config["critic/nets.ResidualMLP.depth"] == 8 and config["crl.train.seeds"] == "(0, 1)"
    assert config["crl.Trainer.devices"] == 1  # a default
