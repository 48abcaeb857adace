"""`remat = 'auto'`: the least recomputation that fits into the memory that is free."""

from pathlib import Path

import exits
import launch
import pytest
import remat
from experiment import Experiment
from reading import read
from tool_runs import QUICKSTART, as_a_user, settings

import crl

DEEP = ("nets.ResidualMLP.depth = 16", "online.Online.capacity_per_env = 100", "online.Online.prefill_per_env = 62")


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    with as_a_user(monkeypatch):
        yield


def needed(number: int) -> int:
    configuration = read([QUICKSTART[1]], [*DEEP, f"nets.ResidualMLP.remat = {number}"])
    return Experiment(configuration, "auto").plan.memory_bytes


def chosen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], free: float, *more: str) -> str:
    monkeypatch.setattr(crl, "memory_available", lambda: int(free))
    given = settings(*DEEP, "nets.ResidualMLP.remat = 'auto'", *more)
    assert exits.guard(launch.main, ["launch.py", *QUICKSTART, *given, "--dry_run"]) == exits.SUCCESS
    return capsys.readouterr().out.splitlines()[0]


def test_the_first_that_fits_is_taken(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    none, each = needed(0), needed(1)
    assert each < none
    for free, number in ((2 * none, 0), ((none + each) / 2 / 0.8, 1)):
        assert chosen(monkeypatch, capsys, free).startswith(f"nets.ResidualMLP.remat = {number}, chosen from ")


def test_where_none_fits_it_is_the_least(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    least = min(range(3), key=lambda k: needed(2**k))
    said = chosen(monkeypatch, capsys, 1e6)
    assert said.startswith(f"nets.ResidualMLP.remat = {2**least}, chosen from 0, 1, 2, 4: ")


def test_a_wrong_configuration_is_still_one_sentence(monkeypatch, capsys: pytest.CaptureFixture[str]):
    given = settings("nets.ResidualMLP.remat = 'auto'", "nets.ResidualMLP.width = 0")
    assert exits.guard(launch.main, ["launch.py", *QUICKSTART, *given, "--dry_run"]) == exits.MISTAKE
    err = capsys.readouterr().err
    assert "`width` of ResidualMLP must be an integer >= 1; got 0" in err and err.count("\n") == 1


def test_a_run_that_goes_on_keeps_what_it_began_with(monkeypatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    directory = tmp_path / "run"
    directory.mkdir()
    (directory / "config.gin").write_text(read([QUICKSTART[1]], [*DEEP, "nets.ResidualMLP.remat = 4"]).text())
    given = settings(*DEEP, "nets.ResidualMLP.remat = 'auto'")
    assert exits.guard(launch.main, ["launch.py", *QUICKSTART, *given, f"--run_dir={directory}", "--dry_run"]) == 0
    assert "chosen" not in capsys.readouterr().out
    given = settings(*DEEP, "nets.ResidualMLP.remat = 2")
    assert exits.guard(launch.main, ["launch.py", *QUICKSTART, *given, f"--run_dir={directory}", "--dry_run"]) == 2


def test_what_is_no_number_there_is_not_built(monkeypatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    directory = tmp_path / "run"
    directory.mkdir()
    text = read([QUICKSTART[1]], [*DEEP, "nets.ResidualMLP.remat = 4"]).text()
    (directory / "config.gin").write_text(text.replace("remat = 4", "remat = @equinox.tree_serialise_leaves()"))
    given = settings(*DEEP, "nets.ResidualMLP.remat = 'auto'")
    assert exits.guard(launch.main, ["launch.py", *QUICKSTART, *given, f"--run_dir={directory}", "--dry_run"]) == 2
    assert "tree_serialise_leaves" in capsys.readouterr().err
    assert [path.name for path in directory.iterdir()] == ["config.gin"]


def test_runs_side_by_side_share_the_memory(monkeypatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    none, each = needed(0), needed(1)
    monkeypatch.setattr(crl, "memory_available", lambda: int((none + each) / 2 / 0.8 * 3))
    configuration = read([QUICKSTART[1]], [*DEEP, "nets.ResidualMLP.remat = 'auto'"])
    for runs, number in ((1, 0), (3, 1)):
        found = remat.resolved(configuration, tmp_path / "run", "auto", runs)
        assert found.value("nets.ResidualMLP.remat") == number
    assert "for each of 3" in capsys.readouterr().out
