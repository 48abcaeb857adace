"""A film of several agents, each in a tile that lights up while it is at its goal."""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import imageio_ffmpeg
import jax
import jax.random as jr
import numpy as np
from jaxtyping import Array, Key, UInt8

import envs
from envs import AbstractEnv, Policy
from evaluation._drawing import drawings, extent
from evaluation._first_episode import Take, shoot
from evaluation._mosaic import Mosaic, Status, tile_size

FPS = 20
LONGEST = 12.0  # seconds of film; a longer episode is shown faster
MOST_STEPS = 20_000  # control steps of an episode that are recorded
CHUNK = 20  # frames rendered in one call: six agents of 20 frames are 30 MB


def film(
    env: AbstractEnv,
    policy: Policy,
    key: Key[Array, ""],
    agents: int = 6,
    title: str = "",
    stochastic: bool = False,
    longest: int | None = None,
) -> tuple[bytes, str]:
    """An mp4 (H.264, which browsers play) of the first episode of several agents, side by side.

    MuJoCo draws the agents; where it cannot, they are drawn in 2-D from the states, and the film says so. The
    agents are the first ones that `key` draws; none is chosen for its success.

    Args:
        env: what to act in.
        policy: acts without noise, unless `stochastic`.
        key: draws starts and goals.
        agents: how many tiles, 1 to 12.
        title: stands above the tiles; the name of the environment where empty.
        stochastic: whether the policy gets a key for each action.
        longest: control steps after which the film ends; None shows whole episodes, up to 20,000 steps.

    Returns:
        The film, and how it was drawn, in words.

    Raises:
        ValueError: `agents` is not from 1 to 12, or `longest` no positive integer.
        OSError: ffmpeg failed.
    """
    if isinstance(agents, bool) or not isinstance(agents, int) or not 1 <= agents <= 12:
        raise ValueError(f"evaluation.film.agents is {agents!r}; it must be an integer from 1 to 12.")
    if longest is not None and (isinstance(longest, bool) or not isinstance(longest, int) or longest < 1):
        raise ValueError(f"evaluation.film.longest is {longest!r}; it must be a positive integer or None.")
    asked = env.episode_length if longest is None else min(longest, env.episode_length)
    steps = min(asked, MOST_STEPS)
    cut = f" It shows the first {steps:,} of {asked:,} control steps." if steps < asked else ""
    take = shoot(env, policy, jr.split(key, agents), stochastic, steps)
    moments = len(take.running)
    stride = int(np.ceil(moments / (FPS * LONGEST)))
    shown = np.append(np.arange(0, moments - 1, stride), moments - 1)
    speed = stride * env.control_step * FPS
    take = jax.tree.map(lambda x: x[shown], take)
    low, high = extent(env.maze)
    size = tile_size(float((high - low)[0] / (high - low)[1]), agents)
    with ExitStack() as stack:
        try:
            renderer = stack.enter_context(envs.Renderer(env, size[1], size[0]))
            pictures, how, note = _rendered(renderer, take), "Rendered by MuJoCo.", ""
        except envs.NoRenderer as reason:
            goals = np.asarray(jax.vmap(env.goal_position)(take.goal[0]))[:, :2]
            pictures = drawings(take.position, goals, take.at_goal, env.maze, env.threshold, size)
            how, note = f"Drawn in 2-D from the states. {reason}", ", 2-D drawing from the states"
        title = " ".join(title.split())[:100] or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(env).__name__).capitalize()
        note += f", first {steps:,} of {asked:,} steps" if cut else ""
        mosaic = Mosaic(title, f"{speed:.3g}x speed{note}", size, agents, len(shown))
        frames = (
            mosaic.frame(i, shown[i] * env.control_step, picture, _statuses(take, i))
            for i, picture in enumerate(pictures)
        )
        return _encoded(frames, mosaic.shape), how + cut


def _rendered(renderer: "envs.Renderer", take: Take) -> Iterator[UInt8[np.ndarray, "agent height width rgb"]]:
    """The pictures of all agents, frame by frame."""
    agents = take.qpos.shape[1]
    for start in range(0, len(take.qpos), CHUNK):
        qpos, goal = take.qpos[start : start + CHUNK], take.goal[start : start + CHUNK]
        pictures = renderer(np.concatenate(qpos), np.concatenate(goal))
        yield from pictures.reshape(len(qpos), agents, *pictures.shape[1:])


def _statuses(take: Take, frame: int) -> list[Status]:
    rows = zip(take.at_goal[frame], take.fallen[frame], take.distance[frame], strict=True)
    return [Status(bool(at_goal), bool(fallen), float(distance)) for at_goal, fallen, distance in rows]


def _encoded(frames: Iterator[UInt8[np.ndarray, "height width rgb"]], shape: tuple[int, int]) -> bytes:
    """The film, by way of a folder that only this user can read.

    ffmpeg is started here and not by imageio-ffmpeg, which runs Python between fork and exec: JAX's threads
    could then hang the child.
    """
    source = f"-f rawvideo -pix_fmt rgb24 -s {shape[1]}x{shape[0]} -r {FPS} -i -".split()
    # yuv420p is the one layout of colours that every browser plays; faststart lets it play while it loads.
    target = [
        "-an",
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-crf",
        "22",
        "-pix_fmt",
        "yuv420p",
        "-movflags",
        "+faststart",
        "-threads",
        "2",
    ]
    with tempfile.TemporaryDirectory(prefix="film") as folder:
        file = Path(folder) / "film.mp4"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", *source, *target, f"file:{file}"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as process:
            assert process.stdin is not None
            frame = np.zeros(0, np.uint8)
            # A broken pipe means that ffmpeg has given up: its exit status and its message on the console
            # tell.
            with suppress(BrokenPipeError):
                for frame in frames:
                    process.stdin.write(frame.tobytes())
                process.stdin.write(frame.tobytes() * FPS)  # the last frame stays for a second
                process.stdin.close()
            if process.wait():
                raise OSError(f"ffmpeg could not encode a film (exit status {process.returncode}).")
        return file.read_bytes()
