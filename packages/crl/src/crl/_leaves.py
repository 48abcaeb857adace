"""The arrays of a pytree by name, as they are stored: shape, type and digest of each."""

import hashlib
import json
from typing import Any, TypedDict
from urllib.parse import quote

import equinox as eqx
import jax
import jax.random as jr
import numpy as np
from jaxtyping import PyTree

_LONGEST_NAME = 200  # characters of a file's name, which may have 255


class Leaf(TypedDict):
    """An array without its numbers; `sha256` is of its bytes, where they are known."""

    shape: list[int]
    dtype: str


def named_arrays(tree: PyTree) -> dict[str, Any]:
    """Every array (or `jax.ShapeDtypeStruct`) of a pytree by its path, such as `agent.networks.actor.head.weight`."""
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(tree, _is_array))
    return {_name(path): leaf for path, leaf in leaves}


def rebuild(like: PyTree, arrays: dict[str, np.ndarray]) -> PyTree:
    """`like` with the arrays of these names in place of its own, random keys as keys."""

    def read(path, leaf):
        if not _is_array(leaf):
            return leaf
        array = arrays[_name(path)]
        return jr.wrap_key_data(jax.numpy.asarray(array)) if _is_key(leaf) else array

    return jax.tree_util.tree_map_with_path(read, like)


def to_host(leaf: Any) -> np.ndarray:
    """A copy in the host's memory: the next update may overwrite a donated buffer while it is being written."""
    return np.array(jr.key_data(leaf) if _is_key(leaf) else leaf)


def template(leaf: Any) -> np.ndarray:
    """An array of the right shape and type that takes no memory."""
    if _is_key(leaf):
        leaf = jax.eval_shape(jr.key_data, leaf)
    return np.broadcast_to(np.zeros((), leaf.dtype), leaf.shape)


def describe(array: np.ndarray) -> Leaf:
    """Shape and type."""
    return {"shape": list(array.shape), "dtype": str(array.dtype)}


def digest(array: np.ndarray) -> str:
    """The SHA-256 of an array's bytes."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def digest_json(value: Any) -> str:
    """The SHA-256 of what JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def file_name(name: str) -> str:
    """The directory an array is stored in: its name, where a file can have it."""
    quoted = quote(name, safe="[]'")
    return quoted if len(quoted) <= _LONGEST_NAME else hashlib.sha256(name.encode()).hexdigest()


def _name(path: tuple) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")


def _is_array(x: Any) -> bool:
    return eqx.is_array(x) or isinstance(x, jax.ShapeDtypeStruct | np.ndarray)


def _is_key(leaf: Any) -> bool:
    return jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)
