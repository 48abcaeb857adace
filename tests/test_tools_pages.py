"""The files that pages are made of: found, missing, damaged, or a stranger's links."""

import json
import os
from pathlib import Path

import exits
import pages
import pytest
import study_results
from exits import UserError
from test_eval_report import Page, records
from test_tools_study_results import ORIGIN, a_run

import crl


def a_whole_run(directory: Path, film: bytes = b"a film") -> Path:
    """A directory with all that the page of a run shows."""
    directory.mkdir(parents=True)
    lines = [json.dumps(record) + "\n" for record in records()]
    (directory / "metrics.jsonl").write_text("".join(lines) + '{"env_steps": 4', encoding="utf-8")
    (directory / "meta.json").write_text('{"name": "line", "seed": 7}', encoding="utf-8")
    spread = {"mean": 0.25, "ci_low": 0.125, "ci_high": 0.5, "n": 32}
    content = {"eval/time_at_goal_fraction": spread, "run": {"step": 39_000}}
    (directory / "evaluation.json").write_text(json.dumps(content), encoding="utf-8")
    (directory / "config.gin").write_text("# what was given\n", encoding="utf-8")
    (directory / "operative_config.gin").write_text("# what was used\n", encoding="utf-8")
    (directory / "film.mp4").write_bytes(film)
    (directory / "curve.png").write_bytes(b"a curve")
    return directory


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return a_whole_run(tmp_path / "run")


def test_the_page_is_written_beside_what_it_shows(run: Path):
    path = pages.write_report(run)
    text = path.read_text(encoding="utf-8")
    assert path == run / "report.html" and "25<i>%</i>" in text and "12.5 to 50.0%, 32 episodes" in text
    assert "what was given" in text and "what was used" in text and text.count("data:") == 2
    Page(text)
    assert not list(run.glob(".*"))


@pytest.mark.parametrize("missing", ["meta.json", "metrics.jsonl", "evaluation.json", "film.mp4", "config.gin"])
def test_what_is_missing_is_left_out(run: Path, missing: str):
    (run / missing).unlink()
    Page(pages.write_report(run).read_text(encoding="utf-8"))


def test_another_place_for_a_later_evaluation(run: Path, tmp_path: Path):
    out = tmp_path / "a" / "later"
    before = {path: path.read_bytes() for path in run.iterdir()}
    pages.write_report(run, out)
    (out / "evaluation.json").write_text('{"eval/time_at_goal_fraction": {"mean": 0.75}}', encoding="utf-8")
    assert "75<i>%</i>" in pages.write_report(run, out).read_text(encoding="utf-8")
    assert {path: path.read_bytes() for path in run.iterdir()} == before


DAMAGE = [
    ("meta.json", "{", "is no JSON: Expecting property name enclosed in double quotes"),
    ("meta.json", "[1]", "holds no JSON object of names and values."),
    ("meta.json", '{"name": 3}', "is damaged: expected `str | null`, got `int` at name."),
    ("meta.json", '{"a":' * 100_000, "is no JSON: nested too deep."),
    ("meta.json", '{"a": "' + "x" * (17 << 20) + '"}', "bytes; at most 16,777,216 are read."),
    ("meta.json", b'{"a": "\xff"}', "is not UTF-8 text (byte 7)."),
    ("evaluation.json", "[1]", "holds no JSON object of names and values."),
    ("evaluation.json", '{"goals": 3}', "is damaged: expected `array | null`, got `int` at goals."),
    ("evaluation.json", '{"eval/x": {"mean": "a"}}', "is damaged: expected `float | null`, got `str` at metrics"),
    ("metrics.jsonl", b"\xff\n", "is not UTF-8 text (byte 0)."),
    ("metrics.jsonl", "[1]\n", "is damaged: line 1 is no record of metrics."),
    ("config.gin", b"\xff\n", "is not UTF-8 text (byte 0)."),
    ("config.gin", "#" * (2 << 20), "bytes; at most 1,048,576 are read."),
]


@pytest.mark.parametrize(
    ("name", "content", "sentence"), DAMAGE, ids=[f"{name}-{i}" for i, (name, *_) in enumerate(DAMAGE)]
)
def test_a_damaged_file_is_named(run: Path, name: str, content: str | bytes, sentence: str):
    (run / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises((UserError, crl.FileError)) as caught:
        pages.write_report(run)
    assert str(caught.value).startswith(str(run / name)) and sentence in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    assert not (run / "report.html").exists()


SHOWN = ("meta.json", "metrics.jsonl", "config.gin", "operative_config.gin", "evaluation.json", "curve.png", "film.mp4")


@pytest.mark.parametrize("name", SHOWN)
def test_what_a_link_shows_is_not_embedded(run: Path, tmp_path: Path, name: str):
    (tmp_path / "secret").write_text("{}", encoding="utf-8")
    (run / name).unlink()
    (run / name).symlink_to(tmp_path / "secret")
    with pytest.raises(crl.FileError) as caught:
        pages.write_report(run)
    assert str(caught.value) == f"{run / name} is a link; links in {run} are not followed."


@pytest.mark.parametrize("name", SHOWN)
def test_a_pipe_is_not_waited_for(run: Path, name: str):
    (run / name).unlink()
    os.mkfifo(run / name)
    with pytest.raises(crl.FileError) as caught:
        pages.write_report(run)
    assert str(caught.value) == f"{run / name} is not a file."


@pytest.mark.parametrize("name", ["report.html", ".report.partial.html", ".report.html.new"])
def test_nothing_is_written_through_a_link(run: Path, tmp_path: Path, name: str):
    victim = tmp_path / "victim"
    victim.write_text("mine", encoding="utf-8")
    (run / name).symlink_to(victim)
    if name == "report.html":
        with pytest.raises(crl.FileError):
            pages.write_report(run)
    else:
        pages.write_report(run)
    assert victim.read_text(encoding="utf-8") == "mine"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    runs = [a_run(tmp_path / "s", {"depth": depth}, 0, final) for depth, final in (("4", 0.1), ("8", 0.2))]
    study_results.write(study_results.collect(runs, ORIGIN) | {"name": "s", "about": "a"}, tmp_path / "s")
    return tmp_path / "s"


HOSTILE = ["../mine", "/tmp/mine", "..", ".", "a/b", "a\\b", "a\x00b", "a\x1b[31mb", "a\nb", "x" * 201, ""]


@pytest.mark.parametrize("name", HOSTILE)
def test_the_name_of_a_cell_leads_nowhere_else(study: Path, name: str):
    found = json.loads((study / "study.json").read_text(encoding="utf-8"))
    found["cells"][1]["name"] = name
    (study / "study.json").write_text(json.dumps(found), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        pages.read_study(study)
    sentences = {
        "x" * 201: "expected `str` of length <= 200 at cells[1].name",
        "": "expected `str` of length >= 1 at cells[1].name",
    }
    what = sentences.get(name, f"{name!r} is not the name of a cell")
    assert str(caught.value) == f"{study / 'study.json'} is damaged: {what}."


@pytest.mark.parametrize("seed", [-1, "0", 1.5, True, "../seed0", None, 10**30])
def test_a_seed_is_a_number(study: Path, seed: object):
    found = json.loads((study / "study.json").read_text(encoding="utf-8"))
    found["cells"][1]["runs"][0]["seed"] = seed
    (study / "study.json").write_text(json.dumps(found), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        pages.read_study(study)
    assert str(caught.value).startswith(f"{study / 'study.json'} is damaged: ")
    assert str(caught.value).endswith(" at cells[1].runs[0].seed.")


@pytest.mark.parametrize("place", ["depth8", "depth8/seed0"])
def test_a_run_of_a_study_is_reached_by_no_link(study: Path, tmp_path: Path, place: str):
    (study / place).rename(tmp_path / "mine")
    (study / place).symlink_to(tmp_path / "mine")
    with pytest.raises(crl.FileError) as caught:
        pages.write_study_page(study)
    assert str(caught.value) == f"{study / place} is a link; links in {(study / place).parent} are not followed."


def changed(content: dict, place: tuple, value: object) -> dict:
    at = content
    for part in place[:-1]:
        at = at[part]
    if value is KeyError:
        del at[place[-1]]
    else:
        at[place[-1]] = value
    return content


CHANGES = [
    (("cells",), 3, "expected `array`, got `int` at cells"),
    (("cells",), [3], "expected `object`, got `int` at cells[0]"),
    (("cells",), KeyError, "object missing required field `cells`"),
    (("cells", 0, "final", "mean"), "0.1", "expected `float`, got `str` at cells[0].final.mean"),
    (("cells", 0, "final", "mean"), None, "expected `float`, got `null` at cells[0].final.mean"),
    (("cells", 0, "values"), {"width": "4"}, "cell depth4 has no value for each of the axes"),
    (("cells", 0, "values"), {"depth": 4}, "expected `str`, got `int` at cells[0].values[...]"),
    (("cells", 0, "curve", "mean"), [0.1], "cell depth4 has a curve whose columns differ in length"),
    (("cells", 0, "profile", "above"), [], "cell depth4 has a profile whose columns differ in length"),
    (("cells", 0, "runs"), [], "expected `array` of length >= 1 at cells[0].runs"),
    (
        ("cells", 0, "runs", 0, "curve", "env_steps"),
        [],
        "expected `array` of length >= 1 at cells[0].runs[0].curve.env_steps",
    ),
    (("cells", 0, "runs", 0, "reached"), [], "cell depth4 does not tell for each threshold where its runs reached it"),
    (("cells", 1, "above_first"), KeyError, "cell depth8 is not compared with the first"),
    (("cells", 1, "name"), "depth4", "two cells have one name"),
    (("axes",), [], "expected `array` of length >= 1 at axes"),
    (("about",), 3, "expected `str | null`, got `int` at about"),
    (("missing",), "x", "expected `array | null`, got `str` at missing"),
    (
        ("published",),
        {"source": "a", "curves": {"depth4": {"env_steps": [1], "mean": []}}},
        "the published curve of depth4 has not one mean for each of its env steps",
    ),
    (("origin",), [], "expected `object`, got `array` at origin"),
]


@pytest.mark.parametrize(("place", "value", "sentence"), CHANGES, ids=range(len(CHANGES)))
def test_a_damaged_study_is_refused_in_one_sentence(study: Path, place: tuple, value: object, sentence: str):
    found = json.loads((study / "study.json").read_text(encoding="utf-8"))
    (study / "study.json").write_text(json.dumps(changed(found, place, value)), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        pages.write_study_page(study)
    assert str(caught.value) == f"{study / 'study.json'} is damaged: {sentence}."


@pytest.mark.parametrize("name", ["tested.json", "inside.json"])
def test_damaged_tests_of_a_study_are_refused_in_one_sentence(study: Path, name: str):
    for content, sentence in (
        ({"cells": [3]}, "expected `object`, got `int` at cells[0]"),
        ({"cells": [{"name": "depth4", "episodes": 3, "agents": [[0]]}]}, "at cells[0].agents[0]"),
        ({"cells": [], "origin": {"command": ["a"]}}, "expected `str | null`, got `array` at origin.command"),
    ):
        (study / name).write_text(json.dumps(content), encoding="utf-8")
        with pytest.raises(UserError) as caught:
            pages.write_study_page(study)
        assert str(caught.value).startswith(f"{study / name} is damaged: ")
        assert str(caught.value).endswith(f"{sentence}.") and "\n" not in str(caught.value)


def test_nothing_of_a_foreign_study_is_executed(study: Path):
    from test_eval_report import ATTACK

    short = ATTACK.replace("/", "\u2215")  # a name that is part of a path
    found = json.loads((study / "study.json").read_text(encoding="utf-8"))
    found |= {"name": ATTACK, "about": ATTACK, "missing": [ATTACK], "critical": short, "axes": [ATTACK]}
    found["origin"] = {ATTACK: ATTACK, "command": ATTACK}
    found["published"] = {"source": ATTACK, "curves": {short: {"env_steps": [1, 2], "mean": [0.1, 0.2]}}}
    for cell in found["cells"]:
        cell["values"] = {ATTACK: ATTACK + cell["name"]}
    found["cells"][1]["name"] = short
    (study / "study.json").write_text(json.dumps(found), encoding="utf-8")
    spread = {"mean": 0.5, "ci_low": 0.4, "ci_high": 0.6}
    for name, metric in (("tested.json", "eval/success_any"), ("inside.json", "path")):
        cells = [
            {"name": cell["name"], "episodes": 4, "agents": [[0, 14_000]], metric: spread, "task": {"maze": ATTACK}}
            for cell in found["cells"]
        ]
        content = {"cells": cells, "origin": {"command": ATTACK}}
        (study / name).write_text(json.dumps(content), encoding="utf-8")
    text = pages.write_study_page(study).read_text(encoding="utf-8")
    assert "<script>alert" not in text and "<img" not in text and text.count("&lt;script&gt;") > 8
    Page(text)


def test_a_study_without_results(tmp_path: Path):
    with pytest.raises(UserError) as caught:
        pages.write_study_page(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} holds no study.json; tools/study.py writes it when a first run is finished."
    )
    assert exits.MISTAKE == 2
