"""The learning curve and the page: complete, self-contained, and safe to open."""

import base64
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import jax.random as jr
import pytest
from eval_line import Line, go_and_stay
from PIL import Image

from evaluation import Evaluator, curve, evaluate, report
from evaluation._tables import goals_table

VOID = {"meta", "br", "img", "input", "link", "hr", "source"}
SVG = {"path", "line", "rect", "circle"}


class Page(HTMLParser):
    """Checks that every element is closed, and collects what a page would load."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.loads, self.tags = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href", "poster", "srcset", "action")]
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in SVG

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def write_metrics(path, points=40):
    """A run that learns, with the torn last line of a killed one."""
    with path.open("w") as file:
        for i in range(points):
            line = {
                "env_steps": 1000 * i,
                "updates": 10 * i,
                "seconds": 3.0 * i,
                "train/critic_loss": 5 - 0.1 * i,
            }
            if i % 5 == 0:
                line |= {
                    "eval/time_at_goal_fraction": i / points,
                    "eval/success_any": i / points,
                    "eval/distance": 2.0,
                }
            file.write(json.dumps(line) + "\n")
        file.write('{"env_steps": 4')


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """A whole run directory."""
    tmp_path = tmp_path_factory.mktemp("run")
    write_metrics(tmp_path / "metrics.jsonl")
    meta = {
        "name": "line",
        "command": "python tools/launch.py --gin line.gin",
        "seed": 7,
        "git_commit": "0123456789abcdef0123456789abcdef01234567",
        "versions": {"jax": "0.10.2"},
        "engine": "native",
        "env": {"name": "Line", "episode_length": 12, "control_step": 0.1, "threshold": 0.5},
        "parameters": {"actor": 123456},
        "weather": "calm",
    }
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    content = evaluate(Evaluator(Line(), 32), go_and_stay, jr.key(0))
    content["task"] |= {"maze": "1111/1R01/10G1/1111", "cell_size": 1.0}
    (tmp_path / "evaluation.json").write_text(json.dumps(content))
    (tmp_path / "operative_config.gin").write_text("# what was used\ncrl.train.seed = 7\n")
    (tmp_path / "film.mp4").write_bytes(b"not really a film")
    curve(tmp_path / "metrics.jsonl", tmp_path / "curve.png")
    return tmp_path


@pytest.fixture
def run(whole_run, tmp_path):
    """A copy of it that a test may spoil."""
    return Path(shutil.copytree(whole_run, tmp_path / "run"))


def test_the_page_holds_everything_and_loads_nothing(run):
    path = report(run)
    text = path.read_text()
    page = Page(text)
    assert path == run / "report.html"
    assert page.loads and all(value.startswith("data:") for value in page.loads)
    assert not re.search(r"(src|href|url\()\s*=?\s*[\"']?https?:", text) and "@import" not in text
    film, picture = (base64.b64decode(value.split(",")[1]) for value in page.loads)
    assert film == (run / "film.mp4").read_bytes() and picture == (run / "curve.png").read_bytes()
    share = json.loads((run / "evaluation.json").read_text())["eval/time_at_goal_fraction"]
    for expected in (
        f"{100 * share['mean']:.0f}<i>%</i>",
        f"{100 * share['ci_low']:.1f} to {100 * share['ci_high']:.1f}%, 32 episodes",
        "python tools/launch.py --gin line.gin",
        "0123456789abcdef0123456789abcdef01234567",
        "native",
        "0.10.2",
        "123,456",
        "calm",
        "12 steps of 0.1 s an episode, goal reached within 0.5 m",
        "<b>crl.train.seed</b> = 7",
        "<i># what was used</i>",
        "1 min 57 s",
        '<svg class="maze"',
    ):
        assert expected in text, expected
    assert not list(run.glob(".*"))


def test_every_goal_is_shown_with_its_spread():
    reached = {"mean": 0.5, "ci_low": 0.2, "ci_high": 0.8}
    text = goals_table([{"goal": [1.0, 2.5], "n": 10, "eval/success_any": reached}])
    assert "1, 2.5" in text and "<td>10</td>" in text and "50.0%<br><small>20.0 – 80.0%</small>" in text


def test_nothing_of_a_foreign_run_is_executed(run):
    attack = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    (run / "meta.json").write_text(
        json.dumps(
            {
                "name": attack,
                "command": attack,
                attack: attack,
                "versions": {attack: [attack]},
                "env": {"name": attack},
            }
        )
    )
    (run / "operative_config.gin").write_text(f"a = '{attack}'\n# {attack}\n{attack}")
    content = json.loads((run / "evaluation.json").read_text())
    content["interval"] = content["eval/" + attack] = attack
    content["eval/" + attack] = {"mean": attack, "ci_low": attack, "n": attack}
    content["task"]["maze"] = f"11/1{attack}"
    (run / "evaluation.json").write_text(json.dumps(content))
    (run / "metrics.jsonl").write_text(json.dumps({"env_steps": 1, "eval/success_any": 0.5, attack: attack}) + "\n")
    text = report(run).read_text()
    assert "<script>alert" not in text and "<img" not in text
    Page(text)


@pytest.mark.parametrize("missing", ["meta.json", "metrics.jsonl", "evaluation.json", "film.mp4", "curve.png"])
def test_what_is_missing_is_left_out(run, missing):
    (run / missing).unlink()
    Page(report(run).read_text())


def test_a_run_that_has_only_begun_has_a_page(tmp_path):
    text = report(tmp_path).read_text()
    assert "No evaluation yet" in text
    Page(text)


def test_without_evaluation_json_the_last_evaluation_of_training_counts(run):
    (run / "evaluation.json").unlink()
    text = report(run).read_text()
    assert "88<i>%</i>" in text and "the last evaluation during training" in text


def test_another_place_for_a_later_evaluation(run, tmp_path):
    out = tmp_path / "later"
    out.mkdir()
    (out / "film.mp4").write_bytes(b"another film")
    before = sorted(run.iterdir())
    path = report(run, out)
    assert path == out / "report.html" and base64.b64encode(b"another film").decode() in path.read_text()
    assert sorted(run.iterdir()) == before


@pytest.mark.parametrize("damage", ["{", "[1]"])
@pytest.mark.parametrize("name", ["meta.json", "evaluation.json"])
def test_a_damaged_file_is_named(run, name, damage):
    (run / name).write_text(damage)
    with pytest.raises(ValueError, match=name):
        report(run)


def test_a_directory_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ValueError, match="nowhere does not exist"):
        report(tmp_path / "nowhere")


@pytest.mark.parametrize("points", [0, 1, 2, 3000])
def test_the_curve_of_a_run_of_any_length(tmp_path, points):
    write_metrics(tmp_path / "metrics.jsonl", points)
    curve(tmp_path / "metrics.jsonl", tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as picture:
        assert picture.width == 1600
    Page(report(tmp_path).read_text())
    assert not list(tmp_path.glob(".*"))


def test_the_curve_of_a_run_without_metrics(tmp_path):
    curve(tmp_path / "metrics.jsonl", tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 5000


def test_a_damaged_line_is_named(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"env_steps": 1}\nnonsense\n{"env_steps": 2}\n')
    with pytest.raises(ValueError, match=r"Line 2 of .*metrics\.jsonl"):
        curve(tmp_path / "metrics.jsonl", tmp_path / "curve.png")


def test_values_that_are_no_numbers_are_left_out(tmp_path):
    lines = [{"env_steps": i, "train/critic_loss": value} for i, value in enumerate([1.0, float("nan"), None, 2.0])]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    curve(tmp_path / "metrics.jsonl", tmp_path / "curve.png")
    data = re.search(r'<script type="application/json">(.*?)</script>', report(tmp_path).read_text())
    assert data and json.loads(data[1])["lines"] == [["critic loss", [0, 3], [1, 2]]]
