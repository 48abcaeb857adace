"""What a run directory holds of a run, for who reads it: the agent of an evaluation, the whole state, the records."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ._checkpoint import CheckpointError, Checkpoints, steps
from ._folder import RECORDS_LIMIT, Folder
from ._json import FileError, parse_object
from ._leaves import named_arrays

METRICS = "metrics.jsonl"
IDENTITY, SNAPSHOTS, RESUME = "checkpoints/run.json", "checkpoints/agents", "checkpoints/resume"
_COUNTS = ("env_steps", "updates", "seconds")


def snapshot_steps(run_dir: Path | str) -> list[int]:
    """The steps of the agent snapshots of a run, oldest first: env steps, or updates where those are its clock."""
    return sorted(steps(Folder(run_dir).folder(SNAPSHOTS)))


def load_networks(run_dir: Path | str, like: PyTree, step: int | None = None) -> tuple[int, PyTree]:
    """The networks of a run at an evaluation, and the step at which it was.

    Args:
        run_dir: a run directory.
        like: their shapes, `eqx.filter_eval_shape(algorithm.build, env, key)`.
        step: of the snapshot, as in `snapshot_steps`; `None` for the newest that verifies.

    Raises:
        CheckpointError: see `Checkpoints.restore`; or the networks hold numbers that are NaN.
    """
    step, networks = _restore(Folder(run_dir), SNAPSHOTS, "agent snapshots", like, step)
    for name, array in named_arrays(networks).items():
        if jnp.issubdtype(array.dtype, jnp.floating) and np.isnan(array.astype(np.float32)).any():
            raise CheckpointError(f"The agent of step {step} in {run_dir} cannot act: {name} holds NaN.")
    return step, jax.tree.map(lambda x: jnp.asarray(x) if isinstance(x, np.ndarray) else x, networks)


def load_state(run_dir: Path | str, like: PyTree) -> PyTree:
    """The newest state of a run that verifies, replay and optimiser included, with NumPy arrays.

    Args:
        run_dir: a run directory.
        like: the state's shapes, `eqx.filter_eval_shape(trainer.init, key)`.

    Raises:
        CheckpointError: see `Checkpoints.restore`.
    """
    return _restore(Folder(run_dir), RESUME, "saved states", like, None)[1]


def identity(folder: Folder) -> str | None:
    """The identity of a run, which its checkpoints carry too; `None` where there are no checkpoints.

    Raises:
        CheckpointError: there are checkpoints without it: it is lost, or they are of version 0.1.
    """
    if folder.has(IDENTITY):
        found = folder.json(IDENTITY).get("identity")
        if not isinstance(found, str):
            raise CheckpointError(f"{folder.path / IDENTITY} is damaged: it holds no identity.")
        return found
    if any(list(steps(folder.folder(kind))) for kind in (SNAPSHOTS, RESUME)):
        raise CheckpointError(
            f"{folder.path} holds checkpoints and no {IDENTITY}: the file is lost, or they were saved by bathyal-crl "
            "0.1, which this version does not read."
        )
    return None


def read_metrics(path: Path | str) -> list[dict[str, int | float]]:
    """The records of a `metrics.jsonl`; a last one that was cut by a kill is left out.

    Each holds `env_steps`, `updates`, `seconds` and metrics by name; a metric that is not finite is left out.

    Raises:
        FileError: another line is no record, or the file cannot be read as it is.
    """
    return [record for _, record in metrics_lines(Path(path))]


def metrics_lines(path: Path) -> list[tuple[str, dict[str, int | float]]]:
    """The lines of a `metrics.jsonl`, each with the record that `read_metrics` makes of it."""
    folder, found = Folder(path.parent), []
    if not folder.has(path.name):
        return found
    for number, line in enumerate(folder.text(path.name, RECORDS_LIMIT).split("\n")[:-1], start=1):
        try:
            record = {name: value for name, value in parse_object(line, "").items() if _is_number(value)}
        except FileError:
            record = {}
        if not all(record.get(count, -1) >= 0 for count in _COUNTS):
            raise FileError(f"{path} is damaged: line {number} is no record of metrics.")
        found.append((line, record))
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _restore(folder: Folder, kind: str, what: str, like: PyTree, step: int | None) -> tuple[int, PyTree]:
    run = identity(folder)
    if run is None or not list(steps(folder.folder(kind))):
        raise CheckpointError(f"There are no {what} in {folder.path / kind}.")
    checkpoints = Checkpoints(folder.folder(kind), run)
    try:
        return checkpoints.restore(like, step)[:2]
    finally:
        checkpoints.close()
