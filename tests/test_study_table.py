"""The table of a study's runs, on a terminal and elsewhere."""

import io
import json
from pathlib import Path

import study_slots
from configuration import Configuration, Key
from rich.console import Console
from statements import Binding
from study_grid import Cell, Run
from study_table import Table


class Terminal(io.StringIO):
    """A stream that says of itself that it is a terminal."""

    def isatty(self) -> bool:
        return True


def terminal(height: int) -> Console:
    return Console(file=Terminal(), width=60, height=height, _environ={"TERM": "xterm"})


def job(tmp_path: Path, name: str) -> study_slots.Job:
    key = ("", "crl.train", "env_steps")
    configuration = Configuration(bindings={Key(*key): Binding(*key, 4_000, "")})
    return study_slots.Job(Run(Cell(name, {}, configuration), 0, tmp_path / name / "seed0"), [], tmp_path / "no.log")


def test_the_table_shows_how_far_runs_are(tmp_path: Path, capsys):
    shown = job(tmp_path, "some")
    shown.run.directory.mkdir(parents=True)
    counts = {"env_steps": 2_000, "updates": 20, "seconds": 9.0}
    line = counts | {"speed/env_steps_per_second": 1234.5, "eval/time_at_goal_fraction": 0.25}
    (shown.run.directory / "metrics.jsonl").write_text(json.dumps(line) + '\n{"env_st')
    with Table([shown]) as table:
        table.show()
    assert "waiting" in (said := capsys.readouterr().out) and "50%" in said and "1,234" in said and "0.25" in said
    assert shown.last_words == "(no output)"


def test_a_low_terminal_shows_what_runs(tmp_path: Path):
    jobs = [job(tmp_path, f"job{i}") for i in range(40)]
    for number, state in ((5, study_slots.FAILED), (37, study_slots.RUNNING), (38, study_slots.ELSEWHERE)):
        jobs[number].state = state
    jobs[39].state = study_slots.FINISHED
    console = terminal(height=12)
    with Table(jobs, console) as table:
        table.show()
        shown = [line for line in console.file.getvalue().splitlines() if line.strip()]
        assert len(shown) <= 12
        assert [line.split()[:2] for line in shown if "job" in line] == [
            ["job37/seed0", "running"],
            ["job38/seed0", "running"],
            ["job5/seed0", "failed"],
        ]
        assert "1 of 40 runs finished; not shown: 36 waiting" in " ".join(" ".join(shown).split())
    high = terminal(height=50)
    with Table(jobs, high) as table:
        table.show()
        assert all(f"job{i}/seed0" in high.file.getvalue() for i in range(40))


def test_brackets_in_a_name_are_shown(tmp_path: Path, capsys):
    jobs = [job(tmp_path, "lr[0.1]"), job(tmp_path, "x[/red]")]
    with Table(jobs) as table:
        table.show()
    high = terminal(height=50)
    with Table(jobs, high) as table:
        table.show()
    for shown in (capsys.readouterr().out, high.file.getvalue()):
        assert "lr[0.1]/seed0" in shown and "x[/red]/seed0" in shown


def test_colours_make_no_terminal_of_a_file(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    file = io.StringIO()
    with Table([job(tmp_path, "some")], Console(file=file)) as table:
        table.show()
    assert "\x1b" not in file.getvalue() and "some/seed0" in file.getvalue()


def test_what_is_no_number_is_not_shown(tmp_path: Path, capsys):
    shown = job(tmp_path, "some")
    shown.run.directory.mkdir(parents=True)
    lines = ['{"env_steps": 1000, "speed/env_steps_per_second": null, "eval/time_at_goal_fraction": null}', "3", "{"]
    (shown.run.directory / "metrics.jsonl").write_text("\n".join([*lines, ""]))
    with Table([shown]) as table:
        table.show()
    assert "25%" in capsys.readouterr().out
