"""tools/launch.py: what a mistake looks like, what a run leaves behind, and how it is gone on with."""

import errno
import json
import os
import re
import shutil
import signal
from pathlib import Path

import exits
import launch
import pytest
import run_directory
from processes import until
from tool_runs import QUICKSTART, ROOT, TINY, as_a_user, content, finished_run, settings, start


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Every test works in an empty folder."""
    monkeypatch.chdir(tmp_path)
    with as_a_user(monkeypatch):
        yield


@pytest.fixture
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a run that is over."""
    return finished_run(tmp_path_factory.getbasetemp())


def mistake(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one sentence the tool answers with; it ends with status 2."""
    assert exits.guard(launch.main, ["launch.py", *arguments]) == exits.MISTAKE
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("error: ") and "Traceback" not in err
    return err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--gin is missing"),
        (("--gni", "x.gin"), "Unknown command line flag 'gni'"),
        (("x.gin",), "'x.gin' is not a flag"),
        (("--gin", "x.gin"), "there is no file x.gin"),
        (("--gin", str(ROOT / "configs/env/point_maze.gin")), "`crl.train.trainer` is not bound"),
        ((*QUICKSTART, "--device", "quantum"), "--device"),
        ((*QUICKSTART, "--run_dir", __file__), "is a file"),
        ((*QUICKSTART, "--run_dir", str(ROOT / "configs")), "is not empty and holds no config.gin"),
    ],
)
def test_wrong_flags(capsys, arguments, message):
    assert message in mistake(capsys, *arguments)
    assert content(Path()) == {}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("crl.train.sed = 1", "`crl.train` has no parameter `sed`; did you mean seed?"),
        ("crl.Trainr.unroll = 1", "`crl.Trainr` does not exist; did you mean Trainer?"),
        ("contrastive.ContrastiveRL.energy = @crl.l3", "`crl.l3` does not exist"),
        (
            "critc/nets.ResidualMLP.depth = 8",
            "the scope `critc` of `critc/nets.ResidualMLP.depth` is unknown",
        ),
        ("crl.train.seed = %SEED", "the macro `%SEED` is not defined"),
        (
            "envs.AntMaze.maze = 'u_maze'",
            "`envs.AntMaze.maze` is bound, but nothing in this configuration uses it",
        ),
        ("alpha/nets.ResidualMLP.depth = 8", "`alpha/nets.ResidualMLP.depth` is bound, but nothing"),
        ("nets.residual.ResidualBlock.layers = 4", "are the same thing"),
        ("crl.train.run = 1", "`crl.train.run` cannot be bound"),
        ("crl.Trainer.env = @train/nets.Dense", "`env` of Trainer must be an environment"),
        ("evaluation.Evaluator.env = 'u_maze'", "`env` of Evaluator must be an environment"),
        ("crl.train.trackers = 3", "`trackers` of train must be a tuple of trackers"),
        ("crl.train.trackers = ('x',)", "`trackers` of train must be a tuple of trackers"),
        ("infonce.infonce.logsumexp_penalty = 'x'", "`logsumexp_penalty` of infonce must be a number"),
        ("envs.PointMaze.episode_length = 10_000_000_000", "`episode_length` must be a positive integer below 2^31"),
        ("online.Online.num_envs = 64.0", "`num_envs` of Online must be an integer >= 1; got 64.0"),
        ("online.Online.num_envs = '64'", "`num_envs` of Online must be an integer >= 1; got '64'"),
        ("crl.train.env_steps = 1e5", "`env_steps` of train must be an integer"),
        ("crl.train.seed = -1", "`seed` of train must be an integer from 0"),
        (
            "nets.ResidualMLP.depth = 10",
            "`depth` of ResidualMLP must be a multiple of its block's 4 layers; got 10",
        ),
        ("nets.ResidualMLP.depth = -4", "`depth` of ResidualMLP must be an integer from 0 to 4096; got -4"),
        ("actor/nets.ResidualMLP.width = 'wide'", "`width` of ResidualMLP must be an integer"),
        ("envs.PointMaze.maze = '111/101/1G1/111'", "has no start"),
        ("envs.PointMaze.maze = '111/1R1/101/111'", "has no goal"),
        ("envs.PointMaze.maze = '1111/1RG1/111'", "is ragged"),
        ("envs.PointMaze.maze = '1111/1RG0/1111'", "is not closed"),
        ("envs.PointMaze.goals = 'X'", "no cell of goal letter 'X'"),
        ("envs.PointMaze.maze = 'v_maze'", "neither text with rows nor one of the layouts"),
        ("envs.PointMaze.engine = 'bullet'", "bullet"),
        ("crl.Trainer.batch_size = 1_000_000", "`batch_size` of Trainer must not exceed the replay's"),
        ("contrastive.ContrastiveRL.random_goals = 2", "`random_goals` of ContrastiveRL must be a number from 0 to 1"),
        ("optax.cosine_decay_schedule.init_value = 'x'", "`actor_optimizer` of ContrastiveRL cannot update a number"),
        ("geometric.Geometric.discount = 1.5", "`discount` of Geometric must be"),
        ("contrastive.ContrastiveRL.actor = @actor/nets.Dense()", "Dense needs `in_size` and `out_size`"),
        ("crl.Trainer.devices = 3", "must be a multiple of `devices` 3"),
        ("online.Online.capacity_per_env = 100_000_000", "This run needs about"),
    ],
)
def test_wrong_configurations(capsys, setting, message):
    sentence = mistake(capsys, *QUICKSTART, "--set", setting)
    assert message in sentence
    assert content(Path()) == {}


def test_a_module_that_does_not_exist(capsys, tmp_path):
    file = tmp_path / "a.gin"
    file.write_text(f"from __gin__ import dynamic_registration\nimport netz\ninclude '{QUICKSTART[1]}'\n")
    assert "a.gin:2: there is no module `netz`; did you mean nets?" in mistake(capsys, "--gin", str(file))


def test_the_sentence_names_the_line_of_the_binding(capsys, tmp_path):
    file = tmp_path / "a.gin"
    file.write_text(f"import crl\ninclude '{QUICKSTART[1]}'\n\ncrl.data.online.Online.unroll = 0\n")
    assert "`unroll` of Online must be an integer >= 1; got 0. (a.gin:4)" in mistake(capsys, "--gin", str(file))


def test_dry_run_says_what_it_takes_and_writes_nothing(capsys):
    assert exits.guard(launch.main, ["launch.py", *QUICKSTART, "--dry_run"]) == exits.SUCCESS
    out = capsys.readouterr().out
    for word in (
        "parameters, all",
        "matrix work of one update",
        "memory: replay",
        "env steps per update",
        "disk: in all",
    ):
        assert word in out
    assert content(Path()) == {}


@pytest.mark.parametrize(
    "resource, setting",
    [("memory", "Online.capacity_per_env = 16_000_000"), ("disk", "train.eval_every = 1")],
)
def test_too_little_memory_or_disk(capsys, resource, setting):
    arguments = ["launch.py", *QUICKSTART, *settings(setting, "train.env_steps = 2_000_000_000")]
    for flag, shown in (("--dry_run", "disk: in all"), ("--run_dir=run", "")):
        assert exits.guard(launch.main, [*arguments, flag]) == exits.MISTAKE
        out, err = capsys.readouterr()
        assert shown in out and err.count("\n") == 1
        assert re.match(rf"error: This run needs about [\d,.]+ GB of {resource} and [\d,.]+ GB are free", err)
    assert content(Path()) == {}


def test_a_gpu_that_is_not_there(capsys):
    run = start("launch.py", *QUICKSTART, "--dry_run", JAX_PLATFORMS="cuda")
    out, err = run.communicate()
    assert (run.returncode, out, err.count("\n")) == (exits.MISTAKE, "", 1), err
    assert err.startswith("error: JAX cannot start on cuda") and "--device cpu" in err
    sentence = mistake(capsys, *QUICKSTART, "--device", "gpu")
    assert "A GPU was asked for, but JAX sees only cpu devices" in sentence


@pytest.mark.parametrize("made", [True, False])
def test_what_fails_before_the_first_line_leaves_nothing(capsys, tmp_path, monkeypatch, made):
    """A directory that was there stays, empty."""
    run = tmp_path / "run"
    if not made:
        run.mkdir()

    def fail(*arguments):
        raise ValueError("It cannot be.")

    monkeypatch.setattr("crl._train.restore", fail)
    assert exits.guard(launch.main, ["launch.py", *QUICKSTART, *settings(*TINY), "--run_dir", str(run)]) == 2
    assert capsys.readouterr().err == "error: It cannot be.\n"
    assert not run.exists() if made else content(run) == {} and run.is_dir()


@pytest.mark.parametrize("name", [".git", ".ssh", "notes.txt"])
def test_a_directory_with_other_things_is_refused_and_kept(capsys, tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "mine").write_text("mine")
    before = content(tmp_path)
    wrong = settings(*TINY, "Trainer.devices = 16", "Online.num_envs = 16")
    sentence = mistake(capsys, *QUICKSTART, *wrong, "--run_dir", str(tmp_path))
    assert "is not empty and holds no config.gin" in sentence
    assert content(tmp_path) == before


def test_a_home_is_found_behind_an_equals_sign(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "taken").write_text("")
    assert f"--run_dir {tmp_path / 'taken'} is a file" in mistake(capsys, *QUICKSTART, "--run_dir=~/taken")


def test_a_path_that_may_not_be_read_is_one_sentence(capsys, monkeypatch):
    def closed(*arguments):
        raise PermissionError(13, "Permission denied", "/closed/run")

    monkeypatch.setattr(launch.run_directory, "refuse_other", closed)
    assert mistake(capsys, *QUICKSTART) == "error: /closed/run cannot be used: Permission denied.\n"


def test_a_run_that_cannot_start_leaves_nothing(capsys):
    settings_of_16 = settings(*TINY, "Trainer.devices = 16", "Online.num_envs = 16")
    assert exits.guard(launch.main, ["launch.py", *QUICKSTART, *settings_of_16]) == exits.MISTAKE
    err = capsys.readouterr().err
    assert err.startswith("error: `devices` of Trainer is 16, but JAX sees 8") and err.count("\n") == 1
    assert content(Path()) == {}


def test_a_run_leaves_what_tools_rely_on(finished):
    for name in (
        "config.gin",
        "operative_config.gin",
        "meta.json",
        "metrics.jsonl",
        "curve.png",
        "film.mp4",
        "report.html",
    ):
        assert (finished / name).stat().st_size > 0, name
    assert (finished / "tb").is_dir() and (finished / "checkpoints").is_dir()
    meta = json.loads((finished / "meta.json").read_text())
    keys = "name command seed git_commit versions devices engine started env parameters solver"
    assert list(meta) == keys.split()
    assert meta["env"] == {
        "name": "PointMaze",
        "obs_size": 4,
        "goal_size": 2,
        "action_size": 2,
        "control_step": 0.05,
        "episode_length": 30,
        "threshold": 0.35,
    }
    assert meta["engine"] == "native" and meta["name"] == "quickstart" and meta["versions"]["jax"]
    assert meta["command"].startswith("python ") and "Online.unroll" in meta["command"]
    lines = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    assert [line["env_steps"] for line in lines if "eval/success_any" in line] == [0, 240, 480]
    operative = (finished / "operative_config.gin").read_text()
    assert "crl.data.online.Online.unroll = 20" in operative and "crl.train.checkpoint_minutes = 10.0" in operative
    assert "actor/optax.adam.b1 = 0.9" in operative


def test_a_finished_run_says_so_and_changes_nothing(finished, capsys):
    before = content(finished)
    assert exits.guard(launch.main, ["launch.py", *QUICKSTART, *settings(*TINY), "--run_dir", str(finished)]) == 0
    assert f"This run is finished: {finished / 'report.html'}" in capsys.readouterr().out
    assert content(finished) == before


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("Online.unroll = 10", "crl.data.online.Online.unroll is 20 there and 10 here"),
        ("envs.PointMaze.maze = 'u4_maze'", "envs.PointMaze.maze is 'u_maze' there and 'u4_maze' here"),
        ("train.seed = 1", "crl.train.seed is 0 there and 1 here"),
        ("actor/nets.ResidualMLP.depth = 8", "actor/nets.ResidualMLP.depth is not bound there and 8 here"),
    ],
)
def test_the_directory_of_another_run(finished, capsys, setting, message):
    before = content(finished)
    sentence = mistake(capsys, *QUICKSTART, *settings(*TINY, setting), "--run_dir", str(finished))
    assert message in sentence and "holds another run" in sentence
    assert content(finished) == before


def test_a_run_that_has_lost_its_metadata_says_so(tmp_path, capsys):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "config.gin").touch()
    run_directory.refuse_other_engine(tmp_path, "native")
    said = f"{tmp_path} has lost its meta.json: it is written anew, and the run resumes on the engine 'native'.\n"
    assert capsys.readouterr().out == said
    (tmp_path / "meta.json").write_text("{}")
    run_directory.refuse_other_engine(tmp_path, "native")
    assert capsys.readouterr().out == ""


def test_a_run_does_not_go_on_with_another_engine(finished, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    meta = json.loads((run / "meta.json").read_text())
    (run / "meta.json").write_text(json.dumps(meta | {"engine": "mjx"}))
    before = content(run)
    longer = settings(*TINY, "train.env_steps = 960")
    sentence = mistake(capsys, *QUICKSTART, "--run_dir", str(run), *longer)
    assert "holds a run on the engine 'mjx', and here it would go on with 'native'" in sentence
    (run / "meta.json").write_text("{")
    assert f"{run / 'meta.json'} is no JSON" in mistake(capsys, *QUICKSTART, "--run_dir", str(run), *longer)
    (run / "meta.json").write_text(json.dumps(meta | {"engine": "mjx"}))
    assert content(run) == before


def test_somebody_elses_configuration_is_not_run(finished, capsys, tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    shutil.copy(finished / "meta.json", theirs)
    attack = "import os\ncrl.Trainer.env = @os.system()\nos.system.command = 'touch pwned'\n"
    (theirs / "config.gin").write_text((finished / "config.gin").read_text() + attack)
    before = content(tmp_path)
    for arguments in (("--gin", "theirs/config.gin"), (*QUICKSTART, "--run_dir", "theirs")):
        sentence = mistake(capsys, *arguments)
        assert re.search(r"config.gin:\d+: this stored configuration imports `os`", sentence)
        assert "--trust_config" in sentence
    assert content(tmp_path) == before


def test_a_longer_run_goes_on_and_sigterm_stops_it(finished, tmp_path):
    directory = tmp_path / "tiny"
    shutil.copytree(finished, directory)
    longer = ("train.env_steps = 20_000_000", "train.eval_every = 10_000_000", "Evaluator.episodes = 2")
    run = start(
        "launch.py",
        *QUICKSTART,
        *settings(*TINY, *longer),
        "--run_dir",
        str(directory),
    )
    metrics, before = directory / "metrics.jsonl", (finished / "metrics.jsonl").read_text()
    until(lambda: len(metrics.read_text()) >= len(before) + 200, run)
    run.terminate()
    out, err = run.communicate()
    assert run.returncode == 128 + signal.SIGTERM, out + err
    assert "Stopped by SIGTERM" in err and "Resumed at env step 480 and update 12.\n" in out
    assert metrics.read_text().startswith(before)
    assert "crl.train.env_steps = 20000000" in (directory / "config.gin").read_text()
    assert (directory / "meta.json").read_text() == (finished / "meta.json").read_text()


def test_a_full_disk_is_one_sentence_and_the_run_goes_on_later(finished, tmp_path, capsys, monkeypatch):
    directory = tmp_path / "tiny"
    shutil.copytree(finished, directory)
    states = content(directory / "checkpoints")
    longer = ["launch.py", *QUICKSTART, *settings(*TINY, "train.env_steps = 560"), "--run_dir", str(directory)]

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert exits.guard(launch.main, longer) == exits.MISTAKE
    err = capsys.readouterr().err
    assert err.startswith("error: The disk is full") and err.count("\n") == 1
    assert states.items() <= content(directory / "checkpoints").items()
    assert exits.guard(launch.main, longer) == exits.SUCCESS
    lines = [json.loads(line)["env_steps"] for line in (directory / "metrics.jsonl").read_text().splitlines()]
    assert lines == sorted(set(lines)) and lines[-1] == 560
