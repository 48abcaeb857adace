"""The device mesh: environments, replay and batch are shared out along one axis, `data`."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import equinox as eqx
import jax
from jax.sharding import AxisType, Mesh
from jax.sharding import PartitionSpec as P
from jaxtyping import PyTree

Tree = TypeVar("Tree")


@cache
def data_mesh(devices: int) -> Mesh:
    """The first `devices` devices along the axis `data`; `ValueError` where there are fewer."""
    if devices > jax.device_count():
        raise ValueError(
            f"`devices` of Trainer is {devices}, but JAX sees {jax.device_count()} {jax.default_backend()} device(s)."
        )
    return jax.make_mesh((devices,), ("data",), axis_types=(AxisType.Auto,), devices=jax.devices()[:devices])


def shard_envs(tree: PyTree, axis: int) -> PyTree:
    """Partition specs that cut axis `axis` of every array over `data`; arrays with fewer axes stay whole."""
    return jax.tree.map(lambda x: P(*[None] * axis, "data") if x.ndim > axis else P(), tree)


def sharded(function: Callable[..., Any], devices: int, in_specs: PyTree, out_specs: PyTree) -> Callable[..., Any]:
    """`jax.shard_map` over the data mesh, of a function whose arguments may hold leaves that are no arrays.

    Args:
        function: is given, on each device, its share of every array; returns arrays.
        devices: of the mesh.
        in_specs, out_specs: as of `jax.shard_map`.
    """

    def call(*arguments: PyTree) -> PyTree:
        arrays, static = eqx.partition(arguments, eqx.is_array)

        def share(*arrays: PyTree) -> PyTree:
            return function(*eqx.combine(arrays, static))

        return jax.shard_map(share, mesh=data_mesh(devices), in_specs=in_specs, out_specs=out_specs, check_vma=False)(
            *arrays
        )

    return call


def on_one_device(tree: Tree) -> Tree:
    """The same on the first device, off a training mesh: what acts in an evaluation."""
    arrays, rest = eqx.partition(tree, eqx.is_array)
    return eqx.combine(jax.device_put(arrays, jax.devices()[0]), rest)
