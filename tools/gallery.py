"""Pictures and numbers of tasks, without an agent that has learned anything."""

from pathlib import Path
from typing import Any

import imageio.v3 as iio
import jax
import jax.random as jr
import numpy as np
from jaxtyping import UInt8

import crl
import envs
import evaluation

WIDTH, HEIGHT = 640, 480  # pixels


def numbers(env: envs.AbstractEnv) -> dict[str, Any]:
    """What a task is: sizes, seconds, metres, steps."""
    return {
        "task": type(env).__name__,
        "maze": None if env.maze is None else env.maze.text,
        "engine": env.engine.name,
        "observation": env.obs_size,
        "goal": env.goal_size,
        "action": env.action_size,
        "control_step": float(env.control_step),
        "threshold": env.threshold,
        "episode_length": env.episode_length,
    }


def picture(
    env: envs.AbstractEnv, seed: int = 0, width: int = WIDTH, height: int = HEIGHT
) -> UInt8[np.ndarray, "h w 3"]:
    """The start of an episode and its goal; raises `envs.NoRenderer` where there is no OpenGL."""
    state = jax.jit(env.reset)(jr.key(seed))
    return envs.render(env, np.asarray(state.physics.qpos)[None], np.asarray(state.goal)[None], width, height)[0]


def still(env: envs.AbstractEnv, file: Path, seed: int) -> str:
    """Writes `picture` as a PNG; returns the file, or why there is none."""
    try:
        content = png(picture(env, seed))
    except envs.NoRenderer as e:
        return f"No picture: {e}"
    return str(crl.Folder(file.parent).write(file.name, content))


def png(picture: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """A picture as a PNG."""
    return iio.imwrite("<bytes>", picture, extension=".png")


def film(env: envs.AbstractEnv, file: Path, seed: int, agents: int, steps: int) -> str:
    """Writes the first `steps` control steps of uniform actions as an mp4; returns how it was drawn, and the file."""
    policy, title = envs.UniformPolicy(env.action_size), file.parent.name
    content, how = evaluation.film(env, policy, jr.key(seed), agents, title, stochastic=True, longest=steps)
    return f"{how}\n{crl.Folder(file.parent).write(file.name, content)}"
