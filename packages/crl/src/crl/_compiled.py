"""The two halves of a training step, compiled."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial, wraps

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from ._seeds import Seeds
from ._trainer import Trainer, TrainState

# Of programs that run a single time: half the time to compile.
_ONCE: dict[str, bool | str] = {"xla_backend_optimization_level": "0"}


class CompiledSteps:
    """`collect` and `learn` of all seeds, each compiled once and in the background, from the shapes of a state.

    So the first evaluation and the filling of the replay do not wait for the learner's program, the slowest to compile.
    Both take over the arrays of the state they are given. Their results lie on the devices as `shardings` says: left to
    the compiler, they may not, and then a step would not take its own results.
    """

    def __init__(self, trainer: Trainer, seeds: Seeds, like: TrainState):
        """`like`: a state of `jax.ShapeDtypeStruct`."""
        shapes, self._static = eqx.partition(like, lambda x: isinstance(x, jax.ShapeDtypeStruct))
        where = trainer.shardings(shapes, seeds.lead)
        placed = jax.tree.map(lambda x, to: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=to), shapes, where)

        def learn(state: TrainState, updates: Array) -> TrainState:
            return seeds.over(lambda state: trainer.learn(state, updates, seeds.axis))(state)

        pool = ThreadPoolExecutor(1, "compile")
        self._collect = pool.submit(self._compile, seeds.over(trainer.collect), where, placed)  # it is needed first
        self._learn = pool.submit(self._compile, learn, where, placed, jnp.int32(1))
        pool.shutdown(wait=False)

    def collect(self, state: TrainState) -> TrainState:
        """See `Trainer.collect`."""
        return self._call(self._collect, state)

    def learn(self, state: TrainState, updates: int) -> TrainState:
        """See `Trainer.learn`; all seeds stop behind an update in which one of them is not finite."""
        return self._call(self._learn, state, jnp.int32(updates))

    def _compile(self, step: Callable, where: PyTree, *arguments: PyTree) -> Callable:
        @partial(jax.jit, donate_argnums=0, out_shardings=where)
        @wraps(step)
        def go(arrays: PyTree, *rest: Array) -> PyTree:
            return eqx.filter(step(eqx.combine(arrays, self._static), *rest), eqx.is_array)

        return go.lower(*arguments).compile()

    def _call(self, compiled: Future, state: TrainState, *rest: Array) -> TrainState:
        return eqx.combine(compiled.result()(eqx.filter(state, eqx.is_array), *rest), self._static)


def fresh_state(trainer: Trainer, seeds: Seeds, like: TrainState) -> TrainState:
    """A new state, made where it belongs: the whole replay may be larger than one device."""
    shapes, static = eqx.partition(like, lambda x: isinstance(x, jax.ShapeDtypeStruct))
    keys, where = seeds.keys(), trainer.shardings(shapes, seeds.lead)

    def agent(keys: Array) -> PyTree:
        return eqx.filter(seeds.over(trainer.agent)(keys), eqx.is_array)

    def init(keys: Array, agent: PyTree) -> PyTree:
        made = seeds.over(trainer.init)(keys, eqx.combine(agent, static.agent))
        return eqx.filter(made, eqx.is_array)

    agents = jax.jit(agent, out_shardings=where.agent, compiler_options=_ONCE)(keys)
    fresh = jax.jit(init, out_shardings=where, donate_argnums=1, compiler_options=_ONCE)
    return eqx.combine(fresh(keys, agents), static)
