"""Some rows of a task behind compiled functions: what Gymnasium's two views of it share."""

from typing import Any

import equinox as eqx
import gymnasium
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from envs._arguments import shown
from envs._base import AbstractEnv
from envs._episodes import Episodes, EpisodeState
from envs._render import Renderer
from envs._threads import refuse_fork

_SIZE = (640, 480)  # pixels of a picture


class Batch:
    """Episodes of a task in some rows, with what Gymnasium's users may ask for and give.

    Copies and pickles go on as the batch would; they compile their own functions.
    """

    def __init__(self, env: AbstractEnv, rows: int):
        """Raises RuntimeError in a forked process: see `envs._threads.refuse_fork`."""
        refuse_fork()
        self.env, self.rows, self.goal_size = env, rows, env.goal_size
        self.state: EpisodeState | None = None
        self._key, self._steps = jr.key(0), 0
        self._renderer: Renderer | None = None
        self._compile()

    def _compile(self) -> None:
        env, rows = self.env, self.rows
        episodes = Episodes(env)

        def seen(state: EpisodeState) -> dict[str, jax.Array]:
            achieved, goal = state.env.achieved, state.env.goal
            return {
                "observation": state.env.obs,
                "achieved_goal": achieved,
                "desired_goal": goal,
                "terminated": state.env.terminated,
                "truncated": state.truncated & ~state.env.terminated,
                "success": jax.vmap(env.is_success)(achieved, goal),
            }

        def reset(key: jax.Array) -> tuple[EpisodeState, dict[str, jax.Array]]:
            state = episodes.reset(jr.split(key, rows))
            return state, seen(state)

        def step(state: EpisodeState, action: jax.Array, key: jax.Array) -> tuple[EpisodeState, dict[str, jax.Array]]:
            state = episodes.step(state, action, jr.split(key, rows))
            return state, seen(state)

        def command(state: EpisodeState, goals: jax.Array) -> tuple[EpisodeState, dict[str, jax.Array]]:
            state = eqx.tree_at(lambda s: s.env.goal, state, goals.astype(state.env.goal.dtype))
            return state, seen(state)

        self._reset, self._step, self._command = jax.jit(reset), jax.jit(step), jax.jit(command)
        self._is_success = jax.jit(jnp.vectorize(env.is_success, signature="(g),(g)->()"))

    def __getstate__(self) -> dict[str, Any]:
        compiled = ("_reset", "_step", "_command", "_is_success", "_renderer")
        state = {name: value for name, value in vars(self).items() if name not in compiled}
        return state | {"_key": jr.key_data(self._key)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        refuse_fork()
        vars(self).update(state | {"_key": jr.wrap_key_data(state["_key"]), "_renderer": None})
        self._compile()

    def reset(self, seed: int, goals: np.ndarray | None) -> dict[str, np.ndarray]:
        """New starts in all rows, drawn from `seed`, and new goals unless `goals` [env, goal] are given."""
        refuse_fork()
        start, self._key = jr.split(jr.key(seed))
        self._steps = 0
        self.state, seen = self._reset(start)
        if goals is not None:
            self.state, seen = self._command(self.state, jnp.asarray(goals))
        return _host(seen)

    def step(self, action: np.ndarray) -> dict[str, np.ndarray]:
        """One step of all rows under finite actions [env, action]."""
        refuse_fork()
        if self.state is None:
            raise gymnasium.error.ResetNeeded("Call `reset` before the first `step`.")
        self._steps += 1
        key = jr.fold_in(self._key, self._steps)
        self.state, seen = self._step(self.state, jnp.asarray(action, jnp.float32), key)
        return _host(seen)

    def reward(self, achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        """1 where an achieved goal fulfils a desired one, else 0; any leading axes."""
        refuse_fork()
        return np.asarray(self._is_success(jnp.asarray(achieved), jnp.asarray(desired)), np.float64)

    def picture(self, row: int) -> np.ndarray:
        """A row as it is now, [480, 640, 3]; raises `NoRenderer` where there is no OpenGL."""
        refuse_fork()
        if self.state is None:
            raise gymnasium.error.ResetNeeded("Call `reset` before `render`.")
        if self._renderer is None:
            self._renderer = Renderer(self.env, *_SIZE)
        qpos, goal = np.asarray(self.state.env.physics.qpos), np.asarray(self.state.env.goal)
        return self._renderer(qpos[row : row + 1], goal[row : row + 1])[0]

    def close(self) -> None:
        """Frees the OpenGL context."""
        if self._renderer is not None:
            self._renderer.__exit__()
            self._renderer = None


def _host(seen: dict[str, jax.Array]) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in seen.items()}


def check_numbers(what: str, value: object, *shapes: tuple[int, ...]) -> np.ndarray:
    """`value` as an array of one of `shapes` and finite; raises ValueError otherwise. `what` begins the sentence."""
    accepted = " or ".join(map(str, shapes))
    try:
        array = np.asarray(value)
    except Exception:  # rows of different lengths, or what an object's own conversion raises
        array = np.asarray(None)
    if not any(jnp.issubdtype(array.dtype, kind) for kind in (jnp.floating, jnp.integer)):  # bfloat16 too
        raise ValueError(f"{what} must be numbers of shape {accepted}, not {shown(value)}.")
    if array.shape not in shapes:
        raise ValueError(f"{what} must have shape {accepted}, not {array.shape}.")
    with np.errstate(over="ignore"):
        single = array.astype(np.float32)
    if not np.isfinite(single).all():
        at = tuple(np.argwhere(~np.isfinite(single))[0].tolist())
        raise ValueError(f"{what} must be finite in single precision, not {array[at]} at {list(at)}.")
    return single


def goal_of(options: dict[str, Any] | None, *shapes: tuple[int, ...]) -> np.ndarray | None:
    """The goal that `options` of a `reset` ask for, of one of `shapes`; None without one.

    Raises ValueError for other options, and for a goal of another shape or with numbers that are not finite.
    """
    if options is None:
        return None
    if not isinstance(options, dict):
        raise ValueError(f"`options` of `reset` must be a dict that may hold 'goal', not {shown(options)}.")
    for name in options:
        if name != "goal":
            raise ValueError(f"`options` of `reset` may hold 'goal', not {shown(name)}.")
    return check_numbers("The option 'goal'", options["goal"], *shapes) if "goal" in options else None
