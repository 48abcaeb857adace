"""TensorBoard's files hold what was logged, and whatever happens to them training goes on."""

import time
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

import crl
from crl._board import Board

WEEKS = 60 * 24 * 3600.0


def scalars(directory: Path) -> list[tuple[int, str, float]]:
    """Step, name and value of every event on the disk, in TensorBoard's order of files."""
    found = []
    for file in sorted(directory.iterdir()):
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                found.append((event.step, value.tag, value.tensor.float_val[0]))
    return found


def test_each_line_is_on_the_disk_when_it_is_written(tmp_path: Path):
    board = Board(tmp_path / "tb")
    assert not (tmp_path / "tb").exists()
    for step in (10, 20):
        board.write(step, {"train/loss": 0.5 * step, "eval/score": 1.0})
        assert scalars(tmp_path / "tb")[-2:] == [(step, "train/loss", 0.5 * step), (step, "eval/score", 1.0)]
    board.close()
    assert len(scalars(tmp_path / "tb")) == 4


def test_a_run_that_goes_on_hides_what_it_writes_again(tmp_path: Path):
    for step in (10, 20):  # the second process begins in the same second, and takes nothing from the first
        board = Board(tmp_path / "tb")
        board.write(step, {"train/loss": 1.0})
        board.close()
    assert len(list((tmp_path / "tb").iterdir())) == 2
    starts = [
        event.step
        for file in (tmp_path / "tb").iterdir()
        for event in EventFileLoader(str(file)).Load()
        if event.HasField("session_log")
    ]
    assert sorted(starts) == [10, 20]


def test_a_clock_that_is_set_back_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """tensorboardX's own writer waits for ever here: its thread dies of the wait it computes, and its queue fills."""
    now = time.time
    run = crl.Run(tmp_path)
    run.log(0, 0, 0, {"train/loss": 1.0})
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: now() - WEEKS)
        for step in range(1, 50):
            run.log(step, step, step, {"train/loss": 1.0})
    run.close()
    assert len(scalars(tmp_path / "tb")) == 50


def test_what_fails_is_said_once_and_ends_the_board_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "tb").write_text("no directory")
    run = crl.Run(tmp_path)
    for step in (1, 2):
        run.log(step, step, 0, {"train/loss": 1.0})
    run.close()
    assert capsys.readouterr().err == (
        f"TensorBoard's files in {tmp_path / 'tb'} cannot be written any more ([Errno 17] File exists: "
        f"'{tmp_path / 'tb'}'); training goes on.\n"
    )
    assert [line["env_steps"] for line in crl.read_metrics(run.metrics_file)] == [1, 2]


def test_nothing_is_written_through_a_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "tb").symlink_to(elsewhere)
    Board(tmp_path / "tb").write(1, {"train/loss": 1.0})
    assert "cannot be written any more (it is a link); training goes on." in capsys.readouterr().err
    assert not list(elsewhere.iterdir())
