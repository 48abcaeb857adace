"""The learning curve and the page of a run: complete, self-contained, and safe to open."""

import base64
import io
import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jax.random as jr
import processes
import pytest
from eval_line import Line, go_and_stay
from matplotlib.figure import Figure
from PIL import Image

from evaluation import Evaluation, Evaluator, Metadata, RunContent, curve, evaluate, report
from evaluation._curve import curve_figure
from evaluation._tables import goals_table

VOID = {"meta", "br", "img", "input", "link", "hr", "source"}
SVG = {"path", "line", "rect", "circle"}
ATTACK = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"' style="


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
        for name, value in attrs:
            if name == "style":  # a length, a share, or a colour of ours
                assert re.fullmatch(r"[\w:.%;\-, ()]*", value), value
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in SVG

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def records(points=40) -> list[dict]:
    """The metrics of a run that learns."""
    found = []
    for i in range(points):
        record = {"env_steps": 1000 * i, "updates": 10 * i, "seconds": 3.0 * i, "train/critic_loss": 5 - 0.1 * i}
        if i % 5 == 0:
            share = i / points
            record |= {"eval/time_at_goal_fraction": share, "eval/success_any": share, "eval/distance": 2.0}
        found.append(record)
    return found


META = {
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


@pytest.fixture(scope="module")
def numbers() -> dict:
    """The content of an `evaluation.json`."""
    content = evaluate(Evaluator(Line(), 32), go_and_stay, jr.key(0))
    content["task"] |= {"maze": "1111/1R01/10G1/1111", "cell_size": 1.0}
    return content


@pytest.fixture
def run(numbers) -> RunContent:
    """All that a page can show."""
    return RunContent(
        name="folder",
        meta=Metadata.from_json(META, "meta.json"),
        evaluation=Evaluation.from_json(numbers, "evaluation.json"),
        records=records(),
        operative_config="# what was used\ncrl.train.seed = 7\n",
        curve=curve(records()),
        film=b"not really a film",
    )


def test_the_page_holds_everything_and_loads_nothing(run, numbers):
    text = report(run)
    page = Page(text)
    assert page.loads and all(value.startswith("data:") for value in page.loads)
    assert not re.search(r"(src|href|url\()\s*=?\s*[\"']?https?:", text) and "@import" not in text
    film, picture = (base64.b64decode(value.split(",")[1]) for value in page.loads)
    assert film == run.film and picture == run.curve
    share = numbers["eval/time_at_goal_fraction"]
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
        "<h1>line</h1>",
    ):
        assert expected in text, expected


def test_every_goal_is_shown_with_its_spread():
    reached = {"mean": 0.5, "ci_low": 0.2, "ci_high": 0.8}
    text = goals_table([{"goal": [1.0, 2.5], "n": 10, "eval/success_any": reached}])
    assert "1, 2.5" in text and "<td>10</td>" in text and "50.0%<br><small>20.0 – 80.0%</small>" in text


def test_nothing_of_a_foreign_run_is_executed(run, numbers):
    meta = {
        "name": ATTACK,
        "command": [ATTACK],
        ATTACK: ATTACK,
        "versions": {ATTACK: [ATTACK]},
        "env": {"name": ATTACK},
        "git_commit": "0" * 40 + ATTACK,
    }
    content = numbers | {"interval": ATTACK, f"eval/{ATTACK}": {"mean": 0.5, "ci_low": 0.1, "n": 3}}
    content["task"] = numbers["task"] | {"maze": f"11/1R{ATTACK}"}
    text = report(
        replace(
            run,
            name=ATTACK,
            meta=Metadata.from_json(meta, "meta.json"),
            evaluation=Evaluation.from_json(content, "evaluation.json"),
            config=f"a = '{ATTACK}'\n# {ATTACK}\n{ATTACK}",
            records=[{"env_steps": 1, "eval/success_any": 0.5, ATTACK: ATTACK}],
        )
    )
    assert "<script>alert" not in text and "<img" not in text
    Page(text)


@pytest.mark.parametrize("missing", ["meta", "records", "evaluation", "film", "curve"])
def test_what_is_missing_is_left_out(run, missing):
    nothing = {"meta": Metadata(), "records": ()}.get(missing)
    Page(report(replace(run, **{missing: nothing})))


def test_a_run_that_has_only_begun_has_a_page():
    text = report(RunContent("folder"))
    assert "No evaluation yet" in text and "<h1>folder</h1>" in text
    Page(text)


def test_without_evaluation_json_the_last_evaluation_of_training_counts(run):
    text = report(replace(run, evaluation=None))
    assert "88<i>%</i>" in text and "the last evaluation during training" in text


def test_numbers_that_are_not_known_are_shown_as_such(run, numbers):
    spread = {"mean": None, "ci_low": None, "ci_high": None, "n": 4, "iqm": None}
    content = {name: spread if name.startswith("eval/") else value for name, value in numbers.items()}
    content["goals"] = [{"goal": [1.0, 2.0], "n": 4, "eval/success_any": spread}]
    found = Evaluation.from_json(content, "evaluation.json")
    text = report(replace(run, evaluation=found, film=None, curve=None))
    assert "No evaluation yet" in text and not re.search(r"\bnan\b|None", text)
    Page(text)


SPREAD = {"mean": 1.0, "ci_low": 0.0, "ci_high": 2.0, "n": 3}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"eval/x": 3}, "expected `object`, got `int` at metrics[...]"),
        ({"eval/x": {"mean": "3"}}, "expected `float | null`, got `str` at metrics[...].mean"),
        ({"eval/x": {}}, "object missing required field `mean` at metrics[...]"),
        ({"goals": [{"goal": [1.0, 2.0], "n": -1}]}, "expected `int` >= 0 at goals[0].n"),
        ({"goals": [{"goal": [], "n": 1}]}, "expected `array` of length >= 1 at goals[0].goal"),
        ({"goals": [{"goal": [0.0], "n": 1}] * 50_001}, "expected `array` of length <= 50000 at goals"),
        ({"task": {"maze": "1" * 40_001}}, "expected `str` of length <= 40000 at task.maze"),
        ({"task": {"cell_size": 0}}, "expected `float` > 0.0 at task.cell_size"),
        ({"run": {"step": 1.5}}, "expected `int | null`, got `float` at run.step"),
        ({"run": []}, "expected `object | null`, got `array` at run"),
        ({"eval/x": {"mean": 10**400}}, "number out of range at metrics[...].mean"),
    ],
)
def test_an_evaluation_that_is_none_is_refused_in_one_sentence(content, sentence):
    with pytest.raises(ValueError) as caught:
        Evaluation.from_json(content, "r/evaluation.json")
    assert str(caught.value) == f"r/evaluation.json is damaged: {sentence}."


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"name": 3}, "expected `str | null`, got `int` at name"),
        ({"env": "PointMaze"}, "expected `object | null`, got `str` at env"),
        ({"env": {"threshold": "0.5"}}, "expected `float | null`, got `str` at env.threshold"),
        ({"command": {"a": 1}}, "expected `str | array | null`, got `object` at command"),
        ({"parameters": {"actor": 1.5}}, "expected `int`, got `float` at parameters[...]"),
    ],
)
def test_metadata_that_is_none_is_refused_in_one_sentence(content, sentence):
    with pytest.raises(ValueError) as caught:
        Metadata.from_json(content, "r/meta.json")
    assert str(caught.value) == f"r/meta.json is damaged: {sentence}."


def test_long_and_deep_facts_are_cut():
    deep = inner = []
    for _ in range(900):
        inner.append([])
        inner = inner[0]
    meta = {"long": "x" * 10**7, "deep": deep, "many": dict.fromkeys(map(str, range(10**5)), 1), "huge": 10**5_000}
    text = report(RunContent("folder", Metadata.from_json(meta, "meta.json")))
    assert len(text) < 100_000 and "…" in text
    Page(text)


@pytest.mark.parametrize("points", [0, 1, 2, 3000])
def test_the_curve_of_a_run_of_any_length(points):
    with Image.open(io.BytesIO(curve(records(points)))) as picture:
        assert picture.width == 1600 and picture.format == "PNG"
    Page(report(RunContent("folder", records=records(points))))


def test_a_name_is_no_formula_and_may_hold_half_a_letter():
    plain, odd = curve(records(3), "a"), curve(records(3), "$\\frac{$ of $x \udcff")
    assert plain != odd
    assert "<h1>runs/x?</h1>" in report(RunContent("runs/x\udcff"))


def test_values_that_are_no_numbers_or_too_large_to_draw_are_left_out():
    values = [1.0, float("nan"), None, 2.0, 1e299, 10**400, True]
    found = [{"env_steps": i, "train/critic_loss": value} for i, value in enumerate(values)]
    assert curve(found) == curve([found[0], found[3]])
    data = re.search(r'<script type="application/json">(.*?)</script>', report(RunContent("folder", records=found)))
    assert data and json.loads(data[1])["lines"] == [["critic loss", [0, 3], [1, 2]]]


def panels(figure: Figure) -> list[tuple[str, list[float]]]:
    """Title and plotted values of each small panel of a learning curve."""
    return [(axes.get_title(loc="left"), list(axes.lines[0].get_ydata())) for axes in figure.axes[1:]]


def charts(text: str) -> list[tuple[str, list[float]]]:
    """Label and values of each chart with one line on a page."""
    data = re.findall(r'<script type="application/json">(.*?)</script>', text)
    return [(line[0][0], line[0][2]) for line in (json.loads(one)["lines"] for one in data) if len(line) == 1]


def both(found: list[dict]) -> tuple[list[tuple[str, list[float]]], list[tuple[str, list[float]]]]:
    """What the picture and the page show of an algorithm's metrics."""
    return panels(curve_figure(found)), charts(report(RunContent("folder", records=found)))


def made_up(i: int) -> dict:
    """A record of an algorithm that nobody has heard of."""
    numbers = {"train/td_error": 5.0 - i, "train/bc_loss": 1.0 + i, "train/lossless": 3.0, "train/loss": 2.0 * i}
    return {"env_steps": 10 * i, "updates": i, "seconds": 1.0 * i, "replay/fill": 0.5, **numbers}


def test_metrics_of_any_algorithm_are_shown_losses_first():
    expected = [
        ("bc loss", [1.0, 2.0, 3.0]),
        ("loss", [0.0, 2.0, 4.0]),
        ("td error", [5.0, 4.0, 3.0]),
        ("lossless", [3.0, 3.0, 3.0]),
    ]
    picture, page = both([made_up(i) for i in range(3)])
    assert picture == page == expected


def test_exploded_simulations_are_shown_after_the_losses_where_there_were_any():
    sound = [{"env_steps": i, "train/q": 1.0, "train/unstable": 0.0, "train/a_loss": 2.0} for i in range(3)]
    broken = [*sound, sound[0] | {"env_steps": 3, "train/unstable": 4.0}]
    for shown in both(sound):
        assert [label for label, _ in shown] == ["a loss", "q"]
    for shown in both(broken):
        assert shown[1] == ("unstable", [0.0, 0.0, 0.0, 4.0]) and [label for label, _ in shown] == [
            "a loss",
            "unstable",
            "q",
        ]


@pytest.mark.parametrize(
    ("names", "in_picture", "in_page"),
    [
        (15, "", ""),
        (16, "1 more metric is not shown.", ""),
        (48, "33 more metrics are not shown.", ""),
        (10_000, "9,985 more metrics are not shown.", "9,952 more metrics are not shown."),
    ],
)
def test_panels_are_bounded_and_the_rest_is_counted(names, in_picture, in_page):
    found = [{"env_steps": 1, **{f"train/m{i}": 1.0 for i in range(names - 1)}, "train/own_loss": 2.0}]
    figure, page = curve_figure(found), report(RunContent("folder", records=found))
    assert figure.get_supxlabel() == in_picture
    assert re.findall(r'<p class="note">(.*?)</p>', page) == ([in_page] if in_page else [])
    for shown, most in ((panels(figure), 15), (charts(page), 48)):
        assert len(shown) == min(names, most) and shown[:2] == [("own loss", [2.0]), ("m0", [1.0])]


def test_names_of_a_foreign_run_are_text_of_one_short_line():
    names = (ATTACK, "$\\frac{$", "a\nb\x1b[2J\x00c", "x" * 10**6, "\u4e2d\u6587", "half \udcff", "", "_loss")
    found = [{"env_steps": 1, **{f"train/{name}": 1.0 for name in names}}]
    page = report(RunContent("folder", records=found))
    Page(page)
    assert "<script>alert" not in page and "<img" not in page and len(page) < 100_000
    labels = [label for label, _ in charts(page)]
    assert labels == [
        "loss",
        f"{ATTACK[:39]}…",
        "$\\frac{$",
        "a b [2J c",
        f"{'x' * 39}…",
        "\u4e2d\u6587",
        "half",
        "train/",
    ]
    assert [title for title, _ in panels(curve_figure(found))] == [label.replace("$", r"\$") for label in labels]
    assert curve(found).startswith(b"\x89PNG")


def test_a_matplotlibrc_of_the_working_directory_changes_no_picture(tmp_path: Path):
    code = "import sys, evaluation; sys.stdout.buffer.write(evaluation.curve([], 'x'))"
    pictures = []
    for name, text in (("none", ""), ("theirs", "text.usetex: True\nfigure.dpi: 10\naxes.titlesize: 99\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "matplotlibrc").write_text(text)
        pictures.append(processes.finish([sys.executable, "-c", code], cwd=tmp_path / name, text=False).stdout)
    assert pictures[0] == pictures[1] and pictures[0].startswith(b"\x89PNG")
