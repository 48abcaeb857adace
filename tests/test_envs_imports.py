"""What `import envs` loads, and how wrong arguments are refused where no type checker watches."""

import sys
import textwrap

import processes
import pytest
from environment import users_environment

import envs


def run(code: str, *, cpus: int | None = None, **more: str) -> str:
    """What code prints in a fresh interpreter, without the type checks of the suite; `more`: of its environment."""
    # What `envs` sets here, where one CPU stands for eight devices, is not what a user has.
    environment = {name: value for name, value in users_environment().items() if name != "PJRT_NPROC"} | more
    pin = "" if cpus is None else f"import os; os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:{cpus}])\n"
    command = [sys.executable, "-c", pin + textwrap.dedent(code)]
    return processes.finish(command, env=environment).stdout


def test_import_loads_no_physics_and_the_tasks_no_mjx():
    run(
        """
        import sys
        import envs
        assert "mujoco" not in sys.modules and "gymnasium" not in sys.modules
        envs.PointMaze(), envs.Ant(), envs.AntMaze(), envs.Humanoid()
        assert "mujoco" in sys.modules
        assert "mujoco.mjx" not in sys.modules and "gymnasium" not in sys.modules
        """
    )


def test_every_public_name_exists():
    for name in envs.__all__:
        assert getattr(envs, name) is not None


@pytest.mark.parametrize("name", ["Cheetah", "Arm", "POINT_MAZE", "point", "Ant.Foo", "_Ant", ""])
def test_a_name_that_is_no_task_is_no_attribute(name):
    """`arm.py` holds no class `Arm`; a task is found by the name of its file and no other."""
    with pytest.raises(AttributeError) as caught:
        getattr(envs, name)
    assert str(caught.value) == f"module 'envs' has no attribute {name!r}"


def test_a_task_needs_no_entry_in_the_package():
    assert "PointMazeLidar" not in envs.__all__
    assert envs.PointMazeLidar is envs.point_maze_lidar.PointMazeLidar


def test_wrong_arguments_are_refused_in_one_sentence():
    """Gin passes any value to any argument."""
    printed = run(
        """
        import envs
        for make, arguments in [
            (envs.PointMaze, dict(episode_length=0)),
            (envs.PointMaze, dict(episode_length=2.5)),
            (envs.PointMaze, dict(episode_length=True)),
            (envs.PointMaze, dict(threshold="near")),
            (envs.PointMaze, dict(threshold=-1.0)),
            (envs.PointMaze, dict(engine=3)),
            (envs.PointMaze, dict(maze=7)),
            (envs.PointMaze, dict(goals=7)),
            (envs.Ant, dict(radius=float("nan"))),
            (envs.Ant, dict(episode_length="long")),
            (envs.AntMaze, dict(cell_size="wide")),
            (envs.AntMaze, dict(cell_size=True)),
            (envs.AntMaze, dict(maze="no_maze")),
            (envs.Humanoid, dict(nearest=3.0, farthest=2.0)),
            (envs.Humanoid, dict(farthest="far")),
        ]:
            try:
                make(**arguments)
            except ValueError as error:
                print(make.__name__, arguments, "->", error)
            else:
                raise AssertionError((make, arguments))
        """
    )
    assert printed.count("\n") == printed.count(" -> ") == 15


def test_one_cpu_gets_a_pool_in_which_callbacks_cannot_hang():
    printed = run(
        """
        import os
        import envs, jax, jax.random as jr
        episodes = envs.Episodes(envs.PointMaze())
        state = jax.jit(episodes.reset)(jr.split(jr.key(0), 4096))
        print(os.environ["PJRT_NPROC"], state.env.obs.shape)
        """,
        cpus=1,
    )
    assert printed.split() == ["2", "(4096,", "4)"]


@pytest.mark.parametrize(("forced", "threads"), [(1, None), (2, "8"), (3, "12")])
def test_devices_made_of_one_cpu_get_threads_to_wait_for_each_other(forced: int, threads: str | None):
    printed = run(
        'import os, envs; print(os.environ.get("PJRT_NPROC"))',
        cpus=2,
        XLA_FLAGS=f"--xla_force_host_platform_device_count={forced}",
    )
    assert printed.strip() == str(threads)


def test_one_cpu_and_a_backend_that_has_started_is_refused():
    run(
        """
        import jax
        jax.devices()
        import envs
        try:
            envs.PointMaze()
        except RuntimeError as error:
            assert "PJRT_NPROC=2" in str(error)
        else:
            raise AssertionError("it should have been refused")
        """,
        cpus=1,
    )


def test_mjx_gets_a_pool_in_which_its_solver_cannot_hang():
    printed = run(
        """
        import os, warnings
        import envs, jax
        warnings.simplefilter("error")
        envs.PointMaze(engine="mjx")
        print(os.environ["PJRT_NPROC"])
        """,
        cpus=2,
    )
    assert printed.split() == ["8"]


def test_mjx_warns_where_its_solver_could_hang():
    run(
        """
        import warnings
        import envs, jax
        jax.devices()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            envs.PointMaze(engine="mjx")
        assert "set PJRT_NPROC=8" in str(caught[0].message)
        """,
        cpus=2,
    )
