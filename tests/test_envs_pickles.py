"""Every task can be pickled and copied, and what comes back gives the same bits."""

import copy
import importlib
import inspect
import pickle
import pkgutil
from collections.abc import Callable

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import envs

ROWS = 3


def tasks() -> list[type[envs.AbstractEnv]]:
    """Every final environment that a module of the package defines."""
    modules = [importlib.import_module(m.name) for m in pkgutil.iter_modules(envs.__path__, "envs.")]
    classes = {c for m in modules for c in vars(m).values() if inspect.isclass(c) and issubclass(c, envs.AbstractEnv)}
    return sorted((c for c in classes if not inspect.isabstract(c)), key=lambda c: c.__name__)


def acted(env: envs.AbstractEnv) -> list[np.ndarray]:
    """The states of a reset and of three steps."""

    @jax.jit
    def run(key: jax.Array) -> tuple[envs.EnvState, envs.EnvState]:
        state = jax.vmap(env.reset)(jr.split(key, ROWS))
        action = jr.uniform(key, (3, ROWS, env.action_size), minval=-1)
        return state, jax.lax.scan(lambda s, a: ((s := jax.vmap(env.step)(s, a)), s), state, action)[1]

    return [np.asarray(x) for x in jax.tree.leaves(run(jr.key(0)))]


def pickled(env: envs.AbstractEnv) -> envs.AbstractEnv:
    return pickle.loads(pickle.dumps(env))


@pytest.mark.parametrize("task", tasks(), ids=lambda task: task.__name__)
def test_a_task_comes_back_from_a_pickle_and_a_copy(task: type[envs.AbstractEnv]):
    env = task(engine="native")
    expected = acted(env)  # first, so that the engine holds a batch and its lock has been used
    for again in (pickled, copy.deepcopy):
        other = again(env)
        assert other.engine.model is not env.engine.model
        assert (other.maze, other.episode_length, other.threshold) == (env.maze, env.episode_length, env.threshold)
        for a, b in zip(acted(other), expected, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("again", [pickled, copy.deepcopy])
def test_a_task_in_mjx_comes_back(again: Callable):
    env = envs.PointMaze(engine="mjx")
    other = again(env)
    assert other.engine.name == "mjx"
    for a, b in zip(acted(other), acted(env), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("again", [pickled, copy.deepcopy])
def test_a_maze_comes_back_and_cannot_be_written_to(again: Callable):
    maze = envs.Maze("11111/1RBG1/1R0E1/11111", 2.5, goals="GE", starts="RG", marks="B", wall_height=0.7)
    other = again(maze)
    assert other == maze and hash(other) == hash(maze) and repr(other) == repr(maze)
    np.testing.assert_array_equal(other.walls, maze.walls)
    assert not other.cells.flags.writeable


def test_states_and_policies_come_back():
    env = envs.PointMaze(engine="native")
    state = jax.jit(envs.Episodes(env).reset)(jr.split(jr.key(0), ROWS))
    jax.tree.map(np.testing.assert_array_equal, pickle.loads(pickle.dumps(state)), state)
    policy = pickle.loads(pickle.dumps(envs.deterministic(envs.ZeroPolicy(2))))
    np.testing.assert_array_equal(policy.act((), jnp.zeros(4), jnp.zeros(2), None)[0], np.zeros(2))
