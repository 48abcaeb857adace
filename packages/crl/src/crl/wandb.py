"""Weights & Biases as a tracker: `crl.train.trackers = (@crl.wandb.Wandb(),)`. Needs the extra `bathyal-crl[wandb]`."""

import importlib
from typing import Any


class Wandb:
    """Sends every line of metrics to a Weights & Biases run; offline unless told, so nothing leaves the machine."""

    def __init__(self, project: str = "bathyal", name: str | None = None, mode: str = "offline"):
        """Names the run; it starts with the first line of metrics.

        Args:
            project, name: as in `wandb.init`.
            mode: `offline` writes to ./wandb, to be sent later by `wandb sync`; `online` sends at once.

        Raises:
            ValueError: an unknown mode, or wandb is not installed.
        """
        if mode not in ("offline", "online"):
            raise ValueError(f"`mode` of Wandb must be 'offline' or 'online'; got {mode!r}.")
        try:
            self._wandb = importlib.import_module("wandb")
        except ImportError as e:
            raise ValueError("crl.wandb.Wandb needs wandb, which is not installed: pip install wandb.") from e
        self._settings = {"project": project, "name": name, "mode": mode}
        self._run: Any = None

    def __call__(self, line: dict[str, int | float]) -> None:
        """Logs one line at its `env_steps`."""
        if self._run is None:
            self._run = self._wandb.init(**self._settings)
        self._run.log(dict(line), step=line["env_steps"])
