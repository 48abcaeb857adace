"""A session of the live view: who acts, for which goal, and that nothing is compiled twice."""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import envs
import evaluation
from evaluation import Session

MAZE = "11111/1R0G1/111G1/11111"


def straight(obs, goal, key):
    """Pushes the ball straight at its goal."""
    return jnp.clip(5 * (goal - obs[:2]), -1, 1)


@pytest.fixture
def session() -> Session:
    """A ball in a maze of two goals."""
    return Session(envs.PointMaze(MAZE), {"straight": straight} | evaluation.baselines(envs.PointMaze()), jr.key(0))


def walk(session: Session, steps: int) -> None:
    """Steps a session."""
    for _ in range(steps):
        session.step()


def test_the_agent_acts_for_the_goal_that_is_commanded(session):
    session.set_goal([1.0, 3.0])
    walk(session, 60)
    assert session.at_goal and session.distance < 0.35
    session.set_goal([1.0, 1.0])
    assert not session.at_goal and session.distance > 1
    walk(session, 60)
    assert session.at_goal and session.steps == 120
    np.testing.assert_allclose(session.goal_position, [1, 1, 0])


def test_who_acts_can_be_changed(session):
    session.acting, before = "zero", np.asarray(session.state.physics.qpos)
    walk(session, 3)
    np.testing.assert_array_equal(np.asarray(session.state.physics.qpos), before)
    session.acting = "random"
    walk(session, 3)
    assert np.abs(np.asarray(session.state.physics.qpos) - before).max() > 0
    with pytest.raises(ValueError, match=r"^`acting` of Session must be one of [\w, ]+; got 'nobody'\.$"):
        session.acting = "nobody"
    assert session.acting == "random"


def test_a_reset_draws_a_start_and_a_goal(session):
    seen = [(tuple(session.goal), tuple(np.asarray(session.state.physics.qpos)))]
    for _ in range(4):
        walk(session, 2)
        session.reset()
        assert session.steps == 0
        seen.append((tuple(session.goal), tuple(np.asarray(session.state.physics.qpos))))
    goals, starts = map(set, zip(*seen, strict=True))
    assert len(goals) == len(starts) == 5


def test_the_same_key_gives_the_same_session():
    env = envs.PointMaze(MAZE)
    one, two = (Session(env, evaluation.baselines(env), jr.key(3)) for _ in range(2))
    walk(one, 5), walk(two, 5)
    np.testing.assert_array_equal(np.asarray(one.state.obs), np.asarray(two.state.obs))


@pytest.mark.parametrize("name", ["PointMaze", "Humanoid", "ArmGrasp", "HalfCheetah"])
def test_nothing_is_traced_twice(monkeypatch, name):
    env = getattr(envs, name)()
    traces = {"observe": 0, "goal_distance": 0, "policy": 0}

    def counted(method):
        original = getattr(type(env), method)

        def call(self, *arguments):
            traces[method] += 1
            return original(self, *arguments)

        monkeypatch.setattr(type(env), method, call)

    def policy(obs, goal, key):
        traces["policy"] += 1
        return jnp.zeros(env.action_size) + 0 * goal[0]

    counted("observe")
    counted("goal_distance")
    session = Session(env, {"policy": policy}, jr.key(0))
    session.step()
    before = dict(traces)
    assert before["policy"] == 1
    for _ in range(2):
        session.set_goal(session.goal + 1)
        session.step()
        session.move_goal([1.0, 2.0, 1.0])
        session.step()
        session.reset()
        session.step()
    assert traces == before


def test_a_fall_starts_anew_and_leaves_a_commanded_goal():
    session = Session(envs.Humanoid(), evaluation.baselines(envs.Humanoid()), jr.key(0))

    def until_it_falls():
        while not session.state.terminated:
            session.step()
        before = session.goal
        session.step()
        assert session.steps == 0 and not session.state.terminated
        return before

    assert np.abs(until_it_falls() - session.goal).max() > 0
    session.set_goal([1.0, 2.0, 1.25])
    np.testing.assert_array_equal(until_it_falls(), session.goal)
    session.reset()
    assert session.goal[0] != 1.0


@pytest.mark.parametrize(
    ("env", "movable", "expected", "position"),
    [
        (envs.HalfCheetah, (True, False, False), [3.0], [3.0, 0.0, 0.7]),
        (envs.PointMaze, (True, True, False), [3.0, 2.0], [3.0, 2.0, 0.0]),
        (envs.Humanoid, (True, True, True), [3.0, 2.0, 1.0], [3.0, 2.0, 1.0]),
        (envs.ArmGrasp, (True, True, True), [3.0375, 2.0, 1.0, 2.9625, 2.0, 1.0, 0.075], [3.0, 2.0, 1.0]),
    ],
)
def test_a_goal_of_any_size_can_be_moved(env, movable, expected, position):
    session = Session(env(), {"zero": evaluation.baselines(env())["zero"]}, jr.key(0))
    assert session.movable == movable
    session.move_goal([3.0, 2.0, 1.0])
    np.testing.assert_allclose(session.goal, expected, atol=1e-5)
    np.testing.assert_allclose(session.goal_position, position, atol=1e-5)


@pytest.mark.parametrize("goal", [[1.0], [1.0, 2.0, 3.0], [[1.0, 2.0]], [np.nan, 0.0]])
def test_what_is_no_goal_is_refused(session, goal):
    with pytest.raises(ValueError, match=r"`goal` must be 2 finite numbers; got \["):
        session.set_goal(np.array(goal))
    with pytest.raises(ValueError, match=r"`position` must be three finite numbers; got \["):
        session.move_goal([np.inf, 0.0, 0.0])


def test_somebody_must_act():
    with pytest.raises(ValueError, match="`policies` of Session is empty"):
        Session(envs.PointMaze(), {}, jr.key(0))
