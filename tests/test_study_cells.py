"""The studies of the collector swap and of stitching: their cells, and what each builds."""

from dataclasses import replace
from pathlib import Path

import composition
import equinox as eqx
import jax.random as jr
import pytest
import study_grid
from tool_runs import as_a_user

import crl
import envs
import nets

ROOT = Path(__file__).parent.parent
DEEP = {"paper": 32, "laptop": 16}
STITCHING = {"paper": (4, 16, 64), "laptop": (4, 16)}


@pytest.fixture(autouse=True)
def _user(monkeypatch: pytest.MonkeyPatch):
    with as_a_user(monkeypatch):
        yield


def cells(*files: str) -> list[study_grid.Cell]:
    found, seeds = study_grid.read([str(ROOT / "configs" / file) for file in files], [])
    assert seeds == (0, 1, 2)
    return found


def built(cell: study_grid.Cell) -> dict:
    """The arguments of training, with networks as shapes, after the check that nothing about them is bound in vain."""
    cell.configuration.check()
    composition.load(cell.configuration)
    arguments = composition.build_arguments(cell.configuration, crl.train, given=("run", "callbacks"))
    trainer = arguments["trainer"]
    arguments["networks"] = trainer.algorithm.networks(eqx.filter_eval_shape(trainer.agent, jr.key(0)))
    some = {
        k: b
        for k, b in cell.configuration.bindings.items()
        if k.selector.startswith(("envs.", "nets.", "crl.algorithms."))
    }
    used = composition.operative(cell.configuration, crl.train)
    composition.refuse_unused(replace(cell.configuration, bindings=some), used)
    return arguments


def depths(networks) -> set[int]:
    """Dense layers in the blocks of actor, phi and psi."""
    all_three: tuple[nets.ResidualMLP, ...] = (networks.actor, networks.critic.phi, networks.critic.psi)
    return {net.blocks.depth * net.blocks.blocks.layers for net in all_three}


@pytest.mark.parametrize("size", DEEP)
def test_collector_and_learner_have_depths_of_their_own(size: str):
    deep = DEEP[size]
    found = cells(f"study/collector_swap_{size}.gin")
    assert [tuple(cell.values.values()) for cell in found] == [
        (str(collector), str(learner)) for collector in (4, deep) for learner in (4, deep)
    ]
    for cell in found:
        assert list(cell.values) == ["collector_depth", "learner_depth"]
        networks = built(cell)["networks"]
        for name in ("collector", "learner"):
            assert depths(getattr(networks, name)) == {int(cell.values[f"{name}_depth"])}


@pytest.mark.parametrize(
    ("task", "made"), [("humanoid", "Humanoid"), ("ant_big_maze", "AntMaze"), ("arm_push_easy", "ArmPush")]
)
def test_the_collector_swap_in_the_papers_tasks(task: str, made: str):
    more = [] if task == "humanoid" else [f"env/{task}.gin"]
    arguments = built(cells("study/collector_swap_paper.gin", *more)[0])
    assert type(arguments["trainer"].env).__name__ == type(arguments["evaluate"].env).__name__ == made


@pytest.mark.parametrize("size", STITCHING)
def test_stitching_trains_on_short_ways_and_tests_on_the_farthest_goals(size: str):
    found = cells(f"study/stitching_{size}.gin")
    assert [cell.name for cell in found] == [f"depth{depth}" for depth in STITCHING[size]]
    for cell in found:
        arguments = built(cell)
        assert depths(arguments["networks"]) == {int(cell.values["depth"])}
        train, test = arguments["trainer"].env, arguments["evaluate"].env
        assert isinstance(train, envs.AntCorridor if size == "paper" else envs.PointMaze) and train.cells == (1, 2, 3)
        # The same walls; on the way 1,1 1,2 1,3 2,3 3,3 3,2 3,1 the goals are the last three.
        assert (train.maze.walls == test.maze.walls).all()
        assert (test.maze.starts / test.maze.cell_size).tolist() == [[1, 1]]
        assert (test.maze.goals / test.maze.cell_size).tolist() == [[3, 1], [3, 2], [3, 3]]


@pytest.mark.parametrize("method", ["gcbc", "td3"])
def test_methods_on_an_open_maze_start_and_ask_everywhere(method: str):
    (cell,) = cells(f"study/open_maze_{method}.gin")
    trainer = built(cell)["trainer"]
    assert type(trainer.algorithm).__module__ == f"crl.algorithms.{method}"
    maze = trainer.env.maze
    assert len(maze.starts) == 25 and len(maze.goals) == 24 and len(maze.walls) == 24, "no inner walls"
