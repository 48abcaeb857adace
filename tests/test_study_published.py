"""Curves of others in a study: read, refused, drawn over the study's own."""

import json
from pathlib import Path

import composition
import equinox as eqx
import exits
import jax.random as jr
import pages
import pytest
import reading
import study
import study_grid
import study_published
import study_results
from test_eval_report import Page
from test_tools_study_results import ORIGIN, a_run
from tool_runs import as_a_user

import crl
import evaluation

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "configs/study/push_easy_laptop.gin"


def published(*settings: str):
    cells, _ = study_grid.read([str(CONFIG)], [])
    return study_published.read(reading.read([str(CONFIG)], settings), cells)


def test_the_reproduction_is_the_papers_run_with_the_papers_numbers(monkeypatch):
    cells, seeds = study_grid.read([str(CONFIG)], [])
    assert [cell.name for cell in cells] == ["depth4", "depth8"] and seeds == (0,)
    paper = reading.read([ROOT / "configs/algo/contrastive.gin", ROOT / "configs/train.gin"])
    with as_a_user(monkeypatch):
        for cell, depth in zip(cells, (4, 8), strict=True):
            for key, binding in paper.bindings.items():
                if str(key) not in ("crl.train.env_steps", "crl.train.eval_every", "nets.ResidualMLP.depth"):
                    assert cell.configuration.value(str(key)) == binding.value, key
            composition.load(cell.configuration)
            arguments = composition.build_arguments(cell.configuration, crl.train, given=("run", "callbacks"))
            networks = eqx.filter_eval_shape(arguments["trainer"].agent, jr.key(0)).networks
            for net in (networks.actor, networks.critic.phi, networks.critic.psi):
                assert net.blocks.depth * net.blocks.blocks.layers == depth and net.head.weight.shape[0] == 256
            assert not any("study" in str(key) for key in cell.configuration.bindings)
    found = published()
    assert (arguments["env_steps"], arguments["eval_every"]) == (2_250_000, 500_000)
    assert found["curves"]["depth8"]["env_steps"] == [1_000_000 * million for million in range(1, 11)]
    assert [len(found["curves"][cell.name]["mean"]) for cell in cells] == [10, 10]


def test_a_study_that_says_nothing_has_none():
    file = str(ROOT / "configs/study/depth_laptop.gin")
    assert study_published.read(reading.read([file]), study_grid.read([file], [])[0]) is None


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("curves = {'depth5': (0.1,)}", "'depth5', which is none of the cells depth4, depth8"),
        ("curves = {'depth4': (0.1, 50)}", "must be numbers from 0 to 1; got (0.1, 50)"),
        ("curves = {'depth4': ()}", "must be numbers from 0 to 1"),
        ("curves = ()", "must be shares by the names of cells"),
        ("every = 0", "an integer >= 1; got 0"),
        ("source = 3", "must say where the curves are from; got 3"),
        ("colour = 3", "has no parameter `colour`; it has curves, every, source"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(setting, sentence, tmp_path, capsys, monkeypatch):
    arguments = ["study.py", "--gin", str(CONFIG), "--set", f"study.published.{setting}", "--out", str(tmp_path / "x")]
    with as_a_user(monkeypatch):
        assert exits.guard(study.main, arguments) == exits.MISTAKE
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and sentence in err
    assert not (tmp_path / "x").exists()


def test_they_are_drawn_over_the_study_s_own(tmp_path):
    runs = [a_run(tmp_path, {"depth": depth}, 0, final) for depth, final in (("4", 0.1), ("8", 0.2))]
    found = study_results.collect(runs, ORIGIN) | {"name": "s", "about": "a"}
    theirs = {
        "source": "a <book>",
        "curves": {"depth8": {"env_steps": [4_000, 8_000, 12_000], "mean": [0.1, 0.5, 0.7]}},
    }
    texts, pictures = [], []
    for extra in (None, theirs):
        study_results.write(found | {"published": extra}, tmp_path)
        texts.append(pages.write_study_page(tmp_path).read_text(encoding="utf-8"))
        pictures.append(evaluation.study_figure(found | {"published": extra}))
    Page(texts[1])
    assert "published" not in texts[0].lower() and texts[1].count("depth 8, published") >= 1
    assert "Published curves: a &lt;book&gt;." in texts[1] and "depth 4, published" not in texts[1]
    (chart,) = (
        part.split("</script>")[0] for part in texts[1].split('application/json">')[1:] if "time" not in part[:20]
    )
    lines = json.loads(chart)["lines"]
    assert ["depth 8, published", [4000, 8000, 12000], [0.1, 0.5, 0.7]] in lines and len(lines) == 3
    assert pictures[0] != pictures[1]
