"""What is inside the last agent of a run: maps, layers, embedding, replay; in numbers and two pictures."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import exits
import jax
import jax.random as jr
import numpy as np
import pages
import saved_agent
from block_norms import BlockNorms, block_norms
from configuration import Configuration
from exits import UserError

import crl
import envs
import evaluation
from crl.algorithms.contrastive import ContrastiveRL

NUMBERS, MAP, FIGURE = FILES = (pages.INSIDE, pages.MAP, pages.FIGURE)
_BATCH, _EPISODES, _LONGEST = 512, 12, 5_000  # of the critic's batch; episodes that are embedded, and their steps


class Inside(NamedTuple):
    """What was found.

    Attributes:
        step: env steps of the agent.
        places, maps: of a maze, see `evaluation.value_maps`; `None` elsewhere, and `why` says why.
        norms: of every network's blocks.
        ways, goals: phi(s, a) along some episodes, [time, embedding] each, and psi of their goals.
        plane: in which those lie.
        covered: the replay.
    """

    step: int
    places: evaluation.Places | None
    maps: list[evaluation.ValueMap] | None
    why: str
    norms: dict[str, BlockNorms]
    ways: list[np.ndarray]
    goals: np.ndarray
    plane: evaluation.Plane
    covered: evaluation.Coverage | None


def look(configuration: Configuration, directory: Path) -> Inside:
    """Reads the newest state of a run and looks into it.

    Raises:
        UserError: it is no run of contrastive RL with residual networks, or its state is damaged.
    """
    saved = saved_agent.load(configuration, directory, saved_agent.step(directory, None))
    trainer, algorithm = saved.trainer, saved.trainer.algorithm
    if not isinstance(algorithm, ContrastiveRL):
        raise UserError(f"{directory} is a run of {type(algorithm).__name__}; only ContrastiveRL can be looked into.")
    like = eqx.filter_eval_shape(trainer.init, jr.key(0))
    try:
        state = crl.load_state(directory, like)
    except crl.CheckpointError as e:
        raise UserError(str(e)) from e
    state = jax.tree.map(lambda x: jax.numpy.asarray(x) if isinstance(x, np.ndarray) else x, state)
    networks = state.agent.networks
    draw, loss, start, episodes = jr.split(jr.key(saved.seed), 4)
    batch = _batch(trainer, state.data.replay, draw)
    try:
        norms = block_norms(algorithm, networks, batch, loss)
    except ValueError as e:
        raise UserError(str(e)) from e
    env = saved_agent.evaluator(configuration, trainer.env).env
    policy = envs.deterministic(algorithm.policy(networks))
    places, maps, why = None, None, ""
    try:
        places, maps = evaluation.value_maps(env, partial(algorithm.value, networks), start)
    except ValueError as e:
        why = str(e)
    ways, goals = _embedded(env, policy, networks.critic, episodes)
    try:
        plane = evaluation.principal_plane(np.concatenate(ways))
        covered = _coverage(trainer.env, state.data.replay)
    except ValueError as e:
        raise UserError(f"{directory}: {e}") from e
    return Inside(
        int(state.collects) * trainer.steps_per_collect, places, maps, why, norms, ways, goals, plane, covered
    )


def write(found: Inside, out: Path, origin: dict[str, Any]) -> dict[str, Any]:
    """Writes `inside.json`, `inside.png` and of a maze `value_map.png`, that of the goal with the longest way."""
    layers = {
        name: {part: np.asarray(getattr(one, part), float).tolist() for part in ("stream", "branch", "gradient")}
        for name, one in found.norms.items()
    }
    content = {
        "step": found.step,
        "value_maps": found.maps and [_numbers(one) for one in found.maps],
        "mean": found.maps and {name: float(np.mean([getattr(one, name) for one in found.maps])) for name in _RANKS},
        "layers": layers,
        "variance_shares": found.plane.shares.tolist(),
        "replay": found.covered
        and {"side": found.covered.side, "visited": found.covered.visited, "effective": found.covered.effective},
        "origin": origin,
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        folder = crl.Folder(out)
        folder.write_json(NUMBERS, content)
        figure = evaluation.inside_figure(layers, found.plane, found.ways, found.goals, found.covered)
        folder.write(FIGURE, figure)
        if found.maps is not None and found.places is not None:
            farthest = max(found.maps, key=lambda one: one.path[np.isfinite(one.path)].max())
            folder.write(MAP, evaluation.value_map_figure(found.places, farthest))
    except OSError as e:
        if exits.out_of_space(e):
            raise
        raise UserError(f"{out} cannot be written: {e.strerror}.") from e
    return content | {"why": found.why}


def table(found: dict[str, Any]) -> str:
    """The numbers for a person."""
    lines = [f"after {found['step']:,} env steps"]
    if found["mean"]:
        path, straight, both = (found["mean"][name] for name in _RANKS)
        lines += [
            f"rank correlation of the energy, mean of {len(found['value_maps'])} goals",
            f"  with the path length          {path:6.3f}",
            f"  with the straight distance    {straight:6.3f}   (of the two distances {both:.3f})",
        ]
    elif found["why"]:
        lines.append(f"no value map: {found['why']}")
    for name, norms in found["layers"].items():
        stream, branch = norms["stream"], norms["branch"]
        lines.append(
            f"{name:<6} stream {stream[0]:.2f} to {stream[-1]:.2f}, blocks add {branch[0]:.2f} (first) to "
            f"{branch[-1]:.2f} (last), gradients {norms['gradient'][0]:.2g} to {norms['gradient'][-1]:.2g}"
        )
    if replay := found["replay"]:
        lines.append(
            f"replay covers {replay['visited']} squares of {replay['side']:g} m, as spread out as "
            f"{replay['effective']:.0f}"
        )
    return "\n".join(lines)


_RANKS = ("path_correlation", "straight_correlation", "distances_correlation")


def _numbers(one: evaluation.ValueMap) -> dict[str, Any]:
    return {"goal": one.goal.tolist(), **{name: getattr(one, name) for name in _RANKS}}


def _batch(trainer: crl.Trainer, replay: crl.Replay, key: jax.Array) -> crl.Batch:
    spec = dataclasses.replace(trainer.spec, batch_size=_BATCH, devices=1)
    return jax.jit(lambda replay: crl.sampler(trainer.env, replay, spec)(key))(replay)


def _embedded(
    env: envs.AbstractEnv, policy: envs.Policy, critic: Any, key: jax.Array
) -> tuple[list[np.ndarray], np.ndarray]:
    """phi along the first episodes of some environments, each cut where it ended, and psi of their goals."""
    seen = evaluation.walk(env, policy, key, _EPISODES, _LONGEST)
    ways, goals = jax.jit(lambda obs, action, goal: (jax.vmap(critic.embed)(obs, action), jax.vmap(critic.psi)(goal)))(
        seen.obs, seen.action, seen.goal
    )
    return [way[:length] for way, length in zip(np.asarray(ways), seen.length, strict=True)], np.asarray(goals)


def _coverage(env: envs.AbstractEnv, replay: crl.Replay) -> evaluation.Coverage | None:
    if env.goal_size < 2:
        return None
    held = np.asarray(replay.achieved[: int(replay.fill)], np.float64)  # the ring fills from its first row on
    return evaluation.coverage(held.reshape(-1, held.shape[-1]), env.threshold)
