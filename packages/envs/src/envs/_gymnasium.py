"""The tasks as Gymnasium knows environments: a batch of them, or a single one."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from envs._arguments import check_count
from envs._base import AbstractEnv
from envs._gymnasium_batch import Batch, check_numbers, goal_of

Observation = dict[str, np.ndarray]


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
        self._batch = Batch(env, self.num_envs)
        self.single_observation_space, self.single_action_space = _spaces(env)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.metadata = {**self.metadata, "render_fps": round(1 / env.control_step)}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """New episodes in all rows; without a seed, they are drawn by the generator of the last one.

        `options={"goal": ...}` gives the goal of these episodes, [goal] for all rows or [env, goal]; those that follow
        draw their own again. Raises ValueError for other options, shapes, and numbers that are not finite.
        """
        size = self._batch.goal_size
        goal = goal_of(options, (size,), (self.num_envs, size))
        super().reset(seed=seed, options=options)
        goals = None if goal is None else np.broadcast_to(goal, (self.num_envs, size))
        seen = self._batch.reset(int(self.np_random.integers(2**31)), goals)
        return _goal_env(seen), _info(seen)

    def step(self, actions: np.ndarray) -> tuple[Observation, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Observations, rewards (float64), terminations, truncations, infos, one a row.

        Raises ValueError for actions of another shape than [env, action], or that are not finite.
        """
        seen = self._batch.step(check_numbers("Actions", actions, (self.num_envs, self._batch.env.action_size)))
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
        self._batch, self._over = Batch(env, 1), False
        self.observation_space, self.action_space = _spaces(env)
        self.metadata = {**self.metadata, "render_fps": round(1 / env.control_step)}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """A new episode, with the goal `options["goal"]`, [goal], if that is given.

        Raises ValueError for other options, shapes, and numbers that are not finite.
        """
        goal = goal_of(options, (self._batch.goal_size,))
        super().reset(seed=seed, options=options)
        goals = None if goal is None else goal[None]
        seen, self._over = _row(self._batch.reset(int(self.np_random.integers(2**31)), goals)), False
        return _goal_env(seen), {"is_success": bool(seen["success"])}

    def step(self, action: np.ndarray) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Observation, reward, terminated, truncated, info.

        Raises ValueError for an action of another shape than [action], or that is not finite, and Gymnasium's
        `ResetNeeded` where the episode is over.
        """
        if self._over:
            raise gymnasium.error.ResetNeeded("The episode is over: call `reset` before the next `step`.")
        seen = _row(self._batch.step(check_numbers("An action", action, (self._batch.env.action_size,))[None]))
        success, terminated, truncated = (bool(seen[name]) for name in ("success", "terminated", "truncated"))
        self._over = terminated or truncated
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
