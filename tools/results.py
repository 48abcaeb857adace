"""What is left to look at when an agent has been tested: numbers, a table, a film, a report."""

from pathlib import Path
from typing import Any

import exits
import learning_curve
import provenance
from console import say
from exits import UserError
from pages import EVALUATION, FILM

import crl
import envs
import evaluation

POLICIES = ("deterministic", "stochastic", "uniform")


def file_name(name: str, policy: str = POLICIES[0], step: int | None = None, episodes: int | None = None) -> str:
    """The name of a file of results that says what is not as usual.

    Args:
        name: of the file of the run's own results, `EVALUATION` or `FILM`, which are of the agent without noise, of its
            newest snapshot, on as many episodes as the configuration says.
        policy: one of `POLICIES`.
        step: of another snapshot.
        episodes: another number of them.
    """
    stem, dot, suffix = name.rpartition(".")
    parts = [stem]
    parts += [policy] * (policy != POLICIES[0])
    parts += [f"step{step}"] * (step is not None)
    parts += [f"{episodes}episodes"] * (episodes is not None)
    return "_".join(parts) + dot + suffix


class Test:
    """An agent of a run, and how it is tested.

    Attributes:
        evaluator: the environment and the number of episodes.
        policy: the agent's, or the uniform one.
        acting: one of `POLICIES`; only "deterministic" acts without noise.
        key: of the evaluation at that step, the same in training and on a snapshot.
        origin: what a result must say about where it is from.
    """

    def __init__(
        self,
        evaluator: evaluation.Evaluator,
        algorithm: crl.AbstractAlgorithm,
        networks: Any,
        seed: int,
        step: int,
        origin: dict[str, Any],
        acting: str = POLICIES[0],
        updates: bool = False,
    ):
        self.evaluator = evaluator
        self.policy: envs.Policy = algorithm.policy(crl.on_one_device(networks))
        if acting == "uniform":
            self.policy = envs.UniformPolicy(evaluator.env.action_size)
        self.acting = acting
        self.key = crl.evaluation_key(seed, step)
        self.origin = {
            "step": step,
            "clock": "updates" if updates else "env steps",
            "policy": acting,
            **origin,
            "git_commit": provenance.git_commit(),
            "versions": provenance.versions(),
            "engine": evaluator.env.engine.name,
            "time": provenance.now(),
        }

    def numbers(self, out: Path, name: str = EVALUATION) -> dict[str, Any]:
        """Tests the policy and writes the file `name` into `out`; returns its content."""
        stochastic = self.acting != POLICIES[0]
        result = evaluation.evaluate(self.evaluator, self.policy, self.key, stochastic) | {"run": self.origin}
        try:
            out.mkdir(parents=True, exist_ok=True)
            crl.Folder(out).write_json(name, result)
        except OSError as e:
            if exits.out_of_space(e):
                raise
            raise UserError(f"{out} cannot be written: {e.strerror}.") from e
        return result

    def film(self, out: Path, name: str = FILM) -> None:
        """Writes the film `name` into `out`, and says so where it was drawn without OpenGL or is not whole."""
        content, how = evaluation.film(self.evaluator.env, self.policy, self.key)
        crl.Folder(out).write(name, content)
        if how != "Rendered by MuJoCo.":
            say(how)


def learned(directory: Path, step: int, updates: bool = False) -> dict[str, Any] | None:
    """How a run came to its agent of a step, where its metrics are still there.

    `final` and `area` of its learning curve up to there, as a study has them, and where it first `reached` half of
    `final`, if that is above 0. `updates`: whether steps are updates.
    """
    counted = "updates" if updates else "env_steps"
    lines = [line for line in learning_curve.evaluations(directory) if line[counted] <= step]
    if not lines:
        return None
    found = learning_curve.summary(lines)
    half = learning_curve.reached(found["curve"], found["final"] / 2) if found["final"] else None
    return {"final": found["final"], "area": found["area"], "reached": half}


def table(result: dict[str, Any]) -> str:
    """The numbers of `evaluation.json` for a person: a metric a line, then a goal a line."""
    metrics = {name: value for name, value in result.items() if name.startswith("eval/")}
    n = next(iter(metrics.values()))["n"]
    what = f"after {result['run']['step']:,} {result['run'].get('clock', 'env steps')}, {n} episodes"
    if result["run"]["policy"] == "uniform":
        what = f"uniform actions, {n} episodes"
    lines = [f"{what:40}{'mean':>9}   95 % interval"]
    lines += [f"{name:40}{_mean(value)}   {_interval(value)}" for name, value in metrics.items()]
    for goal in result.get("goals") or ():
        at = ", ".join(f"{x:g}" for x in goal["goal"])
        value = goal.get("eval/success_any")
        shown = f"{_mean(value)}   {_interval(value)}" if value else "        -"
        what = f"eval/success_any, goal ({at}), n = {goal['n']}"
        lines.append(f"{what:40}{shown}")
    if learned := result["run"].get("learned"):
        lines += ["", _learned(learned)]
    return "\n".join(lines)


def _learned(learned: dict[str, Any]) -> str:
    line = f"while learning: {learned['final']:.1%} of the time at the goal (last {learning_curve.LATE} evaluations)"
    line += f", mean of the whole curve {learned['area']:.1%}"
    if at := learned["reached"]:
        steps = f"{at['env_steps']:,.0f} env steps, " if at["env_steps"] else ""
        line += f"; half of the former after {steps}{at['updates']:,.0f} updates"
        line += f", {at['seconds'] / 60:.1f} minutes"
    return line


def _mean(value: dict[str, Any]) -> str:
    return f"{'?':>9}" if value["mean"] is None else f"{value['mean']:9.3f}"


def _interval(value: dict[str, Any]) -> str:
    ends = (value["ci_low"], value["ci_high"])
    low, high = ("?" if end is None else f"{end:.3f}" for end in ends)
    return f"[{low}, {high}]"
