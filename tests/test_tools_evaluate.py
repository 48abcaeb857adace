"""tools/evaluate.py: the numbers of training again, and one sentence for whatever is wrong with a run."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import evaluate
import exits
import pytest
import study_results
import study_tested
from study_grid import Cell, Run
from tool_runs import as_a_user, content, finished_run, start


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch):
    with as_a_user(monkeypatch):
        yield


@pytest.fixture
def run(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a finished run."""
    directory = tmp_path / "run"
    shutil.copytree(finished_run(tmp_path_factory.getbasetemp()), directory)
    return directory


def mistake(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one sentence the tool answers with; it ends with status 2."""
    assert exits.guard(evaluate.main, ["evaluate.py", *map(str, arguments)]) == exits.MISTAKE
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("error: ") and "Traceback" not in err
    return err


def stored_arrays(run: Path, step: str) -> list[Path]:
    """The files that hold the numbers of a snapshot."""
    return [path for path in (run / "checkpoints" / "agents" / step / "arrays").rglob("[0-9]*") if path.is_file()]


def test_gives_the_numbers_of_training_and_a_film(run, tmp_path):
    out = tmp_path / "out"
    before = content(run)
    process = start(
        "evaluate.py",
        *("--run_dir", str(run), "--step", "240", "--film", "--out", str(out)),
    )
    shown, err = process.communicate()
    assert process.returncode == 0, shown + err
    assert content(run) == before
    assert {"evaluation.json", "film.mp4", "report.html"} <= {path.name for path in out.iterdir()}
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    (line,) = (line for line in lines if line["env_steps"] == 240)
    result = json.loads((out / "evaluation.json").read_text())
    named = {name: value for name, value in line.items() if name.startswith("eval/")}
    assert len(named) == 6 and {name: result[name]["mean"] for name in named} == named
    assert all(name in shown for name in named) and "after 240 env steps, 4 episodes" in shown
    assert all(value.keys() >= {"mean", "ci_low", "ci_high", "n"} for name, value in result.items() if "/" in name)
    assert "mean of the whole curve" in shown
    assert result["run"]["step"] == 240 and "--step 240" in result["run"]["command"]


def test_what_is_not_as_usual_has_a_file_of_its_own(run, capsys):
    (run / "evaluation.json").write_text('{"eval/time_at_goal_fraction": {"mean": 0.125}}', encoding="utf-8")
    before = content(run)
    for arguments, name, line in (
        (("--policy", "uniform"), "evaluation_uniform.json", "uniform actions, 4 episodes"),
        (("--policy", "stochastic", "--episodes", "8"), "evaluation_stochastic_8episodes.json", "after 480 env steps"),
        (("--step", "240", "--episodes", "4"), "evaluation_step240.json", "after 240 env steps, 4 episodes"),
    ):
        assert evaluate.main(["evaluate.py", "--run_dir", str(run), *arguments]) == 0
        assert content(run).keys() - before.keys() == {name}
        assert line in capsys.readouterr().out
        (run / name).unlink()
    assert content(run) == before  # the run's own numbers, and the page that shows them
    assert "--policy uniform" in mistake(capsys, "--run_dir", run, "--policy", "uniform", "--film")


def test_the_run_s_own_numbers_come_with_their_page(run, capsys):
    usual = (run / "evaluation.json").read_bytes()
    (run / "evaluation.json").write_text('{"eval/time_at_goal_fraction": {"mean": 0.125}}', encoding="utf-8")
    assert evaluate.main(["evaluate.py", "--run_dir", str(run), "--step", "480", "--out", f"{run}/."]) == 0
    mean = json.loads((run / "evaluation.json").read_bytes())["eval/time_at_goal_fraction"]["mean"]
    assert mean == json.loads(usual)["eval/time_at_goal_fraction"]["mean"]
    assert f"{100 * mean:.0f}<i>%</i>" in (run / "report.html").read_text(encoding="utf-8")
    assert capsys.readouterr().out.endswith(f"{run / 'evaluation.json'}\n{run / 'report.html'}\n")


def test_results_do_not_go_into_another_run(run, tmp_path, capsys):
    other = tmp_path / "other"
    shutil.copytree(run, other)
    before = content(tmp_path)
    assert mistake(capsys, "--run_dir", run, "--out", other) == (
        f"error: --out {other} is the directory of another run; results of this one would replace its own.\n"
    )
    assert content(tmp_path) == before


@pytest.mark.parametrize("name", ["evaluation.json", ".evaluation.json.new", ".report.partial.html", "report.html"])
def test_nothing_is_written_through_a_link_in_the_run(run, tmp_path, name):
    victim = tmp_path / "victim"
    victim.write_text("mine", encoding="utf-8")
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(victim)
    status = exits.guard(evaluate.main, ["evaluate.py", "--run_dir", str(run)])
    assert status == (exits.SUCCESS if name.startswith(".") else exits.MISTAKE)
    assert victim.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("binding", "words"),
    [
        ("envs.PointMaze.episode_length = 2147483647", "an episode of PointMaze has up to 2,147,483,647 steps"),
        ("evaluation.Evaluator.episodes = 2000000000", "it must be an integer from 1 to 1,000,000"),
    ],
)
def test_an_evaluation_without_end_is_refused(run, capsys, binding, words):
    with (run / "config.gin").open("a", encoding="utf-8") as file:
        file.write(f"{binding}\n")
    before = content(run)
    assert words in mistake(capsys, "--run_dir", run)
    assert content(run) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--run_dir is missing"),
        (("--run_dir", "nowhere"), "--run_dir nowhere does not exist"),
        (("--run_dir", "{run}/tb"), "is not empty and holds no config.gin"),
        (
            ("--run_dir", "{run}", "--step", "123"),
            "--step 123 does not exist in {run}; there are 0, 240, 480.",
        ),
        (("--run_dir", "{run}", "--step", "last"), "--step"),
        (("--run_dir", "{run}", "--episodes", "0"), "episodes"),
        (("--study", "{run}", "--film"), "--film does not go with --study"),
        (("--study", "{run}", "--policy", "uniform"), "--study tests the deterministic policy, not --policy uniform"),
    ],
)
def test_wrong_flags(capsys, run, arguments, message):
    before = content(run)
    sentence = mistake(capsys, *(word.format(run=run) for word in arguments))
    assert message.format(run=run) in sentence
    assert content(run) == before


def test_all_of_a_study_is_what_each_run_is(run, tmp_path, capsys):
    whole = SimpleNamespace(value=lambda _: 1)  # any run is long enough
    runs = [Run(Cell(name, {"depth": name[-1]}, whole), 0, tmp_path / name / "seed0") for name in ("depth4", "depth8")]
    for one in runs:
        shutil.copytree(run, one.directory)
    study_results.write(study_results.collect(runs, {}), tmp_path)
    before = content(tmp_path)
    assert evaluate.main(["evaluate.py", "--study", str(tmp_path), "--episodes", "6"]) == exits.SUCCESS
    assert before.items() <= content(tmp_path).items()  # their own numbers are on 4 episodes
    shown, _ = capsys.readouterr()
    assert "6 episodes a run" in shown and (tmp_path / "report.html").is_file()
    alone = ("--run_dir", str(run), "--episodes", "6", "--out", str(tmp_path / "alone"))
    assert evaluate.main(["evaluate.py", *alone]) == exits.SUCCESS
    alone, *others = (
        json.loads(file.read_text())
        for file in (
            tmp_path / "alone" / "evaluation.json",
            *(one.directory / "evaluation_6episodes.json" for one in runs),
        )
    )
    tested = json.loads((tmp_path / "tested.json").read_text())
    first, second = tested["cells"]
    assert "beyond_first" not in first and second["beyond_first"]["mean"] == 0
    assert second["better_than_first"] == {"mean": 0.5, "ci_low": None, "ci_high": None}
    for cell, other in zip(tested["cells"], others, strict=True):
        assert cell["episodes"] == 6 and cell["agents"] == [[0, other["run"]["step"]]]
        assert cell["iqm"]["mean"] == cell[study_tested.METRICS[0]]["mean"]
        goals = [(goal["goal"], goal["n"]) for goal in cell["goals"]]
        assert goals == [(goal["goal"], goal["n"]) for goal in other["goals"]] and sum(n for _, n in goals) == 6
        far = cell["by_path_length"]
        asked = [goal for goal in other["goals"] if goal["n"]]
        assert [point["path_length"] for point in far] == sorted({goal["path_length"] for goal in asked})
        for point in far:
            same = [goal for goal in asked if goal["path_length"] == point["path_length"]]
            times = [goal["eval/time_at_goal_fraction"]["mean"] for goal in same for _ in range(goal["n"])]
            assert point["eval/time_at_goal_fraction"]["mean"] == pytest.approx(sum(times) / len(times))
        for name in study_tested.METRICS:
            assert other[name] == alone[name]
            assert cell["runs"][name] == [cell[name]["mean"]] == [alone[name]["mean"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "holds no study.json; tools/study.py writes it when a first run is finished."),
        ('{"cells": [3]}', "study.json is damaged: "),
        ("{", "study.json is no JSON: "),
    ],
)
def test_what_is_no_study(capsys, tmp_path, content, message):
    if content:
        (tmp_path / "study.json").write_text(content)
    assert message in mistake(capsys, "--study", tmp_path)


def test_a_run_without_an_agent(capsys, run):
    shutil.rmtree(run / "checkpoints" / "agents")
    before = content(run)
    assert "holds no agent yet" in mistake(capsys, "--run_dir", run)
    assert content(run) == before


@pytest.mark.parametrize("damage", ["truncated", "flipped", "deleted", "foreign"])
def test_a_damaged_snapshot_is_never_evaluated(capsys, run, damage):
    for file in stored_arrays(run, "480"):
        data = bytearray(file.read_bytes())
        if damage == "truncated":
            file.write_bytes(data[: len(data) // 2])
        elif damage == "flipped":
            data[len(data) // 2] ^= 1
            file.write_bytes(data)
        elif damage == "deleted":
            file.unlink()
    if damage == "foreign":
        text = (run / "config.gin").read_text().replace("ResidualMLP.width = 16", "ResidualMLP.width = 8")
        (run / "config.gin").write_text(text)
    before = content(run)
    sentence = mistake(capsys, "--run_dir", run)
    assert "480" in sentence and ("is of another run" if damage == "foreign" else "does not verify") in sentence
    assert content(run) == before


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        ("import os\ncrl.Trainer.env = @os.system()\nos.system.command = 'touch {mark}'\n", "imports `os`"),
        (
            "import equinox\ncrl.Trainer.env = @equinox._serialisation.pathlib.os.system()\n"
            "equinox._serialisation.pathlib.os.system.command = 'touch {mark}'\n",
            "imports `equinox`",
        ),
        (
            "import equinox\ncrl.Trainer.env = @equinox.tree_serialise_leaves()\n"
            "equinox.tree_serialise_leaves.path_or_file = '{mark}'\n",
            "imports `equinox`",
        ),
        ("include '{include}'\n", "may not include another file"),
        ("crl.Trainer.env = @crl.Checkpoints()\ncrl.Checkpoints.directory = '{mark}'\n", "`crl.Checkpoints`"),
        ("crl.Trainer.env = @evaluation.report()\nevaluation.report.out = '{mark}'\n", "`evaluation.report`"),
    ],
)
def test_a_stored_configuration_runs_nothing(capsys, run, tmp_path, attack, message):
    include = tmp_path / "include.gin"
    include.write_text(f"import os\nos.system.command = 'touch {tmp_path / 'mark'}'\n")
    with (run / "config.gin").open("a") as file:
        file.write(attack.format(mark=tmp_path / "mark", include=include))
    before = content(tmp_path)
    sentence = mistake(capsys, "--run_dir", run)
    assert message in sentence and "config.gin:" in sentence
    assert content(tmp_path) == before


@pytest.mark.parametrize("seed", ["10000000000000000000000000000000", "-1", "True", "'0'"])
def test_a_seed_that_no_run_has(capsys, run, seed):
    with (run / "config.gin").open("a") as file:
        file.write(f"crl.train.seed = {seed}\n")
    said = f"error: {run / 'config.gin'} binds `crl.train.trainer` or `seed` to something else.\n"
    assert mistake(capsys, "--run_dir", run) == said


def test_trust_config_lifts_the_check(capsys, run):
    with (run / "config.gin").open("a") as file:
        file.write("import json\ncrl.Trainer.actor_goals = @json.loads()\njson.loads.s = 'null'\n")
    assert "imports `json`" in mistake(capsys, "--run_dir", run)
    # Past the check it is built, and the snapshot is what is wrong then.
    for file in stored_arrays(run, "480"):
        file.unlink()
    assert "480" in mistake(capsys, "--run_dir", run, "--trust_config")
