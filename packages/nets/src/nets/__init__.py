"""Residual networks of any depth: one block, scanned, compiled once.

"The paper" is "1000 Layer Networks for Self-Supervised RL" (arXiv 2503.14858), whose architecture this is.
Everything is written for one example; batch with `jax.vmap`.
"""

from ._bfloat16 import in_bfloat16
from ._block import AbstractBlock
from ._dense import Dense
from ._ensemble import Ensemble
from ._layer import Layer, relu, swish
from ._residual_mlp import ResidualMLP
from ._stacked import Stacked
from .hyperspherical import HypersphericalBlock
from .plain import PlainBlock
from .residual import ResidualBlock

__all__ = [
    "AbstractBlock",
    "Dense",
    "Ensemble",
    "HypersphericalBlock",
    "Layer",
    "PlainBlock",
    "ResidualBlock",
    "ResidualMLP",
    "Stacked",
    "in_bfloat16",
    "relu",
    "swish",
]
