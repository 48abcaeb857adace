"""Goal-reaching environments on MuJoCo physics, for JAX.

The protocol (`AbstractEnv`, `Episodes`, `rollout`, ...) is imported at once; the names that need MuJoCo are
imported when they are first used, so that code which only speaks the protocol does not load a physics engine. A task
`MyTask` is that of the file `my_task.py`, and is named nowhere else.
"""

import importlib
import importlib.util
import re
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
from envs._policy import AbstractPolicy as AbstractPolicy
from envs._policy import Choice as Choice
from envs._policy import Chunked as Chunked
from envs._policy import Deterministic as Deterministic
from envs._policy import Policy as Policy
from envs._policy import Stateless as Stateless
from envs._policy import UniformPolicy as UniformPolicy
from envs._policy import ZeroPolicy as ZeroPolicy
from envs._policy import as_policy as as_policy
from envs._policy import deterministic as deterministic
from envs._position_goal import AbstractPositionGoalEnv as AbstractPositionGoalEnv
from envs._rollout import Trajectory as Trajectory
from envs._rollout import fresh_memory as fresh_memory
from envs._rollout import rollout as rollout
from envs._viewpoint import Viewpoint as Viewpoint

if TYPE_CHECKING:
    from envs._bodies import Bodies as Bodies
    from envs._engine import engine as engine
    from envs._gymnasium import GymnasiumEnv as GymnasiumEnv
    from envs._gymnasium import GymnasiumVectorEnv as GymnasiumVectorEnv
    from envs._opengl import NoRenderer as NoRenderer
    from envs._render import Renderer as Renderer
    from envs._render import render as render
    from envs.ant import Ant as Ant
    from envs.ant_ball import AntBall as AntBall
    from envs.ant_ball_maze import AntBallMaze as AntBallMaze
    from envs.ant_corridor import AntCorridor as AntCorridor
    from envs.ant_maze import AntMaze as AntMaze
    from envs.ant_push import AntPush as AntPush
    from envs.arm_binpick import ArmBinpick as ArmBinpick
    from envs.arm_grasp import ArmGrasp as ArmGrasp
    from envs.arm_push import ArmPush as ArmPush
    from envs.arm_reach import ArmReach as ArmReach
    from envs.half_cheetah import HalfCheetah as HalfCheetah
    from envs.humanoid import Humanoid as Humanoid
    from envs.humanoid_maze import HumanoidMaze as HumanoidMaze
    from envs.point_maze import PointMaze as PointMaze
    from envs.pusher import Pusher as Pusher
    from envs.reacher import Reacher as Reacher

_LATER = {
    "Bodies": "envs._bodies",
    "engine": "envs._engine",
    "GymnasiumEnv": "envs._gymnasium",
    "GymnasiumVectorEnv": "envs._gymnasium",
    "NoRenderer": "envs._opengl",
    "Renderer": "envs._render",
    "render": "envs._render",
}

__all__ = [
    "AbstractEngine",
    "AbstractEnv",
    "AbstractPolicy",
    "AbstractPositionGoalEnv",
    "Ant",
    "AntBall",
    "AntBallMaze",
    "AntCorridor",
    "AntMaze",
    "AntPush",
    "ArmBinpick",
    "ArmGrasp",
    "ArmPush",
    "ArmReach",
    "Bodies",
    "Choice",
    "Chunked",
    "Deterministic",
    "EnvState",
    "EpisodeState",
    "Episodes",
    "Fields",
    "GymnasiumEnv",
    "GymnasiumVectorEnv",
    "HalfCheetah",
    "Humanoid",
    "HumanoidMaze",
    "Maze",
    "NoRenderer",
    "Physics",
    "PointMaze",
    "Policy",
    "Pusher",
    "Reacher",
    "Renderer",
    "Stateless",
    "Trajectory",
    "UniformPolicy",
    "Viewpoint",
    "ZeroPolicy",
    "as_policy",
    "deterministic",
    "engine",
    "fresh_memory",
    "render",
    "rollout",
]


def __getattr__(name: str) -> Any:
    module = _module(name)
    value = getattr(importlib.import_module(module), name, None) if module else None
    if value is None:
        raise AttributeError(f"module 'envs' has no attribute {name!r}")
    globals()[name] = value
    return value


def _module(name: str) -> str | None:
    """Which module defines a name that is imported when it is first used."""
    if name in _LATER:
        return _LATER[name]
    task = "envs." + re.sub("(?<!^)(?=[A-Z])", "_", name).lower()
    return task if name.isidentifier() and name[0].isupper() and importlib.util.find_spec(task) else None
