"""What is shown while training: live on terminals alone, every bracket of it, and nothing where nobody reads."""

import io
import os
import pty
from pathlib import Path

import pytest
from progress import Display
from rich.console import Console
from short_runs import train

import crl
from crl._stream import Unbreakable


def show(display: Display, stage: str, step: int, metrics: dict[str, int | float] | None = None) -> None:
    """Tells the display of a step out of 100."""
    display.progressed(crl.Progress(stage, step, 100, metrics or {}))


@pytest.mark.parametrize("sentence", ["runs/x[lr=0.1]", "[/red] and [bold]", "a [link=x] of :smile:"])
def test_brackets_are_shown(sentence: str):
    file = io.StringIO()
    with Display(Console(file=file)) as display:
        display.noticed(sentence)
        show(display, sentence, 10)
    first, second = file.getvalue().splitlines()
    assert first == sentence and second.startswith(sentence)


def said_of(record: dict[str, int | float]) -> str:
    """What a file gets of one record."""
    file = io.StringIO()
    with Display(Console(file=file)) as display:
        show(display, "train", 50, record)
    return file.getvalue().removeprefix("train      50%  50 steps · ").removesuffix("\n")


def test_losses_of_any_algorithm_are_shown_and_no_other_metric_of_it():
    record = {
        "eval/time_at_goal_fraction": 0.25,
        "eval/success_any": 0.5,
        "train/td_error": 7.0,
        "train/bc_loss": 0.125,
        "train/lossless": 7.0,
        "other/x_loss": 7.0,
        "speed/updates_per_second": 12.34,
        "speed/env_steps_per_second": 5000,
    }
    assert said_of(record) == "5,000 steps/s · 12.3 updates/s · bc 0.12 · success 0.50 · at goal 0.25"
    assert said_of({"train/loss": 1.0}) == "loss 1.00"


def test_three_losses_are_shown_at_most_in_the_order_of_the_record():
    names = ("z", "{0}[red]", "collector_actor", "critic")
    shown = said_of({f"train/{name}_loss": i for i, name in enumerate(names)})
    assert shown == "z 0.00 · {0}[red] 1.00 · collector actor 2.00"


def test_colours_make_no_terminal_of_a_file(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    file = io.StringIO()
    with Display(Console(file=file)) as display:
        show(display, "train", 50)
    assert file.getvalue() == "train      50%  50 steps\n"


def test_a_terminal_has_a_live_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "xterm")
    shown, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as file:
        with Display(Console(file=file, width=80)) as display:
            display.noticed("a [sentence]")
            show(display, "train", 50)
        file.flush()
        said = ""
        while "50%" not in said:
            said += os.read(shown, 10_000).decode(errors="replace")
    os.close(shown)
    assert "\x1b[" in said and "a [sentence]" in said


def test_a_reader_that_goes_away_ends_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    reader, writer = os.pipe()
    with os.fdopen(writer, "w", buffering=1) as pipe:
        monkeypatch.setattr("sys.stdout", pipe)
        os.close(reader)
        with Display() as display:
            records = train(tmp_path / "shown", callbacks=(display,))
        assert train(tmp_path / "printed", env_steps=40) and train(tmp_path / "printed")  # which says that it resumed
        os.write(writer, b"to nobody")  # nor is it an error for what prints after
    assert [record["env_steps"] for record in records] == [0, 40, 80]


def test_a_closed_terminal_ends_nothing():
    shown, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as file:
        os.close(shown)
        with Display(Console(file=file, width=80)) as display:
            display.noticed("to nobody")
            show(display, "train", 50)


def test_a_character_that_the_console_has_not():
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii", write_through=True) as ascii_only:
        Unbreakable(ascii_only).write("4 \u00b7 5")
        assert raw.getvalue() == b"4 ? 5"
