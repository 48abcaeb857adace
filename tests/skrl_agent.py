"""Trains an agent of skrl on the ball in a short hall, through Gymnasium's interface; prints how often it succeeds.

It runs in a process of its own: what skrl warns of and changes in NumPy is not this suite's.
"""

import json
import sys
import tempfile

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from skrl.agents.jax.ppo import PPO, PPO_CFG
from skrl.envs.wrappers.jax import wrap_env
from skrl.memories.jax import RandomMemory
from skrl.models.jax import DeterministicMixin, GaussianMixin, Model
from skrl.trainers.jax import SequentialTrainer
from skrl.utils import set_seed

import envs  # first: it must act before JAX starts

HALL = "11111/1GRG1/11111"  # the goal is to the left or to the right
ROWS, EPISODE = 32, 40


class Actor(GaussianMixin, Model):
    """Two hidden layers to the mean and the spread of an action."""

    def __init__(self, observation_space, action_space, device=None, **kwargs):
        spaces = {"observation_space": observation_space, "action_space": action_space}
        Model.__init__(self, **spaces, device=device, **kwargs)
        GaussianMixin.__init__(self, clip_actions=True, min_log_std=-3)

    @nn.compact
    def __call__(self, inputs, role):
        """The mean, and the log of the spread."""
        x = nn.tanh(nn.Dense(64)(inputs["observations"]))
        x = nn.tanh(nn.Dense(64)(x))
        return nn.Dense(self.num_actions)(x), {
            "log_std": self.param("log_std", nn.initializers.zeros, self.num_actions)
        }


class Value(DeterministicMixin, Model):
    """Two hidden layers to the value of a state."""

    def __init__(self, observation_space, action_space, device=None, **kwargs):
        spaces = {"observation_space": observation_space, "action_space": action_space}
        Model.__init__(self, **spaces, device=device, **kwargs)
        DeterministicMixin.__init__(self)

    @nn.compact
    def __call__(self, inputs, role):
        """The value."""
        x = nn.tanh(nn.Dense(64)(inputs["observations"]))
        return nn.Dense(1)(nn.tanh(nn.Dense(64)(x))), {}


def success(env: envs.GymnasiumVectorEnv, act) -> float:
    """The share of first episodes that are at their goal at some time."""
    observation, info = env.reset(seed=123)
    reached = info["is_success"]
    for _ in range(EPISODE):
        observation, *_, info = env.step(act(observation))
        reached = reached | info["is_success"]
    return float(np.mean(reached))


def main(steps: int) -> dict[str, float]:
    """Trains for `steps` steps of every row; the success of random actions and of the agent's means."""
    set_seed(0)
    task = envs.PointMaze(HALL, episode_length=EPISODE, threshold=0.7, engine="native")
    env = wrap_env(envs.GymnasiumVectorEnv(task, ROWS))
    spaces = env.observation_space, env.action_space, env.device
    models = {"policy": Actor(*spaces), "value": Value(*spaces)}
    for role, model in models.items():
        model.init_state_dict(role=role)
    settings = PPO_CFG(rollouts=EPISODE, learning_epochs=8, mini_batches=4, learning_rate=2e-3, discount_factor=0.95)
    settings.experiment.directory = tempfile.mkdtemp()
    settings.experiment.write_interval = settings.experiment.checkpoint_interval = 0
    agent = PPO(
        models=models,
        memory=RandomMemory(memory_size=EPISODE, num_envs=ROWS, device=env.device),
        cfg=settings,
        observation_space=env.observation_space,
        action_space=env.action_space,
        device=env.device,
    )
    SequentialTrainer(
        env=env, agents=agent, cfg={"timesteps": steps, "disable_progressbar": True, "headless": True}
    ).train()

    def means(observation: dict[str, np.ndarray]) -> np.ndarray:
        flat = np.concatenate([observation[name] for name in sorted(observation)], axis=1)
        mean, _ = models["policy"].apply(
            models["policy"].state_dict.params, {"observations": jnp.asarray(flat)}, "policy"
        )
        return np.asarray(mean)

    test = envs.GymnasiumVectorEnv(task, 128)
    test.action_space.seed(0)
    return {
        "random": success(test, lambda _: test.action_space.sample()),
        "agent": success(test, jax.tree_util.Partial(means)),
    }


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
