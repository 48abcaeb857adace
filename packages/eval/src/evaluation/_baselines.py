"""Policies that have learned nothing, to compare an agent with or to see what a task looks like."""

from envs import AbstractEnv, Policy, UniformPolicy, ZeroPolicy


def baselines(env: AbstractEnv) -> dict[str, Policy]:
    """Policies that know nothing of the goal, by name: `random` (uniform actions) and `zero`."""
    return {"random": UniformPolicy(env.action_size), "zero": ZeroPolicy(env.action_size)}
