"""`nets` is of use alone: its wheel runs in a fresh environment with its three dependencies and no more."""

import os
import re
import sys
from pathlib import Path

import processes
import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "packages" / "nets"
# Our other packages, then what those need.
STRANGERS = ["envs", "crl", "evaluation", "gin", "absl", "mujoco", "optax", "orbax", "gymnasium", "psutil"]


def call(*command, **kwargs) -> str:
    return processes.finish(command, **kwargs).stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    """The interpreter of a fresh environment that holds the wheel of nets and its dependencies."""
    here = tmp_path_factory.mktemp("alone")
    uv = [sys.executable, "-m", "uv"]
    call(*uv, "build", "--wheel", "--out-dir", here / "dist", "--python", sys.executable, PACKAGE)
    call(*uv, "venv", "--python", sys.executable, here / "env")
    python = here / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
    pins = ROOT / "constraints.txt"
    (wheel,) = (here / "dist").glob("*.whl")
    call(*uv, "pip", "install", "--python", python, wheel, *(["-c", pins] if pins.exists() else []))
    return python


def run(python: Path, code: str) -> str:
    """Runs code far from the repository, blind to this process's paths."""
    return call(python, "-I", "-W", "error", "-c", code, cwd=python.parent, env={"JAX_PLATFORMS": "cpu"})


def test_readme_runs(python):
    blocks = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    printed = run(python, "\n".join(blocks) + "\nprint(y.shape, jax.vmap(net)(x).shape, nets.__file__)")
    assert printed.startswith("(512, 64) (512, 64) ") and "site-packages" in printed


def test_nothing_else_comes_along(python):
    code = f"""
import importlib.util, sys
import nets
assert all(hasattr(nets, name) for name in nets.__all__)
print([name for name in {STRANGERS} if name in sys.modules or importlib.util.find_spec(name)])
"""
    assert run(python, code).strip() == "[]"


def test_the_wheel_says_that_it_is_typed(python):
    code = "import nets, pathlib; print((pathlib.Path(nets.__file__).parent / 'py.typed').exists())"
    assert run(python, code).strip() == "True"
