"""The live view's page, as a browser meets it: no part of viser is replaced."""

import re
import threading
import time

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from blank_env import BlankEnv
from viewer_client import Client, status_of

import envs
import evaluation
from evaluation import Session, Viewer

GOAL = "/fixed_bodies/goal"


def straight(obs, goal, key):
    """Pushes the ball straight at its goal."""
    return jnp.clip(5 * (goal - obs[:2]), -1, 1)


@pytest.fixture
def viewer():
    """A ball in a maze of two goals, served; the server is gone when the test is over."""
    env = envs.PointMaze("11111/1R0G1/111G1/11111")
    viewer = Viewer(Session(env, {"straight": straight} | evaluation.baselines(env), jr.key(0)), port=0)
    yield viewer
    viewer.close()


@pytest.fixture
def client(viewer):
    """A browser that has loaded the page."""
    client = Client(viewer.address)
    client.read_until(lambda: "Goal cell" in client.controls and GOAL in client.nodes and client.text)
    yield client
    client.close()


def heard(viewer: Viewer, done) -> None:
    """Ticks, without time passing, until what a client did has had its effect."""
    until = time.monotonic() + 60
    while not done():
        assert time.monotonic() < until, "it had no effect"
        assert not viewer.tick(0.0)
        time.sleep(0.01)


def test_the_page_is_served(viewer):
    assert re.fullmatch(r"http://localhost:\d+/[\w-]{22}", viewer.address)
    assert status_of(viewer.address) == 200


def test_a_dragged_goal_is_what_the_agent_goes_for(viewer, client):
    session = viewer.session
    client.drag(GOAL, (1.0, 2.0, 0.0), (1.0, 2.5, 0.0), (1.1, 2.9, 0.0))
    heard(viewer, lambda: np.allclose(session.goal, [1.1, 2.9]))
    for _ in range(60):
        viewer.tick(0.05)
    assert session.at_goal
    client.read_until(lambda: "At the goal" in client.text)
    client.drag(GOAL, (1.0, 1.0, 0.0))
    heard(viewer, lambda: np.allclose(session.goal, [1, 1]))
    client.read_until(lambda: "On the way: 1." in client.text)


def test_a_cell_can_be_chosen_and_chosen_again(viewer, client):
    session = viewer.session
    client.set("Goal cell", "(2, 3)")
    heard(viewer, lambda: np.allclose(session.goal, [2, 3]))
    client.drag(GOAL, (1.0, 1.0, 0.0))
    heard(viewer, lambda: np.allclose(session.goal, [1, 1]))
    client.set("Goal cell", "(2, 3)")
    heard(viewer, lambda: np.allclose(session.goal, [2, 3]))


def test_buttons_and_lists(viewer, client):
    session = viewer.session
    assert viewer.tick(0.06) and not viewer.tick(0.03), "a control step takes 0.05 s"
    client.set("Pause", True)
    client.read_until(lambda: viewer.tick(0.0) or "Play" in client.controls)
    steps = session.steps
    assert not any(viewer.tick(1.0) for _ in range(3)) and session.steps == steps
    goal = session.goal
    client.set("New start and goal", True)
    heard(viewer, lambda: session.steps == 0 and (session.goal != goal).any())
    client.set("Who acts", "zero")
    heard(viewer, lambda: session.acting == "zero")
    client.set("Follow the agent", True)
    client.set("Play", True)
    client.read_until(lambda: viewer.tick(0.0) or "Pause" in client.controls)
    assert any(viewer.tick(0.05) for _ in range(2))
    client.set("Speed", 4.0)
    heard(viewer, lambda: viewer.speed == 4.0)
    assert all(viewer.tick(0.013) for _ in range(8))


def test_a_slow_machine_does_not_run_after_lost_time(viewer):
    assert [viewer.tick(10.0), viewer.tick(0.0), viewer.tick(0.0)] == [True, True, False]


def test_it_runs_in_real_time_until_it_is_stopped(viewer):
    viewer.session.step()  # compiled
    before = viewer.session.steps
    began = time.monotonic()
    threading.Timer(1.0, viewer.stop).start()
    viewer.run()
    assert 1.0 <= time.monotonic() - began < 10.0
    assert 1 <= viewer.session.steps - before <= 20 * (time.monotonic() - began)
    with pytest.raises(OSError):
        status_of(viewer.address)


@pytest.mark.parametrize("port", [-1, 65536, True])
def test_what_is_no_port_is_refused(port):
    with pytest.raises(ValueError, match=r"`port` of Viewer must be an integer from 0 to 65535; got"):
        Viewer(object.__new__(Session), port=port)


def test_an_environment_without_a_model_is_refused():
    session = Session(BlankEnv(2, 2, 2), {"zero": lambda obs, goal, key: jnp.zeros(2)}, jr.key(0))
    with pytest.raises(envs.NoRenderer, match="has no MuJoCo model"):
        Viewer(session, port=0)
