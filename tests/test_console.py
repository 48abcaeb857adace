"""What is printed cannot drive a terminal, and a reader that goes away stops nothing."""

import io
import os
import re
import signal
import sys
from pathlib import Path

import console
import exits
import processes
import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2J\x1b]0;title\x07b", "a\\x1b[2J\\x1b]0;title\\x07b"),
        ("a\rb\x08c\x00", "a\\x0db\\x08c\\x00"),
        ("\x9b31m", "\\x9b31m"),
        ("right\u202eleft\u2066", "right\\u202eleft\\u2066"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("é ½ 漢 🎈", "é ½ 漢 🎈"),
        ("\ud800", "\\ud800"),
        ("x" * 20_000_000, "x" * 2_000 + "... (20,000,000 characters)"),
    ],
)
def test_clean(text: str, shown: str):
    assert console.clean(text) == shown


def test_a_user_error_is_clean(capsys):
    def fails(_: object) -> int:
        raise exits.UserError("no file \x1b[31mred")

    assert exits.guard(fails, []) == exits.MISTAKE
    assert capsys.readouterr().err == "error: no file \\x1b[31mred\n"


def test_so_is_a_traceback(capsys):
    def fails(_: object) -> int:
        raise RuntimeError("\x1b[31mred")

    assert exits.guard(fails, []) == exits.FAILURE
    err = capsys.readouterr().err
    assert err.startswith("Traceback") and err.endswith("RuntimeError: \\x1b[31mred\n")


def test_letters_that_cannot_be_shown_are_replaced(monkeypatch: pytest.MonkeyPatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    with console.steady():
        console.say("95 % ± 3 é")
    assert raw.getvalue() == b"95 % ? 3 ?\n"


def test_a_reader_that_goes_away_stops_nothing(tmp_path: Path):
    code = f"""
import sys
sys.path.insert(0, {str(ROOT / "tools")!r})
import exits
from console import say
def main(argv):
    for i in range(100_000):
        say("line", i)
        say("line", i, error=True)
    open({str(tmp_path / "end")!r}, "w").close()
    return 0
sys.exit(exits.guard(main, []))
"""
    process = processes.start([sys.executable, "-c", code])
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.readline() == "line 0\n"
    process.stdout.close()
    process.stderr.close()
    assert process.wait() == 0
    assert (tmp_path / "end").exists()


def test_only_the_console_prints():
    """Whatever a tool prints goes through `say`."""
    for file in sorted((ROOT / "tools").glob("*.py")):
        if file.name != "console.py" and "bench_" not in file.name:
            assert not re.search(r"(?<![.\w])print\(", file.read_text(encoding="utf-8")), file


def test_a_closed_descriptor_is_no_matter(monkeypatch: pytest.MonkeyPatch):
    read, write = os.pipe()
    os.close(read)
    monkeypatch.setattr(sys, "stdout", os.fdopen(write, "w"))
    with console.steady():
        console.say("nobody")
        console.say("hears")
    sys.stdout.close()


def test_three_interrupts_in_a_row_are_one_sentence(tmp_path: Path):
    code = f"""
import sys, time
sys.path.insert(0, {str(ROOT / "tools")!r})
import exits
def main(argv):
    try:
        print("ready", flush=True)
        while True:
            time.sleep(0.01)
    finally:
        print("ends", flush=True)
        while True:  # a save that takes long
            time.sleep(0.01)
sys.exit(exits.guard(main, []))
"""
    process = processes.start([sys.executable, "-c", code])
    assert process.stdout is not None
    for said in ("ready", "ends"):
        assert process.stdout.readline() == f"{said}\n"
        process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == exits.INTERRUPTED
    assert err == "Interrupted; the same command resumes from the last saved state.\n"
