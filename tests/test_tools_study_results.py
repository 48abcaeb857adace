"""What a study says of its runs, on curves written by hand, and the page that shows it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import study_results
from PIL import Image
from scipy import stats
from study_grid import Cell, Run
from test_eval_report import Page

import evaluation

SCORE = study_results.SCORE
ORIGIN = {"command": "python tools/study.py --gin <some>.gin", "git_commit": "0" * 40, "time": "2026-01-01"}
FINALS = {"4": (0.1, 0.2, 0.15), "8": (0.12, 0.2, 0.19), "16": (0.5, 0.62, 0.56), "32": (0.55, 0.6, 0.65)}
GOAL = {"goal": [1.0, 2.0], "n": 9, "eval/success_any": {"mean": 0.25, "ci_low": 0.1, "ci_high": 0.4}}


def a_run(out: Path, values: dict[str, str], seed: int, final: float) -> Run:
    """A finished run whose score rises in a line over 10 evaluations, then stays at `final` for 5."""
    cell = Cell("_".join(f"{axis}{value}" for axis, value in values.items()), values, None)
    run = Run(cell, seed, out / cell.name / f"seed{seed}")
    run.directory.mkdir(parents=True)
    scores = [*np.linspace(0, final, 10, endpoint=False), *[final] * 5]
    lines = [
        {"env_steps": 1_000 * i, "updates": 10 * i, "seconds": 2.0 * i, SCORE: score} for i, score in enumerate(scores)
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines) + '{"env_steps": 500, "train/critic_loss": 1.0}\n'
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


def test_where_the_threshold_is_reached(study):
    found = study_results.collect(study, ORIGIN)
    assert found["threshold"] == pytest.approx(0.3)  # half of the best cell's
    reached = {cell["name"]: [run["reached"] for run in cell["runs"]] for cell in found["cells"]}
    assert reached["depth4"] == [dict.fromkeys(("env_steps", "updates", "seconds"))] * 3
    assert reached["depth32"][2] == {"env_steps": 5_000, "updates": 50, "seconds": 10}  # 0.65 * 5 / 10


def test_the_critical_depth_is_where_the_score_jumps_beyond_chance(study, tmp_path):
    assert study_results.collect(study, ORIGIN)["critical"] == "depth16"
    assert study_results.collect(study[:6], ORIGIN)["critical"] is None
    one_seed = [run for run in study if run.seed == 0]
    assert study_results.collect(one_seed, ORIGIN)["critical"] is None


def page(runs: list[Run], out: Path, **more: str) -> str:
    study_results.write(study_results.collect(runs, ORIGIN) | more, out)
    path = evaluation.study_page(out)
    assert sorted(out.glob("*report*")) == [path]
    return path.read_text()


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
    assert "&lt;some&gt;.gin" in text and "<th>Steps to 30%</th>" in text
    assert "<td>6k, 0.2 min <small>3 of 3</small></td>" in text and "<td>– <small>0 of 3</small></td>" in text


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
    with pytest.raises(ValueError, match=r"holds no study\.json"):
        evaluation.study_page(tmp_path)
    runs = [Run(Cell("depth4", {"depth": "4"}, None), 0, tmp_path / "depth4" / "seed0")]
    study_results.write(study_results.collect(runs, ORIGIN), tmp_path)
    with pytest.raises(ValueError, match="holds no finished run"):
        evaluation.study_page(tmp_path)


@pytest.mark.parametrize("runs", [slice(None), slice(0, 1)])
def test_the_figure_is_drawn(study, tmp_path, runs):
    found = study_results.collect(study[runs], ORIGIN)
    evaluation.study_figure(found, tmp_path / "figure.png", "depth")
    with Image.open(tmp_path / "figure.png") as picture:
        assert picture.width == 1600
        assert len(picture.convert("RGB").getcolors(2**24)) > 50
