"""Contrastive reinforcement learning with networks of any depth."""

from ._algorithm import AbstractAlgorithm, Agent, Metrics
from ._block_norms import BlockNorms, block_norms
from ._checkpoint import CheckpointError, Checkpoints, load_agent, load_state
from ._cost import matmul_flops
from ._goals import GeometricGoals
from ._loop import NonFinite, evaluation_key
from ._plan import Plan, memory_available, plan
from ._replay import Batch, Replay
from ._run import Run, read_metrics
from ._train import Interrupted, check_schedule, train
from ._trainer import Trainer, TrainState
from .contrastive import ContrastiveRL
from .energies import dot, l2
from .losses import infonce, symmetric_infonce

__all__ = [
    "AbstractAlgorithm",
    "Agent",
    "Batch",
    "BlockNorms",
    "CheckpointError",
    "Checkpoints",
    "ContrastiveRL",
    "GeometricGoals",
    "Interrupted",
    "Metrics",
    "NonFinite",
    "Plan",
    "Replay",
    "Run",
    "TrainState",
    "Trainer",
    "block_norms",
    "check_schedule",
    "dot",
    "evaluation_key",
    "infonce",
    "l2",
    "load_agent",
    "load_state",
    "matmul_flops",
    "memory_available",
    "plan",
    "read_metrics",
    "symmetric_infonce",
    "train",
]
