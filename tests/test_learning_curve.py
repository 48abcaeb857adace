"""What tools say of a run's learning curve, on one written by hand."""

import json
from pathlib import Path

import learning_curve
import pytest
import results

import crl


def write(directory: Path, scores: list[float]) -> None:
    lines = [
        {"env_steps": 100 * i, "updates": 7 * i, "seconds": 60.0 * i, learning_curve.SCORE: score}
        for i, score in enumerate(scores)
    ]
    lines.insert(3, {"env_steps": 250, "updates": 18, "seconds": 150.0, "train/critic_loss": 1.0})
    (directory / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_an_agent_is_told_by_the_curve_up_to_it(tmp_path):
    write(tmp_path, [0.0, 0.1, 0.2, 0.6, 0.4, 0.5, 0.3, 1.0])
    learned = results.learned(tmp_path, 600)
    assert learned["final"] == pytest.approx((0.2 + 0.6 + 0.4 + 0.5 + 0.3) / 5)
    assert learned["area"] == pytest.approx((0.1 + 0.2 + 0.6 + 0.4 + 0.5 + 0.15) / 6)
    assert learned["reached"] == {"env_steps": 200, "updates": 14, "seconds": 120}
    shown = results.table(
        {"eval/distance": {"mean": 1.0, "ci_low": None, "ci_high": None, "n": 1}, "run": run(learned)}
    )
    assert "40.0% of the time at the goal (last 5 evaluations), mean of the whole curve 32.5%" in shown
    assert shown.endswith("half of the former after 200 env steps, 14 updates, 2.0 minutes")


def test_what_was_never_there_is_not_told(tmp_path):
    assert results.learned(tmp_path, 100) is None
    write(tmp_path, [0.0, 0.0, 0.0, 0.0])
    learned = results.learned(tmp_path, 300)
    assert learned == {"final": 0, "area": 0, "reached": None}
    (tmp_path / "metrics.jsonl").write_text("no line\n{}\n")
    with pytest.raises(crl.FileError) as caught:
        results.learned(tmp_path, 300)
    assert str(caught.value) == f"{tmp_path / 'metrics.jsonl'} is damaged: line 1 is no record of metrics."


def run(learned: dict) -> dict:
    return {"step": 600, "policy": "deterministic", "learned": learned}
