"""How far luck goes in a task: the score of policies that know nothing."""

from typing import Any

import jax.random as jr

import envs
import evaluation

POLICIES = {"uniform": envs.UniformPolicy, "nothing": envs.ZeroPolicy}
_METRICS = ("eval/success_any", "eval/time_at_goal")


def measure(env: envs.AbstractEnv, episodes: int, seed: int) -> dict[str, Any]:
    """`success_any` (a share) and `time_at_goal` (steps) of uniform actions and of none, each with its interval."""
    evaluator = evaluation.Evaluator(env, episodes)
    found = {}
    for name, policy in POLICIES.items():
        result = evaluation.evaluate(evaluator, policy(env.action_size), jr.key(seed), stochastic=True)
        found[name] = {metric: result[metric] for metric in _METRICS}
    return found


def line(name: str, found: dict[str, Any]) -> str:
    """One line for a person."""
    shown = "   ".join(f"{policy} {share(found[policy])}, {steps(found[policy])}" for policy in POLICIES)
    return f"{name:<22} {shown}"


def share(of: dict[str, Any]) -> str:
    """`6.8 % [3, 13]`: of episodes that reached their goal."""
    value = of["eval/success_any"]
    return f"{value['mean']:.1%} [{value['ci_low']:.0%}, {value['ci_high']:.0%}]".replace("%", " %")


def steps(of: dict[str, Any]) -> str:
    """`68 [20, 120] steps` at the goal."""
    value = of["eval/time_at_goal"]
    low, high = (0.0 if value[end] is None else value[end] for end in ("ci_low", "ci_high"))
    return f"{value['mean']:.1f} [{low:.0f}, {high:.0f}] steps"
