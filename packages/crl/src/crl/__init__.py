"""Goal-conditioned reinforcement learning with networks of any depth.

Algorithms, laws of goals, sources of data, losses, energies and trackers are modules of the folders of these names.

Names are imported when they are first used: who reads a run directory need not wait for JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._actor import TanhGaussian as TanhGaussian
    from ._actor import TanhGaussianPolicy as TanhGaussianPolicy
    from ._algorithm import AbstractAlgorithm as AbstractAlgorithm
    from ._algorithm import AbstractValueAlgorithm as AbstractValueAlgorithm
    from ._algorithm import Mean as Mean
    from ._algorithm import Metrics as Metrics
    from ._batch import Batch as Batch
    from ._batch import BatchSpec as BatchSpec
    from ._callback import AbstractCallback as AbstractCallback
    from ._callback import Progress as Progress
    from ._checkpoint import CheckpointError as CheckpointError
    from ._checkpoint import Checkpoints as Checkpoints
    from ._cost import matmul_flops as matmul_flops
    from ._data import AbstractData as AbstractData
    from ._folder import Folder as Folder
    from ._folder import is_plain as is_plain
    from ._goal_law import COMMANDED as COMMANDED
    from ._goal_law import OTHER as OTHER
    from ._goal_law import AbstractGoalLaw as AbstractGoalLaw
    from ._json import FileError as FileError
    from ._json import parse_object as parse_object
    from ._json import to_json as to_json
    from ._memory import memory_available as memory_available
    from ._mesh import on_one_device as on_one_device
    from ._optimizer import apply_optimizer as apply_optimizer
    from ._optimizer import optimizer_or_adam as optimizer_or_adam
    from ._plan import Plan as Plan
    from ._plan import plan as plan
    from ._recorder import NonFinite as NonFinite
    from ._recorder import evaluation_key as evaluation_key
    from ._replay import Replay as Replay
    from ._run import Run as Run
    from ._sampling import sampler as sampler
    from ._saved import load_networks as load_networks
    from ._saved import load_state as load_state
    from ._saved import read_metrics as read_metrics
    from ._saved import snapshot_steps as snapshot_steps
    from ._schedule import Schedule as Schedule
    from ._schedule import check_schedule as check_schedule
    from ._signals import STOP_SIGNALS as STOP_SIGNALS
    from ._stream import Unbreakable as Unbreakable
    from ._tracker import AbstractTracker as AbstractTracker
    from ._tracker import Started as Started
    from ._train import Interrupted as Interrupted
    from ._train import train as train
    from ._trainer import Trainer as Trainer
    from ._trainer import TrainState as TrainState

_LATER = {
    "AbstractAlgorithm": "_algorithm",
    "AbstractCallback": "_callback",
    "AbstractData": "_data",
    "AbstractGoalLaw": "_goal_law",
    "AbstractTracker": "_tracker",
    "AbstractValueAlgorithm": "_algorithm",
    "Batch": "_batch",
    "BatchSpec": "_batch",
    "COMMANDED": "_goal_law",
    "CheckpointError": "_checkpoint",
    "Checkpoints": "_checkpoint",
    "FileError": "_json",
    "Folder": "_folder",
    "Interrupted": "_train",
    "Mean": "_algorithm",
    "Metrics": "_algorithm",
    "NonFinite": "_recorder",
    "OTHER": "_goal_law",
    "Plan": "_plan",
    "Progress": "_callback",
    "Replay": "_replay",
    "Run": "_run",
    "STOP_SIGNALS": "_signals",
    "Schedule": "_schedule",
    "Started": "_tracker",
    "TanhGaussian": "_actor",
    "TanhGaussianPolicy": "_actor",
    "TrainState": "_trainer",
    "Trainer": "_trainer",
    "Unbreakable": "_stream",
    "apply_optimizer": "_optimizer",
    "check_schedule": "_schedule",
    "evaluation_key": "_recorder",
    "is_plain": "_folder",
    "load_networks": "_saved",
    "load_state": "_saved",
    "matmul_flops": "_cost",
    "memory_available": "_memory",
    "on_one_device": "_mesh",
    "optimizer_or_adam": "_optimizer",
    "parse_object": "_json",
    "plan": "_plan",
    "read_metrics": "_saved",
    "sampler": "_sampling",
    "snapshot_steps": "_saved",
    "to_json": "_json",
    "train": "_train",
}

__all__ = [
    "COMMANDED",
    "OTHER",
    "STOP_SIGNALS",
    "AbstractAlgorithm",
    "AbstractCallback",
    "AbstractData",
    "AbstractGoalLaw",
    "AbstractTracker",
    "AbstractValueAlgorithm",
    "Batch",
    "BatchSpec",
    "CheckpointError",
    "Checkpoints",
    "FileError",
    "Folder",
    "Interrupted",
    "Mean",
    "Metrics",
    "NonFinite",
    "Plan",
    "Progress",
    "Replay",
    "Run",
    "Schedule",
    "Started",
    "TanhGaussian",
    "TanhGaussianPolicy",
    "TrainState",
    "Trainer",
    "Unbreakable",
    "apply_optimizer",
    "check_schedule",
    "evaluation_key",
    "is_plain",
    "load_networks",
    "load_state",
    "matmul_flops",
    "memory_available",
    "on_one_device",
    "optimizer_or_adam",
    "parse_object",
    "plan",
    "read_metrics",
    "sampler",
    "snapshot_steps",
    "to_json",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'crl' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_LATER[name]}", __name__), name)
    globals()[name] = value
    return value
