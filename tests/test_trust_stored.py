"""Which gin files are checked as a stranger's, in every tool, and which are known to be the user's own."""

import os
from pathlib import Path

import evaluate
import exits
import launch
import own
import pytest
import reading
import run_directory
import show
import study
import study_grid
import trust
import view
from exits import UserError
from tool_runs import as_a_user

ATTACK = """from __gin__ import dynamic_registration
import os
import crl
crl.train.trainer = @os.system()
os.system.command = 'touch {mark}'
"""
STUDY = """import study
study.grid.axes = {'crl.train.eval_every': (1, 2)}
study.grid.seeds = (0,)
"""
MARKS = ("meta.json", "metrics.jsonl", "study.json", "tested.json", "summary.json")


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A home directory of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def mark(tmp_path: Path):
    """A file that an attack would make."""
    place = tmp_path / "ran"
    yield place
    assert not place.exists()


def stored_files(folder: Path, text: str) -> list[Path]:
    """The attack under every name and in every place that counts as stored."""
    files = []
    for i, name in enumerate(MARKS):
        run = folder / f"run{i}"
        (run / "cells" / "deeper").mkdir(parents=True)
        (run / name).touch()
        files += [
            run / "config.gin",
            run / "operative_config.gin",
            run / "mine.gin",
            run / "cells" / "deeper" / "x.gin",
        ]
    (folder / "bare" / "checkpoints").mkdir(parents=True)
    files += [folder / "bare" / "config.gin", folder / "bare" / "operative_config.gin"]
    for file in files:
        file.write_text(text)
    outside = folder / "links"
    outside.mkdir()
    for i, file in enumerate(files[:4]):
        (outside / f"{i}.gin").symlink_to(file)
        files.append(outside / f"{i}.gin")
    (folder / "run0" / "in.gin").symlink_to(folder / "theirs.gin")
    (folder / "theirs.gin").write_text(text)
    (outside / "includes.gin").write_text("include '../run0/mine.gin'\n")
    return [*files, folder / "run0" / "in.gin", outside / "includes.gin"]


def test_every_stored_file_is_checked_by_every_tool(tmp_path: Path, monkeypatch, capsys, mark: Path):
    files = stored_files(tmp_path / "theirs", ATTACK.format(mark=mark) + STUDY)
    assert len(files) == 28
    with as_a_user(monkeypatch):
        for tool in (launch, study, view, show):
            for file in files:
                arguments = ["--gin", str(file)]
                if tool in (launch, study):
                    arguments += ["--dry_run"]
                assert exits.guard(tool.main, [f"{tool.__name__}.py", *arguments]) == exits.MISTAKE
                out, err = capsys.readouterr()
                assert out == "" and err.count("\n") == 1
                assert "this stored configuration imports `os`, which is no part of a run, so nothing" in err


def test_a_file_of_the_user_s_own_may_name_anything(tmp_path: Path, monkeypatch, capsys):
    file = tmp_path / "mine.gin"
    rest = "crl.train.env_steps = 1\ncrl.train.eval_every = 1\n"
    file.write_text(ATTACK.format(mark=tmp_path / "ran") + rest)
    with as_a_user(monkeypatch):
        assert exits.guard(launch.main, ["launch.py", "--gin", str(file), "--dry_run"]) == exits.MISTAKE
    assert "`trainer` of train must be a trainer" in capsys.readouterr().err
    assert (tmp_path / "ran").exists()


def test_a_stored_file_includes_nothing(tmp_path: Path):
    (tmp_path / "meta.json").touch()
    (tmp_path / "config.gin").write_text("include '/etc/passwd'\n")
    with pytest.raises(UserError) as refused:
        reading.read([tmp_path / "config.gin"])
    assert str(refused.value) == f"{tmp_path / 'config.gin'}:1: a stored configuration may not include another file."


def test_a_cell_is_named_as_a_directory_can_be(tmp_path: Path):
    file = tmp_path / "x.gin"
    for label in ("..", ".", "x" * 300):
        grid = f"study.grid.axes = {{'a': {{'{label}': {{}}}}}}\nstudy.grid.seeds = (0,)\n"
        file.write_text(f"include 'configs/quickstart.gin'\nimport study\n{grid}")
        with pytest.raises(UserError) as refused:
            study_grid.read([str(file)], [])
        assert str(refused.value) == (
            f"`study.grid.axes` makes a cell named {label!r}, which cannot be the name of its directory."
        )


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run directory whose configuration names a module of the user's own."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "my_task.py").write_text("class Task: ...\n")
    (tmp_path / "modules" / "my_package").mkdir()
    (tmp_path / "modules" / "my_package" / "__init__.py").write_text("raise SystemExit('ran')\n")
    (tmp_path / "modules" / "my_package" / "part.py").write_text("raise SystemExit('ran')\n")
    monkeypatch.syspath_prepend(tmp_path / "modules")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "meta.json").write_text("{}")
    file = tmp_path / "run" / "config.gin"
    file.write_text("import crl\nimport my_task\nimport my_package.part\ncrl.Trainer.env = @my_task.Task()\n")
    return file


def checked(file: Path) -> str:
    """What the check says, by --gin and by --run_dir, which must agree."""
    said = []
    for read in (lambda: reading.read([file]), lambda: run_directory.stored(file.parent)):
        configuration = read()
        assert configuration is not None
        try:
            trust.check(configuration)
            said.append("")
        except UserError as e:
            said.append(str(e).split(":", 2)[2])
    assert said[0] == said[1]
    return said[0]


def test_own_runs_with_own_modules_are_trusted_until_something_changes(mine: Path, tmp_path: Path):
    refused = (
        " this stored configuration imports `my_task`, which is no part of a run, so nothing of it is run "
        "(--trust_config runs it all the same; then it can do whatever you can do)."
    )
    assert checked(mine) == refused
    trust.remember(reading.read([mine]), [mine.read_text()])
    assert checked(mine) == ""
    state = tmp_path / "state" / "bathyal" / "own_runs"
    assert state.stat().st_mode & 0o777 == 0o600
    assert len(state.read_text().split()) == 3  # the configuration and two modules
    trust.remember(reading.read([mine]), [mine.read_text()])
    assert len(state.read_text().split()) == 3
    module = tmp_path / "modules" / "my_package" / "part.py"
    for file in (mine, tmp_path / "modules" / "my_task.py", module):  # somebody else's, under the same name
        before = file.read_text()
        file.write_text(before + "\n# theirs\n")
        assert checked(file=mine) == refused
        file.write_text(before)
    assert checked(mine) == ""
    state.chmod(0o666)  # anybody could have written it
    assert checked(mine) == refused
    state.chmod(0o600)
    kept = state.rename(tmp_path / "kept")
    state.symlink_to(kept)
    assert checked(mine) == refused


def test_a_mark_in_the_run_itself_is_worth_nothing(mine: Path):
    for name in ("own_runs", ".trusted", "trusted"):
        (mine.parent / name).write_text(reading.digest(mine.read_text()) + "\n")
    assert checked(mine)


def test_runs_of_our_own_parts_leave_no_note(tmp_path: Path):
    trust.remember(reading.read([reading.ROOT / "configs/quickstart.gin"]), ["x"])
    assert not (tmp_path / "state").exists()


def test_ones_own_run_on_a_file_is_known_and_a_stranger_s_reads_none(tmp_path: Path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "meta.json").write_text("{}")
    file = tmp_path / "run" / "config.gin"
    file.write_text("import crl\nimport crl.data.offline\ncrl.Trainer.data = @crl.data.offline.Offline()\n")
    assert checked(file) == (
        " this stored configuration names `crl.data.offline.Offline`, which is no part of a run, so nothing of it is "
        "run (--trust_config runs it all the same; then it can do whatever you can do)."
    )
    trust.remember(reading.read([file]), [file.read_text()])
    assert checked(file) == ""
    file.write_text(file.read_text() + "crl.data.offline.Offline.file = '/etc/passwd'\n")
    assert checked(file)


def test_a_user_without_a_home_is_told_of_the_flag(mine: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as without an entry in the list of users
    assert own.known() == frozenset()
    trust.remember(reading.read([mine]), [mine.read_text()])
    assert "--trust_config runs it all the same" in checked(mine)


def test_a_run_is_evaluated_by_who_trained_it(mine: Path, monkeypatch, capsys):
    trust.remember(reading.read([mine]), [mine.read_text()])
    with as_a_user(monkeypatch):
        assert exits.guard(evaluate.main, ["evaluate.py", "--run_dir", str(mine.parent)]) == exits.MISTAKE
    assert (
        capsys.readouterr().err
        == f"error: {mine.parent} holds no agent yet: training leaves one at every evaluation.\n"
    )


def test_a_modules_digest_is_of_its_packages_too(tmp_path, monkeypatch):
    package = tmp_path / "mine"
    package.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("__init__.py", "task.py"):
        (package / name).write_text("x = 1\n", encoding="utf-8")
    before = own.module_digest("mine.task")
    (package / "__init__.py").write_text("x = 2\n", encoding="utf-8")
    assert before is not None and own.module_digest("mine.task") not in (None, before)
    (package / "__init__.py").write_text("x = 1\n", encoding="utf-8")
    assert own.module_digest("mine.task") == before
