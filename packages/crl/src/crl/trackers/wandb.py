"""Weights & Biases as a tracker: `crl.train.trackers = (@wandb.Wandb(),)`. Needs the extra `bathyal-crl[wandb]`."""

import importlib
from typing import Any

from .._tracker import AbstractTracker, Line, Started


class Wandb(AbstractTracker):
    """Sends every line of metrics to a Weights & Biases run; offline unless told, so nothing leaves the machine.

    Each seed has a run of its own. A resumed run is resumed there as well, under the same id.
    """

    def __init__(self, project: str = "bathyal", name: str | None = None, mode: str = "offline"):
        """Names the project; its runs begin with the training.

        Args:
            project: as in `wandb.init`.
            name: of the run, of several seeds followed by each one's; `None` for the end of the run's directory.
            mode: `offline` writes to `wandb` in the run's directory, to be sent later by `wandb sync`; `online` sends
                at once.

        Raises:
            ValueError: an unknown mode, or wandb is not installed.
        """
        if mode not in ("offline", "online"):
            raise ValueError(f"`mode` of Wandb must be 'offline' or 'online'; got {mode!r}.")
        try:
            self._wandb = importlib.import_module("wandb")
        except ImportError as e:
            raise ValueError("crl.trackers.wandb.Wandb needs wandb, which is not installed: pip install wandb.") from e
        self._project, self._name, self._mode = project, name, mode
        self._runs: dict[int, Any] = {}

    def started(self, run: Started) -> None:
        """See `AbstractTracker.started`."""
        name = "/".join(run.directory.parts[-2:])
        if self._name is not None:
            name = f"{self._name} seed {run.seed}" if run.together else self._name
        self._runs[run.seed] = self._wandb.init(
            project=self._project,
            name=name,
            mode=self._mode,
            id=run.identity,
            resume="allow",
            dir=str(run.directory),
            config={**run.config, "seed": run.seed},
            reinit="create_new",  # the runs of other seeds stay open
        )

    def __call__(self, line: Line) -> None:
        """Logs one line in the run of its seed, at its `env_steps`, or at its `updates` where no steps are taken."""
        (alone, *_) = self._runs
        step = line["env_steps"] or line["updates"]  # wandb takes lines of one step for parts of one
        self._runs[int(line.get("seed", alone))].log(line, step=step)
