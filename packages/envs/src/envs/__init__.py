"""Goal-reaching environments on MuJoCo physics, for JAX.

The protocol (`AbstractEnv`, `Episodes`, `rollout`, ...) is imported at once; the names that need MuJoCo are
imported when they are first used, so that code which only speaks the protocol does not load a physics engine.
"""

import importlib
from typing import TYPE_CHECKING, Any

from envs import _threads as _threads  # isort: skip  # first: it must act before JAX starts its backend
from envs._base import AbstractEnv as AbstractEnv
from envs._base import EnvState as EnvState
from envs._episodes import Episodes as Episodes
from envs._episodes import EpisodeState as EpisodeState
from envs._maze import Maze as Maze
from envs._physics import AbstractEngine as AbstractEngine
from envs._physics import Fields as Fields
from envs._physics import Physics as Physics
from envs._rollout import Policy as Policy
from envs._rollout import Trajectory as Trajectory
from envs._rollout import UniformPolicy as UniformPolicy
from envs._rollout import deterministic as deterministic
from envs._rollout import rollout as rollout

if TYPE_CHECKING:
    from envs._engine import engine as engine
    from envs._render import NoRenderer as NoRenderer
    from envs._render import Renderer as Renderer
    from envs._render import render as render
    from envs.ant import Ant as Ant
    from envs.ant_maze import AntMaze as AntMaze
    from envs.humanoid import Humanoid as Humanoid
    from envs.point_maze import PointMaze as PointMaze

_LATER = {
    "engine": "envs._engine",
    "Ant": "envs.ant",
    "AntMaze": "envs.ant_maze",
    "Humanoid": "envs.humanoid",
    "NoRenderer": "envs._render",
    "PointMaze": "envs.point_maze",
    "Renderer": "envs._render",
    "render": "envs._render",
}

__all__ = [
    "AbstractEngine",
    "AbstractEnv",
    "Ant",
    "AntMaze",
    "EnvState",
    "EpisodeState",
    "Episodes",
    "Fields",
    "Humanoid",
    "Maze",
    "NoRenderer",
    "Physics",
    "PointMaze",
    "Policy",
    "Renderer",
    "Trajectory",
    "UniformPolicy",
    "deterministic",
    "engine",
    "render",
    "rollout",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'envs' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LATER[name]), name)
    globals()[name] = value
    return value
