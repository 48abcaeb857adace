"""The device mesh: environments, replay and batch are shared out along one axis, `data`."""

from functools import cache

import jax
from jax.sharding import AxisType, Mesh
from jax.sharding import PartitionSpec as P
from jaxtyping import PyTree


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
