"""What another minor version has stored is shown, and neither resumed, evaluated nor built: one sentence says so."""

import importlib.metadata
import json
import shutil
from pathlib import Path

import evaluate
import exits
import inside
import launch
import made_by
import pytest
import reading
import show
import study
import view
from study_runs import written
from tool_runs import QUICKSTART, ROOT, TINY, as_a_user, content, finished_run, settings

HERE = importlib.metadata.version("bathyal-crl")
MINOR = ".".join(HERE.split(".")[:2])
OLDER = "0.2.0"
ATTACK = "import os\ncrl.train.trainer = @os.system()\n"


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch):
    with as_a_user(monkeypatch):
        yield


def versions(run: Path, change) -> None:
    """Changes what `meta.json` says of the versions."""
    meta = json.loads((run / "meta.json").read_text())
    change(meta)
    (run / "meta.json").write_text(json.dumps(meta))


@pytest.fixture
def run(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of this version."""
    directory = tmp_path / "run"
    shutil.copytree(finished_run(tmp_path_factory.getbasetemp()), directory)
    return directory


@pytest.fixture
def older(run: Path) -> Path:
    """The same as an older version has left it: with names that this one has not, and with a stranger's command."""
    versions(run, lambda meta: meta["versions"].update({"bathyal-crl": OLDER}))
    with (run / "config.gin").open("a") as file:
        file.write("crl.ContrastiveRL.entropy_target = 0.5\n" + ATTACK)
    return run


def mistake(tool, capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one sentence that a tool ends with."""
    assert exits.guard(tool.main, [f"{tool.__name__}.py", *map(str, arguments)]) == exits.MISTAKE
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        (launch, (*QUICKSTART, *settings(*TINY))),
        (launch, (*QUICKSTART, *settings(*TINY), "--dry_run")),
        (launch, (*QUICKSTART, *settings(*TINY), "--trust_config")),
        (evaluate, ()),
        (evaluate, ("--film",)),
        (evaluate, ("--trust_config",)),
        (view, ()),
        (inside, ()),
    ],
    ids=lambda value: getattr(value, "__name__", None) or "_".join(value[-2:]),
)
def test_a_run_of_an_older_version_is_refused(older, capsys, tool, arguments):
    before = content(older)
    assert mistake(tool, capsys, *arguments, "--run_dir", older) == (
        f"error: {older} is a run of bathyal-crl {OLDER}, and this version, {HERE}, resumes and evaluates runs of "
        f"{MINOR} alone: install bathyal-crl {OLDER} for it.\n"
    )
    assert content(older) == before


def test_a_run_of_this_version_is_not(run, capsys):
    assert exits.guard(launch.main, ["launch.py", *QUICKSTART, *settings(*TINY), "--run_dir", str(run)]) == 0
    assert capsys.readouterr().out == f"This run is finished: {run / 'report.html'}\n"
    assert exits.guard(evaluate.main, ["evaluate.py", "--run_dir", str(run)]) == 0
    patch = f"{MINOR}.{int(HERE.split('.')[2]) + 7}"
    versions(run, lambda meta: meta["versions"].update({"bathyal-crl": patch}))
    made_by.refuse_other(run)


def test_a_study_of_an_older_version_is_refused(tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "study.json").write_text(json.dumps({"origin": {"versions": {"bathyal-crl": "0.1.0"}}}))
    assert mistake(study, capsys, "--gin", written(tmp_path), "--out", out) == (
        f"error: {out} is a study of bathyal-crl 0.1.0, and this version, {HERE}, resumes and evaluates runs of "
        f"{MINOR} alone: install bathyal-crl 0.1.0 for it.\n"
    )


@pytest.mark.parametrize("tool", [launch, show, view, study])
def test_the_configuration_of_an_older_run_is_not_built(older, capsys, tool):
    assert mistake(tool, capsys, "--gin", older / "config.gin") == (
        f"error: {older / 'config.gin'} is a record of bathyal-crl {OLDER}, and this version, {HERE}, builds "
        f"configurations of {MINOR} alone: install bathyal-crl {OLDER} for it.\n"
    )


@pytest.mark.parametrize("file", sorted((ROOT / "results").rglob("*.gin")), ids=lambda file: file.parent.name)
def test_published_configurations_are_records(file, capsys, monkeypatch):
    """Those of this version can be shown; each of another version names it."""
    monkeypatch.chdir(ROOT)
    made = next(filter(None, map(made_by.version, file.parents)))
    if made.startswith(f"{MINOR}."):
        reading.read([file])
        return
    name = file.relative_to(ROOT)
    assert mistake(show, capsys, "--gin", name) == (
        f"error: {name} is a record of bathyal-crl {made}, and this version, {HERE}, builds configurations of {MINOR} "
        f"alone: install bathyal-crl {made} for it.\n"
    )


@pytest.mark.parametrize(
    "said",
    [
        5,
        None,
        ["0.2.0"],
        "",
        "x",
        "0.2.0\n",
        "0.2 \x1b[2J",
        "0." + "2" * 100_000,
        "\u0660.\u0662.0",
        "0.2.0" + "x" * 80,
    ],
    ids=lambda said: repr(said)[:20],
)
def test_what_is_no_version_says_nothing(run, said):
    versions(run, lambda meta: meta["versions"].update({"bathyal-crl": said}))
    assert made_by.version(run) is None
    made_by.refuse_other(run)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"versions": 3}', "\x00"])
def test_a_damaged_record_is_left_to_who_reads_it(run, text):
    (run / "meta.json").write_text(text)
    assert made_by.version(run) is None


def test_a_run_without_a_version_falls_to_the_check(older, capsys):
    (older / "meta.json").unlink()
    assert "this stored configuration imports `os`, which is no part of a run" in mistake(
        evaluate, capsys, "--run_dir", older
    )
