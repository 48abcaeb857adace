"""Who may import whom, and where: the arrows of WORKSPACE.md."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = {
    "nets": ROOT / "packages/nets/src/nets",
    "envs": ROOT / "packages/envs/src/envs",
    "crl": ROOT / "packages/crl/src/crl",
    "evaluation": ROOT / "packages/eval/src/evaluation",
}
ARROWS = {"nets": set(), "envs": set(), "crl": {"nets", "envs"}, "evaluation": {"envs"}}
ONLY_IN = {
    "gin": ("tools/",),
    "orbax": ("packages/crl/src/crl/_checkpoint.py",),
    "mujoco": ("packages/envs/", "tools/provenance.py", "tools/bench_physics.py"),
}


def imports(file: Path) -> set[str]:
    """The top-level modules a file imports anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", SOURCES)
def test_arrows_point_one_way(package: str):
    files = sorted(SOURCES[package].rglob("*.py"))
    assert files
    for file in files:
        ours = (imports(file) & SOURCES.keys()) - {package}
        assert ours <= ARROWS[package], f"{file} imports {ours}"


@pytest.mark.parametrize("module", ONLY_IN)
def test_a_library_has_one_place(module: str):
    places = [*(ROOT / "packages").rglob("*.py"), *(ROOT / "tools").rglob("*.py")]
    users = [str(file.relative_to(ROOT)) for file in places if module in imports(file)]
    assert users, f"nothing imports {module}"
    assert all(user.startswith(ONLY_IN[module]) for user in users), users


_READS_TEXT = {"open": 1, "fdopen": 1, "read_text": None, "write_text": None}  # where the mode is, if there is one
_OPENS_NO_TEXT = ("os", "Image", "webbrowser", "archive")  # the last: members of a zip are bytes


def _names_no_encoding(call: ast.Call) -> bool:
    """Whether a call opens a text file in whatever encoding the locale has."""
    match call.func:
        case ast.Name("open"):
            position = 1
        case ast.Attribute(ast.Name(of), "open") if of in _OPENS_NO_TEXT:
            return False
        case ast.Attribute(_, "open"):  # of a path, or with flags for a descriptor
            if "O_" in "".join(map(ast.unparse, call.args)):
                return False
            position = 0
        case ast.Attribute(_, name):
            position = _READS_TEXT.get(name, -1)
        case _:
            return False
    if position == -1 or any(keyword.arg == "encoding" for keyword in call.keywords):
        return False
    modes = [keyword.value for keyword in call.keywords if keyword.arg == "mode"]
    modes += call.args[position : position + 1] if position is not None else []
    return not any(isinstance(mode, ast.Constant) and "b" in str(mode.value) for mode in modes)


def test_every_text_file_is_utf_8():
    places = [*(ROOT / "packages").rglob("*.py"), *(ROOT / "tools").rglob("*.py")]
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in places
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and _names_no_encoding(node)
    ]
    assert not found


def test_evaluation_opens_no_file_of_a_run():
    """It returns text and bytes: its own pages' parts and the film that ffmpeg has left are all that it reads."""
    found = set()
    for file in SOURCES["evaluation"].rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in (*_READS_TEXT, "read_bytes", "write_bytes", "mkdir", "unlink", "savefig"):
                    found.add((file.name, name))
    assert found == {("_report.py", "read_text"), ("_video.py", "read_bytes"), ("_curve.py", "savefig")}


@pytest.mark.parametrize("package", SOURCES)
def test_every_package_can_be_released(package: str):
    home = SOURCES[package].parent.parent
    project = tomllib.loads((home / "pyproject.toml").read_text())["project"]
    assert (SOURCES[package] / "py.typed").exists()
    assert (home / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()  # wheels take it from here
    assert f"## {project['version']}" in (home / "CHANGELOG.md").read_text()
    assert f"| {project['name']} | {project['version']} |" in (ROOT / "WORKSPACE.md").read_text()
    assert (home / "README.md").read_text().startswith(f"# {project['name']}\n")


def test_packages_take_each_other_as_they_stand():
    """A minor version may change names, so each package takes the present one of another and no other."""
    projects = [
        tomllib.loads((source.parent.parent / "pyproject.toml").read_text())["project"] for source in SOURCES.values()
    ]
    versions = {project["name"]: project["version"] for project in projects}
    found = [need for project in projects for need in project["dependencies"] if need.startswith("bathyal-")]
    assert found
    for need in found:
        name, _, taken = need.partition(">=")
        major, minor, _ = map(int, versions[name].split("."))
        assert taken == f"{major}.{minor},<{major}.{minor + 1}", need


def test_uv_and_pip_read_the_same_pins():
    text = (ROOT / "constraints.txt").read_text()
    pins = [line for line in text.splitlines() if line and not line.startswith("#")]
    uv = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]
    assert uv["constraint-dependencies"] == pins
    assert all("==" in pin for pin in pins)
