"""What depth costs: matrix work per second of a network and of an update, beside the matrix products alone."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from absl import flags
from bench_sizes import depths, sizes
from bench_turns import in_turns, ratio, shown

import crl
import envs
import nets
from crl.algorithms.contrastive import ContrastiveRL
from crl.data.online import Online
from crl.goals.geometric import Geometric

HEADER = f"{'depth':>5} {'batch':>5} {'width':>5}   GFLOP/s: BLAS    XLA  chain blocks   pair update   "
TURNS, STEPS = 15, 10  # a turn has at least so many steps, of which the first waits for memory
DEEP_TURNS, DEEP_STEPS = 5, 3  # where a step takes seconds
SECONDS = 0.5  # a turn lasts at least about this long
_PRODUCTS = 24  # of each of the three kinds in a turn of BLAS and of XLA


def measurements(values: flags.FlagValues) -> Iterator[tuple[tuple[str, ...], dict[str, float]]]:
    """Every depth, batch and width asked for; `UserError` for what is no size."""
    asked = depths(values, (4, 64))
    batches, widths = sizes(values, "batches", [512]), sizes(values, "widths", [256])
    return (
        ((f"depth {depth}, batch {batch}, width {width}", "learner"), measure(depth, batch, width))
        for depth in asked
        for batch in batches
        for width in widths
    )


def measure(depth: int, batch: int, width: int) -> dict[str, float]:
    """GFLOP/s of six things that do the same kind of work, in turns.

    - `blas`: NumPy's sgemm of a layer's three products, X W, Y W^T and X^T Y.
    - `xla`: the same in one program, each from its own operands.
    - `chain`: forward and backward pass of `depth` products in sequence under `scan`: the floor of a network.
    - `blocks`: forward and backward pass of the residual blocks. `ratio` is its share of the chain.
    - `pair`: the same of two networks side by side in one stack of batched products, as phi and psi could be.
    - `update`: a whole update of contrastive RL on the humanoid's sizes, with actor and encoders of this depth.
    """
    x, y = (jr.normal(jr.key(seed), (batch, width)) for seed in (0, 1))
    blocks, static = eqx.partition(
        nets.Stacked(partial(nets.ResidualBlock, width), depth // 4, key=jr.key(2)), eqx.is_array
    )
    products = jnp.repeat(blocks.blocks.body[0].dense.weight, 4, axis=0)
    update, agent = update_of(depth, batch, width)
    pair, inputs, slopes = (jax.tree.map(lambda a: jnp.stack([a, a]), tree) for tree in (blocks, x, y))
    one = 2 * batch * width**2

    def apply(params: Any, x: jax.Array) -> jax.Array:
        return jax.vmap(eqx.combine(params, static))(x)

    turns, steps = (TURNS, STEPS) if depth <= 64 else (DEEP_TURNS, DEEP_STEPS)
    numbers = np.array(x), np.array(y), np.array(products[0])
    mine, *others = in_turns(
        [
            rate(3 * one * depth, gradient(apply, y), (blocks, x), steps),
            _calls(3 * one * _PRODUCTS, lambda times: [_blas(*numbers) for _ in range(times)], steps),
            rate(3 * one, _xla, (x, y, products[0]), steps),
            rate(3 * one * depth, gradient(chain, y), (products, x), steps),
            rate(6 * one * depth, gradient(jax.vmap(apply), slopes), (pair, inputs), steps),
            rate(flops_of(update, agent), update, agent, steps),
        ],
        turns,
    )
    names = ("blas", "xla", "chain", "pair", "update")
    found = {"depth": depth, "batch": batch, "width": width, "blocks": float(np.median(mine))} | {
        name: float(np.median(rate)) for name, rate in zip(names, others, strict=True)
    }
    return found | ratio(mine, others[names.index("chain")])


def rate(flops: float, step: Callable[[Any], Any], carry: Any, steps: int | None = None) -> Callable[[], float]:
    """GFLOP/s of `carry = step(carry)`, again and again in one program, as training does.

    In a call of its own each step would also wait for its temporary memory: 15 % on a CPU.
    """

    @partial(jax.jit, donate_argnums=0)
    def go(carry: Any, times: jax.Array) -> Any:
        return jax.lax.fori_loop(0, times, lambda _, carry: step(carry), carry)

    held = [jax.tree.map(jnp.copy, carry)]

    def calls(times: int) -> None:
        held[0] = jax.block_until_ready(go(held[0], jnp.int32(times)))

    return _calls(flops, calls, steps or STEPS)


def _calls(flops: float, calls: Callable[[int], Any], steps: int) -> Callable[[], float]:
    """GFLOP/s of a number of calls that take about `SECONDS` together."""
    calls(1)
    began = time.perf_counter()
    calls(1)
    times = max(steps, round(SECONDS / (time.perf_counter() - began)))

    def rate() -> float:
        began = time.perf_counter()
        calls(times)
        return times * flops / (time.perf_counter() - began) / 1e9

    return rate


def gradient(apply: Callable[[Any, jax.Array], jax.Array], y: jax.Array) -> Callable[[Any], Any]:
    """A step of gradient descent by (parameters, input), for the output's cotangent `y`."""

    def step(both: Any) -> Any:
        slopes = jax.grad(lambda both: jnp.sum(apply(*both) * y))(both)
        return jax.tree.map(lambda value, slope: value - 1e-9 * slope, both, slopes)

    return step


def chain(weights: jax.Array, x: jax.Array) -> jax.Array:
    """x times one weight after the other."""
    return jax.lax.scan(lambda x, w: (x @ w, None), x, weights)[0]


def _blas(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> None:
    for _ in range(_PRODUCTS):
        _ = x @ w, y @ w.T, x.T @ y


def _xla(operands: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
    x, y, w = operands
    return x @ w, y @ w.T, x.T @ y / len(x)  # each feeds the next step, so that none is left out


def update_of(depth: int, batch: int, width: int, remat: int = 0) -> tuple[Callable[[Any], Any], Any]:
    """An update of contrastive RL with the humanoid's sizes, and what it updates: the arrays of an agent."""
    network = partial(nets.ResidualMLP, width=width, depth=depth, remat=remat)
    algorithm = ContrastiveRL(actor=network, critic=network)
    env = envs.Humanoid(engine="native")
    blank = crl.Trainer(env, algorithm, Online(), Geometric(), batch_size=batch).blank_batch()
    read = (blank.obs, blank.action, blank.goal)
    normal = [jr.normal(key, x.shape) for key, x in zip(jr.split(jr.key(4), 3), read, strict=True)]
    drawn = eqx.tree_at(lambda batch: (batch.obs, batch.action, batch.goal), blank, normal)
    agent, static = eqx.partition(algorithm.init(env, jr.key(3)), eqx.is_array)

    def update(agent: Any) -> Any:
        return eqx.filter(algorithm.update(eqx.combine(agent, static), drawn, jr.key(5))[0], eqx.is_array)

    return update, agent


def flops_of(step: Callable[[Any], Any], carry: Any) -> int:
    """The operations of a step's matrix products."""
    return crl.matmul_flops(jax.make_jaxpr(step)(carry).jaxpr)


def line(path: tuple[str, ...], found: dict[str, float]) -> str:
    """One line of the table."""
    del path
    rates = " ".join(f"{found[name]:>6.1f}" for name in ("blas", "xla", "chain", "blocks", "pair", "update"))
    where = f"{found['depth']:>5} {found['batch']:>5} {found['width']:>5}"
    return f"{where}           {rates}   {shown(found, 'of the chain (blocks)')}"
