"""The tasks as Gymnasium knows environments: a batch of them, or a single one."""

from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from envs._arguments import check_count
from envs._base import AbstractEnv
from envs._episodes import Episodes, EpisodeState
from envs._render import Renderer

Observation = dict[str, np.ndarray]
_SIZE = (640, 480)  # pixels of a picture


class _Batch:
    """Some rows of a task behind compiled functions; what both views of it share."""

    def __init__(self, env: AbstractEnv, rows: int):
        self.env = env
        episodes = Episodes(env)

        def seen(state: EpisodeState) -> dict[str, jax.Array]:
            obs, goal = state.env.obs, state.env.goal
            return {
                "observation": obs,
                "achieved_goal": jax.vmap(env.achieved_goal)(obs),
                "desired_goal": goal,
                "terminated": state.env.terminated,
                "truncated": state.truncated & ~state.env.terminated,
                "success": jax.vmap(env.success)(obs, goal),
            }

        def reset(key: jax.Array) -> tuple[EpisodeState, dict[str, jax.Array]]:
            state = episodes.reset(jr.split(key, rows))
            return state, seen(state)

        def step(state: EpisodeState, action: jax.Array, key: jax.Array) -> tuple[EpisodeState, dict[str, jax.Array]]:
            state = episodes.step(state, action, jr.split(key, rows))
            return state, seen(state)

        self._reset, self._step = jax.jit(reset), jax.jit(step)
        self._fulfils = jax.jit(jnp.vectorize(env.fulfils, signature="(g),(g)->()"))
        self.state: EpisodeState | None = None
        self._key, self._steps = jr.key(0), 0
        self._renderer: Renderer | None = None

    def reset(self, seed: int) -> dict[str, np.ndarray]:
        """New starts and goals in all rows, drawn from `seed`."""
        start, self._key = jr.split(jr.key(seed))
        self._steps = 0
        self.state, seen = self._reset(start)
        return _host(seen)

    def step(self, action: np.ndarray) -> dict[str, np.ndarray]:
        """One step of all rows."""
        if self.state is None:
            raise gymnasium.error.ResetNeeded("Call `reset` before the first `step`.")
        self._steps += 1
        key = jr.fold_in(self._key, self._steps)
        self.state, seen = self._step(self.state, jnp.asarray(action, jnp.float32), key)
        return _host(seen)

    def reward(self, achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        """1 where an achieved goal fulfils a desired one, else 0; any leading axes."""
        return np.asarray(self._fulfils(jnp.asarray(achieved), jnp.asarray(desired)), np.float64)

    def picture(self, row: int) -> np.ndarray:
        """A row as it is now, [480, 640, 3]; raises `NoRenderer` where there is no OpenGL."""
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


def _goal_env(seen: dict[str, np.ndarray]) -> Observation:
    return {name: seen[name] for name in ("observation", "achieved_goal", "desired_goal")}


def _spaces(env: AbstractEnv) -> tuple[gymnasium.Space, gymnasium.Space]:
    def box(size: int) -> gymnasium.Space:
        return gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float32)

    goal = env.goal_size
    observation = {"observation": box(env.obs_size), "achieved_goal": box(goal), "desired_goal": box(goal)}
    return gymnasium.spaces.Dict(observation), gymnasium.spaces.Box(-1.0, 1.0, (env.action_size,), np.float32)


def _check_mode(render_mode: str | None) -> str | None:
    if render_mode not in (None, "rgb_array"):
        raise ValueError(f"`render_mode` must be None or 'rgb_array', not {render_mode!r}.")
    return render_mode


class GymnasiumVectorEnv(VectorEnv):
    """A batch of one task as a `gymnasium.vector.VectorEnv`, all rows in one compiled call.

    Observations are the dict that users of goal environments expect: `observation` [env, obs], `achieved_goal` and
    `desired_goal` [env, goal], float32, in the task's own units. Actions [env, action] are in [-1, 1]. The reward of a
    step is 1 in a state within the threshold of the goal and 0 elsewhere; `info["is_success"]` says the same. The state
    an episode ends in is returned with `terminations` (a fall, an explosion) or `truncations` (the time limit); the
    next step ignores its action and begins a new episode with a new start and goal, reward 0: Gymnasium's
    `AutoresetMode.NEXT_STEP`. What follows from a seed and actions is the same bits every time.
    """

    metadata = {"render_modes": ["rgb_array"], "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012  Gymnasium's

    def __init__(self, env: AbstractEnv, num_envs: int, render_mode: str | None = None):
        """**Arguments**
        - `env`: the task, such as `envs.PointMaze()`.
        - `num_envs`: rows.
        - `render_mode`: "rgb_array" to have `render` draw every row.

        Raises ValueError for arguments that make no sense.
        """
        self.num_envs = check_count("num_envs", num_envs)
        self.render_mode = _check_mode(render_mode)
        self._batch = _Batch(env, num_envs)
        self.single_observation_space, self.single_action_space = _spaces(env)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.metadata = {**self.metadata, "render_fps": round(1 / env.control_step)}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """New episodes in all rows; without a seed, they are drawn by the generator of the last one."""
        super().reset(seed=seed, options=options)
        seen = self._batch.reset(int(self.np_random.integers(2**31)))
        return _goal_env(seen), _info(seen)

    def step(self, actions: np.ndarray) -> tuple[Observation, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Observations, rewards (float64), terminations, truncations, infos, one a row."""
        seen = self._batch.step(actions)
        assert self._batch.state is not None  # or `step` had refused
        fresh = np.asarray(self._batch.state.t) == 0
        reward = np.where(fresh, 0.0, seen["success"].astype(np.float64))
        return _goal_env(seen), reward, seen["terminated"], seen["truncated"], _info(seen)

    def compute_reward(self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: Any) -> np.ndarray:
        """The reward [...] of goals [..., goal], for who relabels them afterwards; `info` is not used."""
        del info
        return self._batch.reward(achieved_goal, desired_goal)

    def render(self) -> tuple[np.ndarray, ...] | None:
        """A picture [480, 640, 3] of every row, or None without a render mode."""
        if self.render_mode is None:
            return None
        return tuple(self._batch.picture(row) for row in range(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        """Frees what drawing took."""
        del kwargs
        self._batch.close()


def _info(seen: dict[str, np.ndarray]) -> dict[str, Any]:
    # The second entry says in which rows the first is meant: Gymnasium's form of infos.
    return {"is_success": seen["success"], "_is_success": np.ones_like(seen["success"])}


class GymnasiumEnv(gymnasium.Env):
    """One task as a `gymnasium.Env`: `GymnasiumVectorEnv` of one row, without its axis and without autoreset."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012  Gymnasium's

    def __init__(self, env: AbstractEnv, render_mode: str | None = None):
        """**Arguments**: as of `GymnasiumVectorEnv`."""
        self.render_mode = _check_mode(render_mode)
        self._batch = _Batch(env, 1)
        self.observation_space, self.action_space = _spaces(env)
        self.metadata = {**self.metadata, "render_fps": round(1 / env.control_step)}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """A new episode."""
        super().reset(seed=seed, options=options)
        seen = _row(self._batch.reset(int(self.np_random.integers(2**31))))
        return _goal_env(seen), {"is_success": bool(seen["success"])}

    def step(self, action: np.ndarray) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Observation, reward, terminated, truncated, info."""
        seen = _row(self._batch.step(np.asarray(action)[None]))
        success, terminated, truncated = (bool(seen[name]) for name in ("success", "terminated", "truncated"))
        return _goal_env(seen), float(success), terminated, truncated, {"is_success": success}

    def compute_reward(self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: Any) -> np.ndarray:
        """The reward [...] of goals [..., goal], for who relabels them afterwards; `info` is not used."""
        del info
        return self._batch.reward(achieved_goal, desired_goal)

    def render(self) -> np.ndarray | None:
        """A picture [480, 640, 3], or None without a render mode."""
        return None if self.render_mode is None else self._batch.picture(0)

    def close(self) -> None:
        """Frees what drawing took."""
        self._batch.close()


def _row(seen: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: value[0] for name, value in seen.items()}
