"""Tools on machines that lack something: a home directory, a locale, the right packages."""

import os
import sys
from pathlib import Path

import devices
import processes
import pytest
from environment import users_environment
from exits import UserError

ROOT = Path(__file__).parent.parent
LAUNCH = [sys.executable, ROOT / "tools" / "launch.py", "--gin", ROOT / "configs" / "quickstart.gin"]


def test_a_user_without_a_home_has_no_cache_and_no_traceback(monkeypatch: pytest.MonkeyPatch):
    environment: dict[str, str] = {}
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as without HOME and an entry in the list of users
    devices.prepare("auto", environment)
    assert "JAX_COMPILATION_CACHE_DIR" not in environment
    assert devices.users_folder("XDG_STATE_HOME", ".local/state", {"XDG_STATE_HOME": "/var/state"}) == Path(
        "/var/state/bathyal"
    )
    assert devices.users_folder("XDG_STATE_HOME", ".local/state", {"XDG_STATE_HOME": "relative"}) is None


def test_every_tool_starts_without_a_home_in_a_locale_of_ascii(tmp_path: Path):
    code = """
import os, runpy, sys
os.path.expanduser = lambda path: path
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""
    environment = {name: value for name, value in users_environment().items() if name not in ("HOME", "LANG", "LC_ALL")}
    environment |= {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "MPLCONFIGDIR": str(tmp_path)}
    for tool in ("launch", "evaluate", "inside", "study", "view", "show", "publish", "tasks"):
        file = ROOT / "tools" / f"{tool}.py"
        done = processes.finish(
            [sys.executable, "-c", code, file, "--gin=\u00e9", "--run_dir=\u00e9"], 2, env=environment
        )
        assert done.stderr.count("\n") == 1 and done.stderr.startswith("error: "), done.stderr


def test_a_folder_that_shadows_a_package_is_named(tmp_path: Path):
    for name, made in (("envs", "envs/__init__.py"), ("nets", "nets.py")):
        (tmp_path / name).mkdir()
        file = tmp_path / name / made
        file.parent.mkdir(exist_ok=True)
        file.write_text("")
        environment = users_environment() | {"PYTHONPATH": str(tmp_path / name)}
        done = processes.finish([*LAUNCH, "--dry_run"], 2, env=environment)
        assert done.stderr == (
            f"error: The package `{name}` is not this project's: it is taken from {file}. Rename that folder or file, "
            "take it out of PYTHONPATH, or install this project.\n"
        )


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(devices._OURS, "no_such_package", "x")
    with pytest.raises(UserError) as missing:
        devices.prepare("auto", {})
    assert str(missing.value) == (
        "The package `no_such_package` is not this project's: there is none. Rename that folder or file, take it out "
        "of PYTHONPATH, or install this project."
    )
