"""A study: its grid, what it refuses, and that it ends the same however often it is stopped."""

import os
from pathlib import Path

import devices
import exits
import pytest
import study_grid
from exits import UserError
from study_runs import DEPTHS, run, written
from tool_runs import TINY, as_a_user, settings

ROOT = Path(__file__).parent.parent


def test_every_cell_with_every_seed(tmp_path: Path):
    axes = (
        "{'actor/nets.ResidualMLP.depth': (4, 16), "
        "'body': {'short': {'nets.ResidualBlock.layers': 2}, 'wide': {'nets.ResidualMLP.width': 128}}}"
    )
    cells, seeds = study_grid.read([written(tmp_path, axes)], ["Trainer.batch_size = 8"])
    assert [cell.name for cell in cells] == [
        "actor_depth4_short",
        "actor_depth4_wide",
        "actor_depth16_short",
        "actor_depth16_wide",
    ]
    assert cells[1].values == {"actor_depth": "4", "body": "wide"}
    for cell in cells:
        text = cell.configuration.text()
        assert "study" not in text and "crl.Trainer.batch_size = 8" in text
        assert f"actor/nets.ResidualMLP.depth = {cell.values['actor_depth']}\n" in text
        assert ("nets.ResidualMLP.width = 128" in text) == (cell.values["body"] == "wide")
        assert ("nets.ResidualBlock.layers = 2" in text) == (cell.values["body"] == "short")
    runs = study_grid.runs(cells, seeds, Path("out"))
    assert [run.seed for run in runs] == [0] * 4 + [3] * 4
    assert str(runs[5].directory) == "out/actor_depth4_wide/seed3" and runs[5].name == "actor_depth4_wide/seed3"


@pytest.mark.parametrize(
    ("axes", "more", "words"),
    [
        ("{}", "", "must be a dict from names to what they vary over; got {}."),
        ("{'nets.ResidualMLP.depth': 4}", "", "an axis is a binding with a tuple of values"),
        ("{'depth': (4, 8)}", "", "an axis is a binding with a tuple of values"),
        ("{'nets.ResidualMLP.depth': (4, 4)}", "", "makes depth4 twice"),
        ("{'crl.train.seed': (0, 1)}", "", "must not hold crl.train.seed"),
        ("{'nets.ResidualMLP.dept': (4, 8)}", "", "`nets.ResidualMLP` has no parameter `dept`; did you mean depth?"),
        ("{'nets.ResidualMLP.depth': (4, 6)}", "", "must be a multiple of its block's 4 layers; got 6."),
        (DEPTHS, "study.grid.seeds = (1, 1)", "must be different integers >= 0"),
        (DEPTHS, "study.grid.seeds = 3", "must be different integers >= 0"),
        (DEPTHS, "train.seeds = (1, 2)", "crl.train.seeds must not be bound in a study, which has `study.grid.seeds`"),
        (DEPTHS, "train.evaluate = None", "crl.train.evaluate of a study must be an evaluator"),
        ("{'train.seed': (0, 1)}", "", "must not change crl.train.seed"),
        ("{'some': {'a': {'crl.train.seed': 1}, 'b': {}}}", "", "must not change crl.train.seed"),
        (
            "{'block': {'residual': {}, 'other': {'nets.ResidualMLP.block': @nets.HypersphericalBlock}}}",
            "nets.ResidualBlock.layers = 2",
            "`nets.ResidualBlock.layers` is bound, but nothing in this configuration uses it.",
        ),
        ("{'train.eval_every': (240, 0)}", "", "`eval_every` of train must be an integer from 1 to"),
        (DEPTHS, "study.grid.cells = 3", "`study.grid` has no parameter `cells`; it has axes, seeds, thresholds."),
        (DEPTHS, "study.grid.thresholds = (0.4, 0.2)", "must be rising shares of the time, such as (0.2, 0.4); got"),
        (DEPTHS, "study.grid.thresholds = (20,)", "must be rising shares of the time, such as (0.2, 0.4); got (20,)"),
    ],
)
def test_a_grid_that_makes_no_sense(tmp_path: Path, monkeypatch, capsys, axes: str, more: str, words: str):
    monkeypatch.chdir(tmp_path)
    with as_a_user(monkeypatch):
        more = settings(more) if more else []
        assert run("--gin", written(tmp_path, axes), *more) == exits.MISTAKE
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["grid.gin"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--gin is missing: which study?"),
        (("--gin", "configs/quickstart.gin"), "configs/quickstart.gin is no study: it must bind study.grid.axes"),
        (("--gin", "x.gin", "--slots", "0"), "--slots must be an integer >= 1; got 0."),
        (("--gin", "x.gin", "--retries", "-1"), "--retries must be an integer >= 0; got -1."),
    ],
)
def test_wrong_arguments(arguments, words: str, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert run(*arguments) == exits.MISTAKE
    assert words in capsys.readouterr().err


def test_only_labels_speak_for_themselves(tmp_path: Path):
    axes = "{'nets.ResidualMLP.norm': (True, None), 'energy': {'l2': {}, '8': {'nets.ResidualMLP.depth': 8}}}"
    cells, _ = study_grid.read([written(tmp_path, axes)], [])
    assert [cell.name for cell in cells] == ["norm_True_l2", "norm_True_energy8", "norm_None_l2", "norm_None_energy8"]
    assert cells[0].values == {"norm": "True", "energy": "l2"}


def stored(file: str, directory: Path, *more: str) -> None:
    """The start of a run of the first cell with the second seed."""
    configuration = study_grid.read([file], more)[0][0].configuration.of_seed(3)
    directory.mkdir(parents=True)
    (directory / "config.gin").write_text(configuration.text())


def test_what_memory_decides_is_decided_once(tmp_path: Path, monkeypatch, capsys):
    file = written(tmp_path)
    auto = settings(*TINY, "nets.ResidualMLP.remat = 'auto'")
    stored(file, tmp_path / "out/depth4/seed3", *TINY, "nets.ResidualMLP.remat = 1")  # what it chose then
    with as_a_user(monkeypatch):
        assert run("--gin", file, *auto, "--out", str(tmp_path / "out"), "--dry_run") == exits.SUCCESS
        said = capsys.readouterr().out
        assert said.count("nets.ResidualMLP.remat = 0, chosen from 0") == 1  # for depth 8, of which nothing is there
        wider = settings("nets.ResidualMLP.width = 32")
        assert run("--gin", file, *auto, *wider, "--out", str(tmp_path / "out"), "--dry_run") == exits.MISTAKE
    assert capsys.readouterr().err.endswith("is 16 there and 32 here; choose another --out.\n")


@pytest.mark.parametrize("set_by_user", [None, "true"])
def test_only_the_study_itself_spares_the_gpu(tmp_path: Path, monkeypatch, capsys, set_by_user: str | None):
    name = "XLA_PYTHON_CLIENT_PREALLOCATE"
    monkeypatch.delenv(name, raising=False)
    if set_by_user:
        monkeypatch.setenv(name, set_by_user)
    before, met, check = dict(os.environ), [], devices.check
    monkeypatch.setattr(devices, "check", lambda kind: (met.append(os.environ.get(name)), check(kind))[1])
    with as_a_user(monkeypatch):
        file = written(tmp_path)
        assert run("--gin", file, *settings(*TINY), "--out", str(tmp_path / "out"), "--dry_run") == exits.SUCCESS
    assert met == [set_by_user or "false"] and dict(os.environ) == before
    assert capsys.readouterr().out.count("waiting") == 4


def test_an_error_names_the_flag_that_was_given(tmp_path: Path, monkeypatch, capsys):
    file = written(tmp_path)
    with as_a_user(monkeypatch):
        assert run("--gin", file, *settings(*TINY), "--out", file) == exits.MISTAKE
        assert capsys.readouterr().err == f"error: --out {file} cannot be written: File exists.\n"
        (tmp_path / "out/depth4").mkdir(parents=True)
        (tmp_path / "out/depth4/seed0").touch()
        assert run("--gin", file, *settings(*TINY), "--out", str(tmp_path / "out")) == exits.MISTAKE
        assert capsys.readouterr().err == f"error: --out {tmp_path}/out/depth4/seed0 is a file.\n"


def test_a_user_error_of_reading_is_one(tmp_path: Path):
    with pytest.raises(UserError, match="there is no file"):
        study_grid.read([str(tmp_path / "none.gin")], [])
