"""The page of all tasks says what the code says; and how it is made."""

import json
import shutil
from pathlib import Path

import exits
import parts
import pytest
import task_page
import tasks
from tool_runs import ROOT, as_a_user


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch):
    with as_a_user(monkeypatch):
        yield


@pytest.fixture(scope="module")
def stored() -> dict:
    return json.loads((ROOT / "results" / "tasks" / "summary.json").read_text())


def test_every_task_was_measured_and_drawn(stored: dict):
    assert sorted(stored["tasks"]) == parts.names()
    assert stored["run"]["command"].startswith("python tools/tasks.py") and len(stored["run"]["git_commit"]) == 40
    page = (ROOT / "docs" / "tasks.md").read_text()
    for name in parts.names():
        assert f"![{name}](tasks/{name}.png)" in page
        assert (ROOT / "docs" / "tasks" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert (ROOT / "docs" / "gallery.png").stat().st_size < 1_000_000


def test_the_page_says_what_the_code_says(stored: dict):
    seen = set()
    for name in parts.names():
        env, said = parts.task(name, "auto", parts.TEST), stored["tasks"][name]
        assert said["task"] == type(env).__name__ and said["threshold"] == env.threshold
        assert said["maze"] == (None if env.maze is None else env.maze.text)
        if type(env) not in seen:  # sizes take a trace of a reset, and are those of the class
            seen.add(type(env))
            facts = task_page.facts(env)
            assert facts == {key: said[key] for key in facts}


def test_the_page_is_what_is_stored(stored: dict):
    speeds = ROOT / "results" / "physics" / "summary.json"
    measured = json.loads(speeds.read_text()) if speeds.exists() else {}
    assert (ROOT / "docs" / "tasks.md").read_text() == task_page.markdown(stored["tasks"], measured)


def test_luck_is_measured_and_what_was_measured_before_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for name in ("reacher", "point_maze"):
        arguments = ["tasks.py", f"--tasks={name}", "--episodes=4", f"--root={tmp_path}"]
        assert exits.guard(tasks.main, arguments) == exits.SUCCESS
    summary = json.loads((tmp_path / "results" / "tasks" / "summary.json").read_text())
    assert set(summary["tasks"]) == {"reacher", "point_maze"}
    for found in summary["tasks"].values():
        for policy in ("uniform", "nothing"):
            assert 0 <= found[policy]["eval/success_any"]["mean"] <= 1
            assert found[policy]["eval/success_any"]["n"] == 4
    page = (tmp_path / "docs" / "tasks.md").read_text()
    assert "in 4 episodes" in page and page.count("\n| ![") == 2
    assert "reacher" in capsys.readouterr().out
    (tmp_path / "docs" / "tasks.md").unlink()
    (tmp_path / "docs" / "tasks" / "reacher.png").unlink()
    assert exits.guard(tasks.main, ["tasks.py", "--tasks=reacher", "--nomeasure", f"--root={tmp_path}"]) == 0
    assert (tmp_path / "docs" / "tasks.md").read_text() == page and (tmp_path / "docs/tasks/reacher.png").exists()
    assert json.loads((tmp_path / "results" / "tasks" / "summary.json").read_text()) == summary
    assert exits.guard(tasks.main, ["tasks.py", "--tasks=ant", "--nomeasure", f"--root={tmp_path}"]) == 2
    assert "has no measurement of ant" in capsys.readouterr().err


def test_a_damaged_summary_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "results" / "tasks" / "summary.json"
    file.parent.mkdir(parents=True)
    file.write_text("{")
    assert exits.guard(tasks.main, ["tasks.py", "--tasks=reacher", f"--root={tmp_path}"]) == 2
    assert f"{file} is no JSON: " in capsys.readouterr().err and file.read_text() == "{"
    file.write_text('{"tasks": []}')
    assert exits.guard(tasks.main, ["tasks.py", "--tasks=reacher", f"--root={tmp_path}"]) == 2
    assert capsys.readouterr().err == f"error: {file} is damaged: it holds no `tasks`.\n"
    shutil.rmtree(file.parent)
    assert exits.guard(tasks.main, ["tasks.py", "--tasks=reecher", f"--root={tmp_path}"]) == 2
    assert "There is no task 'reecher' in configs/env; did you mean reacher?" in capsys.readouterr().err
