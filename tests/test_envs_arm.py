"""The arm does what its tasks ask of it, under a scripted controller."""

import jax
import jax.numpy as jnp
import jax.random as jr
import mujoco
import numpy as np
import pytest
from scipy.optimize import least_squares

import envs
from envs.arm import _HIGH, _LOW, _MOVED, CUBE

OPEN, CLOSED = -1.0, 1.0
LOW, HIGH = (np.array(x)[list(_MOVED)] for x in (_LOW, _HIGH))


class Script:
    """Drives one environment by positions of the point between its fingertips."""

    def __init__(self, env: envs.AbstractEnv, key: int = 0):
        self.env, self.model = env, env.engine.model
        self.data = mujoco.MjData(self.model)
        self.state = jax.jit(env.reset)(jr.key(key))
        self._step = jax.jit(env.step)

    def joints(self, at: tuple[float, float, float], upright: float = 0.3) -> np.ndarray:
        """The four moved joints that bring the grip there, pointing down as far as that is possible; rad."""

        def off(q: np.ndarray) -> np.ndarray:
            held = np.array(_LOW)
            held[list(_MOVED)] = q
            for i, angle in enumerate(held):
                self.data.qpos[self.model.joint(f"joint{i + 1}").qposadr[0]] = angle
            mujoco.mj_kinematics(self.model, self.data)
            site = self.model.site("grip").id
            down = self.data.site_xmat[site].reshape(3, 3)[:, 2] + [0, 0, 1]
            return np.concatenate([10 * (self.data.site_xpos[site] - at), upright * down])

        rng = np.random.default_rng(0)
        tries = [least_squares(off, rng.uniform(LOW, HIGH), bounds=(LOW, HIGH)) for _ in range(4)]
        return min(tries, key=lambda found: found.cost).x

    def go(self, at: tuple[float, float, float], gripper: float = OPEN, steps: int = 30, upright: float = 0.3) -> None:
        """Asks for a position for some steps."""
        action = 2 * (self.joints(at, upright) - LOW) / (HIGH - LOW) - 1
        action = jnp.asarray([*action, gripper][: self.env.action_size], jnp.float32)
        for _ in range(steps):
            self.state = self._step(self.state, action)

    @property
    def obs(self) -> np.ndarray:
        return np.asarray(self.state.obs)

    def reached(self, goal: np.ndarray) -> bool:
        return bool(self.env.is_success(self.state.achieved, jnp.asarray(goal, jnp.float32)))


@pytest.fixture(scope="module")
def reach() -> Script:
    return Script(envs.ArmReach(engine="native"))


@pytest.mark.parametrize("x", [-0.2, 0.2])
@pytest.mark.parametrize("y", [0.3, 0.7])
@pytest.mark.parametrize("z", [0.1, 0.5])
def test_the_arm_reaches_every_corner_of_its_goals(reach, x, y, z):
    reach.go((x, y, z), steps=40, upright=0.0)
    np.testing.assert_allclose(reach.obs[7:10], (x, y, z), atol=0.01)
    assert np.abs(reach.obs[10:13]).max() < 0.01, "and stands still there"
    assert reach.reached(np.array([x, y, z]))


def test_the_velocity_seen_is_that_of_the_position_seen(reach):
    reach.go((0.2, 0.5, 0.3), steps=30)
    positions, velocities = [], []
    for _ in range(6):
        reach.go((-0.2, 0.5, 0.3), steps=1)
        positions.append(reach.obs[7:10])
        velocities.append(reach.obs[10:13])
    moved = np.diff(positions, axis=0) / reach.env.control_step
    mean = (np.array(velocities)[1:] + np.array(velocities)[:-1]) / 2
    assert np.abs(moved).max() > 0.3
    np.testing.assert_allclose(moved, mean, atol=0.1 * np.abs(moved).max())


def test_a_pushed_cube_moves_and_an_untouched_one_does_not():
    script = Script(envs.ArmPush(engine="native"))
    x, y, _ = start = script.obs[:3]
    script.go((x - 0.1, y, 0.2))
    np.testing.assert_allclose(script.obs[:3], start, atol=1e-3)
    script.go((x - 0.1, y, 0.03), CLOSED)
    for ahead in np.arange(0, 0.2, 0.02):
        script.go((x - 0.1 + ahead, y, 0.03), CLOSED, steps=6)
    cube = script.obs[:3]
    assert cube[0] - x > 0.05 and abs(cube[1] - y) < 0.03 and cube[2] == pytest.approx(CUBE, abs=5e-3)
    assert script.reached(cube + np.array([0.05, 0.05, 0.0]))


@pytest.mark.parametrize("level", ["easy", "hard"])
def test_a_cube_is_carried_into_the_other_bin_and_stays_there(level):
    script = Script(envs.ArmBinpick(level, engine="native"), key=1)
    x, y, _ = script.obs[:3]
    goal = np.asarray(script.state.goal)
    script.go((x, y, 0.2))
    script.go((x, y, 0.03))
    script.go((x, y, 0.03), CLOSED, steps=15)
    script.go((x, y, 0.25), CLOSED)
    assert script.obs[2] > 0.15, "lifted"
    script.go((*goal[:2], 0.25), CLOSED)
    script.go((*goal[:2], 0.12), CLOSED)
    script.go((*goal[:2], 0.12), OPEN, steps=10)
    script.go((*goal[:2], 0.3), OPEN)
    assert script.reached(goal)
    resting = script.obs[:3]
    script.go((0.0, 0.6, 0.3), OPEN, steps=60)
    np.testing.assert_allclose(script.obs[:3], resting, atol=2e-3)
    bins = {"easy": (0.17, 0.14), "hard": (0.3, 0.19)}[level]
    assert abs(resting[0] - bins[0]) < bins[1] and abs(resting[1] - 0.6) < bins[1]


def test_a_cube_stays_in_its_bin_when_pushed_against_the_wall():
    script = Script(envs.ArmBinpick("hard", engine="native"))
    x, y, _ = script.obs[:3]
    script.go((x - 0.08, y, 0.2), CLOSED)
    script.go((x - 0.08, y, 0.03), CLOSED)
    for ahead in np.arange(0, 0.2, 0.02):
        script.go((x - 0.08 + ahead, y, 0.03), CLOSED, steps=5)
    assert script.obs[0] < -0.3 + 0.19 - CUBE + 0.01


def test_the_fingers_close_around_a_cube():
    script = Script(envs.ArmGrasp(engine="native"), key=2)
    goal = np.asarray(script.state.goal)
    middle = (goal[:3] + goal[3:6]) / 2
    script.go((*middle[:2], 0.2))
    assert not script.reached(goal)
    script.go((*middle[:2], 0.03))
    assert not script.reached(goal), "the fingers are open"
    script.go((*middle[:2], 0.03), CLOSED)
    assert script.reached(goal)


@pytest.mark.parametrize("make", [envs.ArmPush, envs.ArmBinpick])
def test_levels_are_easy_and_hard(make):
    with pytest.raises(ValueError, match=r"`level` of Arm\w+ must be one of easy, hard, not 'medium'"):
        make("medium")
