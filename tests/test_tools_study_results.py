"""What a study says of its runs, on curves written by hand, and the page that shows it."""

import io
import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pages
import pytest
import study_results
from exits import UserError
from PIL import Image
from scipy import stats
from study_grid import Cell, Run
from test_eval_report import Page

import crl
import evaluation

SCORE = study_results.SCORE
ORIGIN = {"command": "python tools/study.py --gin <some>.gin", "git_commit": "0" * 40, "time": "2026-01-01"}
FINALS = {"4": (0.1, 0.2, 0.15), "8": (0.12, 0.2, 0.19), "16": (0.5, 0.62, 0.56), "32": (0.55, 0.6, 0.65)}
LENGTH = SimpleNamespace(value={"crl.train.env_steps": 14_000}.get)
GOAL = {"goal": [1.0, 2.0], "n": 9, "eval/success_any": {"mean": 0.25, "ci_low": 0.1, "ci_high": 0.4}}


def a_run(out: Path, values: dict[str, str], seed: int, final: float) -> Run:
    """A finished run whose score rises in a line over 10 evaluations, then stays at `final` for 5."""
    cell = Cell("_".join(f"{axis}{value}" for axis, value in values.items()), values, LENGTH)
    run = Run(cell, seed, out / cell.name / f"seed{seed}")
    run.directory.mkdir(parents=True)
    scores = [*np.linspace(0, final, 10, endpoint=False), *[final] * 5]
    lines = [
        {"env_steps": 1_000 * i, "updates": 10 * i, "seconds": 2.0 * i, SCORE: score} for i, score in enumerate(scores)
    ]
    lines.append({"env_steps": 14_500, "updates": 145, "seconds": 29.0, "train/critic_loss": 1.0})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (run.directory / "metrics.jsonl").write_text(text)
    (run.directory / "meta.json").write_text('{"parameters": {"actor": 7, "all": 1234}}')
    (run.directory / "report.html").write_text("<html>")
    return run


@pytest.fixture
def study(tmp_path: Path) -> list[Run]:
    return [
        a_run(tmp_path, {"depth": depth}, seed, final)
        for depth, finals in FINALS.items()
        for seed, final in enumerate(finals)
    ]


def test_the_numbers_of_cells(study, tmp_path):
    (tmp_path / "depth8/seed1/report.html").unlink()  # a run that is not finished does not count
    found = study_results.collect(study, ORIGIN)
    assert found["missing"] == ["depth8/seed1"]
    cells = {cell["name"]: cell for cell in found["cells"]}
    assert list(cells) == ["depth4", "depth8", "depth16", "depth32"] and found["axes"] == ["depth"]
    assert [run["seed"] for run in cells["depth8"]["runs"]] == [0, 2]
    for depth, finals in FINALS.items():
        if depth == "8":
            continue
        cell, of_t = cells[f"depth{depth}"], stats.t.interval(0.95, 2, np.mean(finals), stats.sem(finals))
        assert list(cell["final"].values()) == pytest.approx([np.mean(finals), *of_t])
        assert cell["curve"]["mean"][-1] == pytest.approx(np.mean(finals)) and cell["curve"]["mean"][0] == 0
        assert cell["seconds"] == 28 and cell["parameters"]["all"] == 1234
        above = {round(at, 3): share["mean"] for at, share in zip(*cell["profile"].values(), strict=True)}
        assert above[0.55] == pytest.approx(np.mean(np.array(finals) > 0.55))
    test = stats.ttest_ind(FINALS["32"], FINALS["4"], equal_var=False).confidence_interval(0.95)
    beyond = cells["depth32"]["beyond_first"]
    assert (beyond["ci_low"], beyond["ci_high"]) == pytest.approx((test.low, test.high))
    assert cells["depth32"]["over_first"] == pytest.approx(4) and cells["depth32"]["better_than_first"]["mean"] == 1
    iqm = cells["depth32"]["iqm"]
    assert list(iqm.values()) == pytest.approx(evaluation.stratified(np.array([FINALS["32"]])))
    assert 0.55 <= iqm["ci_low"] < iqm["mean"] < iqm["ci_high"] <= 0.65


def test_where_thresholds_are_reached(study, tmp_path):
    found = study_results.collect(study, ORIGIN)
    assert found["thresholds"] == pytest.approx([0.3])  # half of the best cell's
    reached = {cell["name"]: [run["reached"][0] for run in cell["runs"]] for cell in found["cells"]}
    assert reached["depth4"] == [dict.fromkeys(("env_steps", "updates", "seconds"))] * 3
    assert reached["depth32"][2] == {"env_steps": 5_000, "updates": 50, "seconds": 10}  # 0.65 * 5 / 10
    found = study_results.collect(study, ORIGIN, (0.1, 0.64))
    assert [at["env_steps"] for at in found["cells"][-1]["runs"][2]["reached"]] == [2_000, 10_000]
    study_results.write(found, tmp_path)
    text = pages.write_study_page(tmp_path).read_text(encoding="utf-8")
    assert "<th>Steps to 10% (median)</th><th>Steps to 64% (median)</th>" in text
    assert "<td>2k, 20 updates, 0.1 min <small>3 of 3</small></td><td>– <small>1 of 3</small></td>" in text


def test_the_critical_depth_is_where_the_score_jumps_beyond_chance(study, tmp_path):
    assert study_results.collect(study, ORIGIN)["critical"] == "depth16"
    assert study_results.collect(study[:6], ORIGIN)["critical"] is None
    one_seed = [run for run in study if run.seed == 0]
    found = study_results.collect(one_seed, ORIGIN)
    assert found["critical"] is None
    for name in ("iqm", "beyond_first", "better_than_first"):  # one run says nothing of others
        assert found["cells"][-1][name]["ci_low"] is None and found["cells"][-1][name]["ci_high"] is None


@pytest.mark.parametrize("names", [("plain", "residual"), ("16", "8")])
def test_no_step_is_critical_on_an_axis_that_does_not_rise(tmp_path, names):
    finals = {names[0]: (0.1, 0.12, 0.11), names[1]: (0.5, 0.52, 0.51)}
    runs = [a_run(tmp_path, {"block": b}, seed, x) for b, three in finals.items() for seed, x in enumerate(three)]
    found = study_results.collect(runs, ORIGIN)
    assert found["cells"][1]["above_before"] and found["critical"] is None


@pytest.mark.parametrize("arms", [2, 4])
def test_studies_of_identical_arms_claim_no_difference_in_93_of_100(tmp_path, arms, monkeypatch):
    """Neither a better cell, which the page's headline would name, nor a critical depth."""
    monkeypatch.setattr(study_results, "distribution", lambda _: {"iqm": None, "profile": None})  # slow, claims nothing
    monkeypatch.setattr(study_results, "beyond", lambda *_: {})
    runs = [a_run(tmp_path, {"depth": str(4 * 2**arm)}, seed, 0.5) for arm in range(arms) for seed in range(5)]
    rng, claims = np.random.default_rng(3), []
    for _ in range(200):
        draws = iter(rng.normal(0.4, 0.1, len(runs)))
        monkeypatch.setattr(study_results, "_run", lambda *_, draws=draws: a_final(next(draws)))
        found = study_results.collect(runs, ORIGIN)
        claims.append(found["critical"] is not None or any(cell.get("above_first") for cell in found["cells"]))
    assert 1 - np.mean(claims) >= 0.93


def a_final(score: float) -> dict:
    curve = {"env_steps": [0], "updates": [0], "seconds": [0.0], SCORE: [score]}
    return {"seed": 0, "final": score, "area": score, "updates": 0, "seconds": 0.0, "parameters": None, "curve": curve}


def test_a_score_of_nothing_is_no_threshold(tmp_path):
    runs = [a_run(tmp_path, {"depth": depth}, 0, 0.0) for depth in ("4", "8")]
    found = study_results.collect(runs, ORIGIN)
    assert found["thresholds"] == [] and found["cells"][0]["runs"][0]["reached"] == []
    assert "Steps to" not in page(runs, tmp_path)


def test_a_shorter_run_is_no_run_of_the_study(study, tmp_path):
    lines = (tmp_path / "depth4/seed2/metrics.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "depth4/seed2/metrics.jsonl").write_text("".join(lines[:8]))  # its report is of then
    found = study_results.collect(study, ORIGIN)
    assert found["missing"] == ["depth4/seed2"] and len(found["cells"][0]["runs"]) == 2
    assert "Not finished, and not in these numbers: depth4/seed2 (1 in all)" in page(study, tmp_path)


def test_curves_are_compared_where_all_runs_were_evaluated(study, tmp_path):
    file = tmp_path / "depth16/seed1/metrics.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[::2]))  # went on with twice the distance between evaluations
    cell = study_results.collect(study, ORIGIN)["cells"][2]
    assert cell["curve"]["env_steps"] == [0, 2_000, 4_000, 6_000, 8_000, 10_000, 12_000, 14_000]
    assert all(run["curve"]["env_steps"] == cell["curve"]["env_steps"] for run in cell["runs"])
    odd = (tmp_path / "depth16/seed0/metrics.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "depth16/seed0/metrics.jsonl").write_text("".join(odd[1:14:2] + odd[15:]))
    with pytest.raises(UserError, match="cell depth16 were never evaluated at the same env steps"):
        study_results.collect(study, ORIGIN)


def test_damaged_metrics_are_named(study, tmp_path):
    (tmp_path / "depth4/seed0/metrics.jsonl").write_text('{"env_steps": 1\n{"env_steps": 14500}\n')
    with pytest.raises(crl.FileError) as caught:
        study_results.collect(study, ORIGIN)
    file = tmp_path / "depth4/seed0/metrics.jsonl"
    assert str(caught.value) == f"{file} is damaged: line 1 is no record of metrics."


@pytest.mark.parametrize("parameters", ["many", [1], {"actor": "7"}])
def test_damaged_metadata_is_named(study, tmp_path, parameters):
    file = tmp_path / "depth4/seed0/meta.json"
    file.write_text(json.dumps({"parameters": parameters}))
    with pytest.raises(UserError) as caught:
        study_results.collect(study, ORIGIN)
    assert str(caught.value).startswith(f"{file} is damaged: expected ") and "parameters" in str(caught.value)


def page(runs: list[Run], out: Path, **more: str) -> str:
    study_results.write(study_results.collect(runs, ORIGIN) | more, out)
    path = pages.write_study_page(out)
    assert sorted(out.glob("*report*")) == [path]
    return path.read_text(encoding="utf-8")


def test_the_page_shows_the_point_and_loads_nothing(study, tmp_path):
    for name in ("depth4", "depth32"):
        directory = tmp_path / name / "seed0"
        (directory / "film.mp4").write_bytes(b"no film")
        (directory / "value_map.png").write_bytes(b"no picture")
        task = {"maze": "1111/1R01/10G1/1111", "cell_size": 1.0}
        (directory / "evaluation.json").write_text(json.dumps({"goals": [GOAL], "task": task}))
    text = page(study, tmp_path, name="depth_laptop", about="<script>bad()</script>")
    parsed = Page(text)
    assert all(load.startswith("data:") for load in parsed.loads) and "<script>bad" not in text
    assert parsed.tags.count("video") == 2 and parsed.tags.count("img") == 2
    assert "<strong>4.0<i>×</i></strong>" in text and "with depth 32" in text and "difference is above 0" in text
    assert "depth 32 60.0 [47.6, 72.4] %, depth 4 15.0 [2.6, 27.4] %" in text
    assert "Share of runs above a score" in text
    assert "critical depth" in text and text.count('class="run"') == 12 and text.count('class="mean"') == 4
    assert "&lt;some&gt;.gin" in text and "<th>Steps to 30% (median)</th>" in text and "Not finished" not in text
    assert "<td>6k, 60 updates, 0.2 min <small>3 of 3</small></td>" in text
    assert "<td>– <small>0 of 3</small></td>" in text


def test_tested_agents_are_shown_where_they_are_those_of_the_runs(study, tmp_path):
    metric = {"mean": 0.5, "ci_low": 0.4, "ci_high": 0.6}
    share, goal = {"eval/success_any": metric}, GOAL | {"eval/success_any": metric | {"mean": 0.73}}
    cells = [
        {
            "name": f"depth{depth}",
            "agents": [[seed, 14_000] for seed in range(3)],
            "episodes": 512,
            "task": {"maze": "1111/1R01/10G1/1111", "cell_size": 1.0},
            "goals": [goal, {"goal": [2.0, 1.0], "n": 0}],
            "by_path_length": [{"path_length": x, "eval/time_at_goal_fraction": metric} for x in (1.0, 2.437)],
            **share,
        }
        for depth in FINALS
    ]
    file = tmp_path / "tested.json"
    file.write_text(json.dumps({"origin": {"command": "python tools/evaluate.py --study <x>"}, "cells": cells}))
    text = page(study, tmp_path)
    assert "512 episodes" in text and "mean of all seeds" in text and text.count(">73%<") == 2
    assert "python tools/evaluate.py --study &lt;x&gt;" in text
    (far,) = [json.loads(found) for found in re.findall(r'json">(.*?)</script>', text) if '"unit": "m"' in found]
    assert [line[0] for line in far["lines"]] == ["depth 32", "depth 16", "depth 8", "depth 4"]
    assert far["lines"][0][1:] == [[1.0, 2.4], [0.5, 0.5]] and "by length of the shortest way to it, m" in text
    cells[1]["by_path_length"] = None  # several starts: goals are at no one distance
    file.write_text(json.dumps({"origin": {"command": "python"}, "cells": cells}))
    text = page(study, tmp_path)
    assert "512 episodes" in text and "How far they come" not in text
    cells[0]["agents"][0][1] = 7_000  # tested before the run went on
    file.write_text(json.dumps({"origin": {"command": "python"}, "cells": cells}))
    assert "512 episodes" not in page(study, tmp_path)


def test_two_axes_make_a_grid(tmp_path):
    runs = [
        a_run(tmp_path, {"actor_depth": actor, "critic_depth": critic}, seed, 0.1 * int(critic) / 4 + 0.02 * seed)
        for actor in ("4", "8")
        for critic in ("4", "16")
        for seed in range(2)
    ]
    text = page(runs, tmp_path)
    table = re.search(r'<table class="grid">(.*?)</table>', text)[1]
    assert re.findall(r">(\d+)%<", table) == ["11", "41", "11", "41"]
    assert "actor depth downwards, critic depth across" in text and "actor depth 8, critic depth 16" in text


def test_no_depth_better_than_the_first_is_said(tmp_path):
    finals = {"4": (0.3, 0.4), "8": (0.2, 0.3)}
    runs = [a_run(tmp_path, {"depth": d}, seed, x) for d, both in finals.items() for seed, x in enumerate(both)]
    text = page(runs, tmp_path)
    assert "<strong>35<i>%</i></strong>" in text and "no other does better" in text and "critical" not in text


def test_a_difference_that_may_be_chance_is_called_that(tmp_path):
    finals = {"4": (0.1, 0.5), "8": (0.2, 0.6)}
    runs = [a_run(tmp_path, {"depth": d}, seed, x) for d, both in finals.items() for seed, x in enumerate(both)]
    text = page(runs, tmp_path)
    assert "<strong>≈</strong>" in text and "no difference that 2 seeds can tell" in text
    assert "the time at the goal with" not in text


def test_a_study_without_results(tmp_path):
    runs = [Run(Cell("depth4", {"depth": "4"}, LENGTH), 0, tmp_path / "depth4" / "seed0")]
    study_results.write(study_results.collect(runs, ORIGIN), tmp_path)
    with pytest.raises(UserError) as caught:
        pages.write_study_page(tmp_path)
    assert str(caught.value) == f"{tmp_path / 'study.json'} holds no finished run."


@pytest.mark.parametrize("runs", [slice(None), slice(0, 1)])
def test_the_figure_is_drawn(study, tmp_path, runs):
    found = study_results.collect(study[runs], ORIGIN)
    with Image.open(io.BytesIO(evaluation.study_figure(found, "$\\depth$"))) as picture:
        assert picture.width == 1600
        assert len(picture.convert("RGB").getcolors(2**24)) > 50
