"""Where a tool runs: the environment that JAX reads when it starts, and the devices that it then found."""

import importlib.util
import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from exits import UserError, sentence

_OURS = {"nets": "_stacked", "envs": "_episodes", "crl": "_folder", "evaluation": "_evaluate"}
KINDS = ("auto", "cpu", "gpu", "tpu")
_PLATFORMS = {"cpu": "cpu", "gpu": "cuda,cpu", "tpu": "tpu,cpu"}


def prepare(kind: str, environment: MutableMapping[str, str] = os.environ) -> None:
    """Sets what is not set yet. Call it before JAX is imported.

    - the platform, where one is asked for;
    - JAX's persistent compilation cache, under ~/.cache/bathyal, for programs of any size and compile time; none where
      the user has no home directory.

    MuJoCo's drawing needs nothing here: `envs.render` takes EGL where there is no display.
    """
    _refuse_other_packages()
    if kind != "auto":
        environment["JAX_PLATFORMS"] = _PLATFORMS[kind]
    if (cache := users_folder("XDG_CACHE_HOME", ".cache", environment)) is not None:
        environment.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache / "compiled"))
    environment.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    environment.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


def _refuse_other_packages() -> None:
    """Raises `UserError` where Python would import something else under the name of a package of ours.

    A folder `envs` of a user's, in PYTHONPATH or beside a script, comes before an installed package.
    """
    for package, module in _OURS.items():
        spec = importlib.util.find_spec(package)
        places = [spec.origin] if spec and spec.origin else list(spec.submodule_search_locations or ()) if spec else []
        if not spec or not spec.origin or not (Path(spec.origin).parent / f"{module}.py").is_file():
            found = f"it is taken from {places[0]}" if places else "there is none"
            raise UserError(
                f"The package `{package}` is not this project's: {found}. Rename that folder or file, take it out of "
                "PYTHONPATH, or install this project."
            )


def users_folder(variable: str, default: str, environment: Mapping[str, str] = os.environ) -> Path | None:
    """This project's folder among the user's own of one kind; `None` for a user without a home, as in many containers.

    Args:
        variable: names the place of such folders, if it is set to an absolute path.
        default: their place in the home directory otherwise.
        environment: of the process.
    """
    if os.path.isabs(environment.get(variable, "")):
        return Path(environment[variable]) / "bathyal"
    try:
        return Path.home() / default / "bathyal"
    except RuntimeError:
        return None


def check(kind: str) -> list[str]:
    """The devices JAX found, such as `cpu: cpu`; `UserError` where it found none of the kind asked for.

    The kind is asked for by the flag, or by the variable JAX_PLATFORMS.
    """
    # envs widens XLA's thread pool where there is only one CPU; it must do so before JAX starts.
    import jax

    import envs  # noqa: F401

    asked = os.environ.get("JAX_PLATFORMS", "").split(",")[0]
    wanted = {"cuda": "gpu", "rocm": "gpu"}.get(asked, asked) if kind == "auto" else kind
    advice = "for an NVIDIA GPU install the extra cuda12 or cuda13, or choose --device cpu"
    try:
        found = jax.devices()
    except (RuntimeError, AssertionError) as e:  # the second where no plugin knows the platform
        raise UserError(f"JAX cannot start on {asked or 'this machine'} ({sentence(e).rstrip('.')}); {advice}.") from e
    if wanted in ("gpu", "tpu") and found[0].platform != wanted:
        raise UserError(f"A {wanted.upper()} was asked for, but JAX sees only {found[0].platform} devices; {advice}.")
    return [f"{device.platform}: {device.device_kind}" for device in found]
