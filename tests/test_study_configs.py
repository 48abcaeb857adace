"""Every study of configs/study makes its cells, and every cell builds the networks that its name says."""

import re
from dataclasses import replace
from itertools import product
from pathlib import Path

import composition
import equinox as eqx
import exits
import jax.random as jr
import pytest
import reading
import study
import study_grid
from configuration import Configuration
from tool_runs import as_a_user, settings

import crl
import nets
from crl.algorithms.contrastive import Networks

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "configs/study"
PARTS = ("laptop", "paper", "open_maze")
ALL = [file for file in sorted(FOLDER.glob("*.gin")) if file.stem not in PARTS]
ELSEWHERE = ("collector_swap", "stitching", "push_easy", "open_maze")  # in test_study_{cells,published}.py
STUDIES = [file for file in ALL if not file.stem.startswith(ELSEWHERE)]


def names(*axes) -> list[str]:
    """The cells of a product of axes, each a tuple of words."""
    return ["_".join(words) for words in product(*axes)]


def each(axis: str, *values: int) -> tuple[str, ...]:
    return tuple(f"{axis}{value}" for value in values)


LAYERS = ("layernorm_swish", "without_layernorm", "relu")
CELLS = {
    "depth_paper": names(each("depth", 4, 8, 16, 32, 64)),
    "depth_laptop": names(each("critic_depth", 4, 8, 16, 32)),
    "big_maze_laptop": names(each("depth", 4, 8, 16, 32)),
    "actor_critic_paper": names(each("critic_depth", 4, 8, 16, 32, 64), each("actor_depth", 4, 8, 16, 32, 64)),
    "actor_critic_laptop": names(each("critic_depth", 4, 16), each("actor_depth", 4, 16)),
    "width_paper": names(each("width", 256, 512, 1024, 2048), ("depth4",)) + names(("width256",), each("depth", 8, 32)),
    "width_laptop": names(each("width", 64, 128, 256, 512), ("depth4",)) + names(("width64",), each("depth", 8, 32)),
    "batch_paper": names(each("batch_size", 128, 256, 512, 1024, 2048), each("depth", 4, 8, 16, 64)),
    "batch_laptop": names(each("batch_size", 64, 256, 1024), each("depth", 4, 16)),
    "limits_paper": [*each("depth", 64, 256, 512), "depth1024_actor_depth512"],
    "limits_laptop": [*each("depth", 32, 64), "depth128_actor_depth64"],
    "residual_paper": [*each("plain_depth", 3, 4, 5, 6, 8, 16, 32), *each("residual_depth", 4, 8, 16, 32)],
    "residual_laptop": names(("residual", "plain"), each("depth", 4, 16, 32)),
    "norm_activation_paper": names(LAYERS, each("depth", 4, 16, 32, 64)),
    "norm_activation_laptop": names(LAYERS, each("depth", 4, 16)),
    "hyperspherical_paper": names(("layernorm", "hyperspherical"), each("depth", 4, 16, 32)),
    "hyperspherical_laptop": names(("layernorm", "hyperspherical"), each("depth", 4, 16)),
}


def test_every_study_is_known_here():
    assert {file.stem for file in STUDIES} == CELLS.keys()


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_every_cell_builds_what_its_name_says(file: Path, monkeypatch):
    cells, seeds = study_grid.read([str(file)], [])
    assert [cell.name for cell in cells] == CELLS[file.stem]
    subject, _, size = file.stem.rpartition("_")
    assert len(seeds) == (5 if subject in ("depth", "big_maze") else {"paper": 3, "laptop": 2}[size])
    with as_a_user(monkeypatch):
        for cell in cells:
            _check(cell, size)


def _check(cell: study_grid.Cell, size: str) -> None:
    trainer = _build(cell)["trainer"]
    networks = _networks(cell, trainer)
    said = {word: int(n) for word, n in re.findall(r"(actor_depth|depth|width|batch_size)(\d+)", cell.name)}
    shared = reading.read([ROOT / "configs/algo/contrastive.gin", FOLDER / f"{size}.gin"])
    assert trainer.batch_size == said.get("batch_size", shared.value("crl.Trainer.batch_size"))
    actors = said.get("actor_depth", 4 if "critic_depth" in cell.name else said["depth"])
    for net in (networks.actor, networks.critic.phi, networks.critic.psi):
        depth = actors if net is networks.actor else said["depth"]
        assert net.blocks.depth * net.blocks.blocks.layers == depth
        assert net.head.weight.shape[0] == said.get("width", shared.value("nets.ResidualMLP.width"))
        _check_block(net, cell.name)


def _check_block(net: nets.ResidualMLP, name: str) -> None:
    block = net.blocks.blocks
    if "hyperspherical" in name:
        assert isinstance(block, nets.HypersphericalBlock)
        assert block.alpha_start == pytest.approx(1 / (net.blocks.depth + 1), abs=1e-4)
        return
    assert type(block) is (nets.PlainBlock if "plain" in name else nets.ResidualBlock)
    for layer in (net.stem, *block.body):
        assert (layer.norm is None) == ("without_layernorm" in name)
        assert (layer.activation(-1.0) == 0) == ("relu" in name)


def _build(cell: study_grid.Cell) -> dict:
    composition.load(cell.configuration)
    return composition.build_arguments(cell.configuration, crl.train, given=("run", "callbacks"))


_BUILT: dict[frozenset[str], Networks] = {}


def _networks(cell: study_grid.Cell, trainer: crl.Trainer) -> Networks:
    """The shapes of a cell's networks, built once for all cells that differ in the batch and the schedule alone."""
    bindings = {str(key): binding.value for key, binding in cell.configuration.bindings.items()}
    said = frozenset(
        f"{name} = {value!r}"
        for name, value in bindings.items()
        if name != "crl.Trainer.batch_size" and not name.startswith("crl.train.")
    )
    if said not in _BUILT:
        _BUILT[said] = eqx.filter_eval_shape(trainer.agent, jr.key(0)).networks
        _refuse_unused(cell.configuration)
    return _BUILT[said]


def _refuse_unused(configuration: Configuration) -> None:
    """Of tasks and networks: the rest is read when an update is traced, which takes long."""
    some = {key: b for key, b in configuration.bindings.items() if key.selector.startswith(("envs.", "nets."))}
    used = composition.operative(configuration, crl.train)
    composition.refuse_unused(replace(configuration, bindings=some), used)


FIGURE_1 = {
    "humanoid": "Humanoid",
    "ant_big_maze": "AntMaze",
    "ant_u4_maze": "AntMaze",
    "ant_u5_maze": "AntMaze",
    "ant_hardest_maze": "AntMaze",
    "arm_push_easy": "ArmPush",
    "arm_push_hard": "ArmPush",
    "arm_binpick_hard": "ArmBinpick",
    "humanoid_u_maze": "HumanoidMaze",
    "humanoid_big_maze": "HumanoidMaze",
}


@pytest.mark.parametrize("task", FIGURE_1)
def test_a_later_file_brings_another_task(task: str, monkeypatch):
    cell = study_grid.read([str(FOLDER / "depth_paper.gin"), str(ROOT / f"configs/env/{task}.gin")], [])[0][0]
    with as_a_user(monkeypatch):
        arguments = _build(cell)
        _networks(cell, arguments["trainer"])
    for env in (arguments["trainer"].env, arguments["evaluate"].env):
        assert type(env).__name__ == FIGURE_1[task]


def test_another_task_as_the_header_says(monkeypatch, capsys, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    header = (FOLDER / "depth_paper.gin").read_text()
    words = re.search(r"--gin configs/study/depth_paper\.gin --gin (\S+) \\\n#\s+--set '(.*)' --out (\S+)\n", header)
    task, setting, out = words.groups()
    more = ["--gin", str(ROOT / task), *settings(setting), "--out", out, "--dry_run"]
    with as_a_user(monkeypatch):
        arguments = ["study.py", "--gin", str(FOLDER / "depth_paper.gin"), *more]
        assert exits.guard(study.main, arguments) == exits.SUCCESS
    said = capsys.readouterr().out.splitlines()
    assert said[0].split() == ["waiting", "depth4/seed0"] and len(said) == 25


@pytest.mark.parametrize("file", ALL, ids=lambda file: file.stem)
def test_header_says_what_to_expect(file: Path):
    header = [line for line in file.read_text().splitlines() if line.startswith("#")]
    for word in ("Reproduces:", "Expected:", "Cost:"):
        assert any(line.startswith(f"# {word}") for line in header), word
    on_a_gpu = " --slots 1" if file.stem.endswith("paper") else ""
    assert f"# Command:    python tools/study.py --gin configs/study/{file.name}{on_a_gpu}" in header
    the_papers_task = file.stem.endswith("paper") or file.stem.startswith("push_easy")
    assert ("MuJoCo" in " ".join(header)) == the_papers_task
