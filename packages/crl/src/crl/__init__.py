"""Contrastive reinforcement learning with networks of any depth.

Names are imported when they are first used: who reads a run directory need not wait for JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._algorithm import AbstractAlgorithm as AbstractAlgorithm
    from ._algorithm import Agent as Agent
    from ._algorithm import Metrics as Metrics
    from ._block_norms import BlockNorms as BlockNorms
    from ._block_norms import block_norms as block_norms
    from ._checkpoint import CheckpointError as CheckpointError
    from ._checkpoint import Checkpoints as Checkpoints
    from ._cost import matmul_flops as matmul_flops
    from ._folder import Folder as Folder
    from ._folder import is_plain as is_plain
    from ._goals import GeometricGoals as GeometricGoals
    from ._json import FileError as FileError
    from ._json import parse_object as parse_object
    from ._json import to_json as to_json
    from ._loop import NonFinite as NonFinite
    from ._loop import evaluation_key as evaluation_key
    from ._memory import memory_available as memory_available
    from ._plan import Plan as Plan
    from ._plan import plan as plan
    from ._replay import Batch as Batch
    from ._replay import Replay as Replay
    from ._run import Run as Run
    from ._saved import load_agent as load_agent
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
    from .contrastive import ContrastiveRL as ContrastiveRL
    from .energies import dot as dot
    from .energies import l2 as l2
    from .losses import infonce as infonce
    from .losses import symmetric_infonce as symmetric_infonce

_LATER = {
    "AbstractAlgorithm": "_algorithm",
    "AbstractTracker": "_tracker",
    "Agent": "_algorithm",
    "Batch": "_replay",
    "BlockNorms": "_block_norms",
    "CheckpointError": "_checkpoint",
    "Checkpoints": "_checkpoint",
    "ContrastiveRL": "contrastive",
    "FileError": "_json",
    "Folder": "_folder",
    "GeometricGoals": "_goals",
    "Interrupted": "_train",
    "Metrics": "_algorithm",
    "NonFinite": "_loop",
    "Plan": "_plan",
    "Replay": "_replay",
    "Run": "_run",
    "STOP_SIGNALS": "_signals",
    "Schedule": "_schedule",
    "Started": "_tracker",
    "TrainState": "_trainer",
    "Trainer": "_trainer",
    "Unbreakable": "_stream",
    "block_norms": "_block_norms",
    "check_schedule": "_schedule",
    "dot": "energies",
    "evaluation_key": "_loop",
    "infonce": "losses",
    "is_plain": "_folder",
    "l2": "energies",
    "load_agent": "_saved",
    "load_state": "_saved",
    "matmul_flops": "_cost",
    "memory_available": "_memory",
    "parse_object": "_json",
    "plan": "_plan",
    "read_metrics": "_saved",
    "snapshot_steps": "_saved",
    "symmetric_infonce": "losses",
    "to_json": "_json",
    "train": "_train",
}

__all__ = [
    "STOP_SIGNALS",
    "AbstractAlgorithm",
    "AbstractTracker",
    "Agent",
    "Batch",
    "BlockNorms",
    "CheckpointError",
    "Checkpoints",
    "ContrastiveRL",
    "FileError",
    "Folder",
    "GeometricGoals",
    "Interrupted",
    "Metrics",
    "NonFinite",
    "Plan",
    "Replay",
    "Run",
    "Schedule",
    "Started",
    "TrainState",
    "Trainer",
    "Unbreakable",
    "block_norms",
    "check_schedule",
    "dot",
    "evaluation_key",
    "infonce",
    "is_plain",
    "l2",
    "load_agent",
    "load_state",
    "matmul_flops",
    "memory_available",
    "parse_object",
    "plan",
    "read_metrics",
    "snapshot_steps",
    "symmetric_infonce",
    "to_json",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'crl' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_LATER[name]}", __name__), name)
    globals()[name] = value
    return value
