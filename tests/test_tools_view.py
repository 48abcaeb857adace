"""tools/view.py: the address of a page, an end by Ctrl-C, and one sentence for what is wrong."""

import shutil
import signal
import sys
from pathlib import Path

import exits
import processes
import pytest
import view
from tool_runs import ROOT, as_a_user, content, finished_run, start
from viewer_client import Client, status_of

import evaluation

PART = str(ROOT / "configs/env/point_maze.gin")


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("evaluation._viewer.Viewer.run", lambda self: pytest.fail("It is served."))  # else for ever
    with as_a_user(monkeypatch):
        yield


@pytest.fixture
def run(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a finished run."""
    directory = tmp_path / "run"
    shutil.copytree(finished_run(tmp_path_factory.getbasetemp()), directory)
    return directory


def address(process: processes.Process) -> str:
    """The address that the tool prints."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("http://localhost:"):
            return line.split()[0]
    raise AssertionError(process.communicate()[1])


def shows(*arguments: str) -> str:
    """Starts the tool, looks at its page until time goes on there, ends it by Ctrl-C; returns who acts."""
    process = start("view.py", *arguments, "--port", "0")
    try:
        page = address(process)
        assert status_of(page) == 200
        client = Client(page)
        client.read_until(lambda: "s" in client.text and " after 0.0 s" not in client.text)
        client.set("Speed", "\x1b[2Jfast")
        client.set("Who acts", "nobody")
        client.send_raw(b"nonsense")
        client.close()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert err == "" and "\x1b" not in out and "Traceback" not in out
        return client.options["Who acts"][0]
    finally:
        process.kill()


def test_a_task():
    assert shows("--gin", PART, "--seed", "3") == "random"


def test_an_agent_of_a_run(run):
    before = content(run)
    assert shows("--run_dir", str(run), "--step", "240") == "agent after 240 steps"
    assert content(run) == before


def mistake(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one sentence the tool answers with; it ends with status 2, and serves nothing."""
    assert exits.guard(view.main, ["view.py", *map(str, arguments)]) == exits.MISTAKE
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("error: ") and "Traceback" not in err
    return err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "either --gin, to look at a task, or --run_dir, to look at an agent"),
        (("--gin", PART, "--run_dir", "{run}"), "either --gin"),
        (("--run_dir", "{run}", "--set", "x.y = 1"), "--set changes what --gin says"),
        (("--gin", PART, "--step", "240"), "it needs --run_dir"),
        (("--gin", PART, "--port", "70000"), "--port"),
        (("--gin", "nowhere.gin"), "nowhere.gin"),
        (("--gin", str(ROOT / "configs/algo/contrastive.gin")), "`crl.Trainer.env` is not bound"),
        (("--gin", PART, "--set", "envs.PointMaze.maze = 'round'"), "Maze 'round' is neither"),
        (("--gin", PART, "--set", "evaluation.Evaluator.env = 3"), "Evaluator.env` must be an environment"),
        (("--run_dir", "nowhere"), "--run_dir nowhere does not exist"),
        (("--run_dir", "{run}", "--step", "123"), "--step 123 does not exist in {run}; there are 0, 240, 480."),
    ],
)
def test_wrong_flags(capsys, run, arguments, message):
    sentence = mistake(capsys, *(word.format(run=run) for word in arguments))
    assert message.format(run=run) in sentence


@pytest.mark.parametrize("flag", ["--run_dir", "--gin"])
def test_a_stored_configuration_runs_nothing(capsys, run, tmp_path, flag):
    config = run / "config.gin"
    with config.open("a") as file:
        file.write(f"import os\nevaluation.Evaluator.env = @os.system()\nos.system.command = 'touch {tmp_path}/mark'\n")
    before = content(tmp_path)
    assert "imports `os`" in mistake(capsys, flag, run if flag == "--run_dir" else config)
    assert content(tmp_path) == before


def test_a_damaged_snapshot_is_never_shown(capsys, run):
    for path in (run / "checkpoints" / "agents" / "480" / "arrays").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-1])
    sentence = mistake(capsys, "--run_dir", run)
    assert "480" in sentence and "does not verify" in sentence


def test_without_access_control_nothing_is_served(capsys, monkeypatch):
    monkeypatch.setattr("evaluation._access._Changed", lambda module, **_: module)
    assert mistake(capsys, "--gin", PART, "--port", "0") == (
        "error: The installed version of viser leaves no way to check who connects to its server, so the live view is "
        "not served; constraints.txt names a version that does.\n"
    )


def test_without_the_extra_one_sentence(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "viser", None)
    monkeypatch.delitem(sys.modules, "evaluation._viewer", raising=False)
    monkeypatch.delitem(vars(evaluation), "Viewer", raising=False)
    sentence = mistake(capsys, "--gin", PART)
    assert "needs viser and mjviser" in sentence and "pip install 'bathyal-eval[viewer]'." in sentence
