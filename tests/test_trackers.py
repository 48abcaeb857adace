"""Trackers are told which run they follow and given its records, and whatever they do training goes on."""

from pathlib import Path

import pytest
from short_runs import train, trainer

import crl


class Notes(crl.AbstractTracker):
    """What a tracker is called with."""

    def __init__(self):
        self.runs, self.lines = [], []

    def started(self, run: crl.Started) -> None:
        assert not self.lines
        self.runs.append(run)

    def __call__(self, line) -> None:
        self.lines.append(line)


class Broken(Notes):
    """Fails at its second line."""

    def __call__(self, line) -> None:
        super().__call__(line)
        if len(self.lines) == 2:
            raise ConnectionError("no [route]\nto host.")


def test_a_tracker_is_told_of_its_run_before_the_first_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    notes, plain = Notes(), []
    records = train(Path("mine"), seed=7, trackers=[notes, plain.append], config={"a": 1})
    (run,) = notes.runs
    assert (run.directory, run.seed, run.together, run.config) == (tmp_path / "mine", 7, False, {"a": 1})
    assert run.identity == crl.Run(tmp_path / "mine").identity
    assert notes.lines == plain == records and len(records) == 3
    again = Notes()
    train(Path("mine"), env_steps=120, seed=7, trackers=(again,))
    assert [run.identity for run in again.runs] == [run.identity] and len(again.lines) == 1


def test_of_several_seeds_a_tracker_is_told_of_each(tmp_path: Path):
    notes = Notes()
    runs = [crl.Run(tmp_path / f"seed{seed}") for seed in (3, 5)]
    crl.train(trainer(), 40, 40, seeds=(3, 5), trackers=(notes,), run=runs)
    assert [(run.seed, run.together, run.directory.name) for run in notes.runs] == [
        (3, True, "seed3"),
        (5, True, "seed5"),
    ]
    assert [run.identity for run in notes.runs] == [run.identity for run in runs]
    assert [line["seed"] for line in notes.lines] == [3, 5, 3, 5]
    for run in runs:
        run.close()


def test_a_tracker_that_fails_is_told_of_once_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    broken, sound = Broken(), Notes()
    records = train(tmp_path, trackers=(broken, sound))
    assert len(broken.lines) == 2 and sound.lines == records and len(records) == 3
    said = f"The tracker {__name__}.Broken has failed and is left out from here (ConnectionError: no [route] to host)."
    assert capsys.readouterr().out.count(said) == 1


def test_a_tracker_that_cannot_start_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    class Refused(Notes):
        def started(self, run: crl.Started) -> None:
            raise RuntimeError

    refused = Refused()
    assert len(train(tmp_path, trackers=(refused,))) == 3
    assert not refused.lines and "Refused has failed and is left out from here (RuntimeError)." in (
        capsys.readouterr().out
    )


def test_ctrl_c_in_a_tracker_is_for_the_user(tmp_path: Path):
    def interrupted(line) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, trackers=(interrupted,))
