"""What `nets` refuses: each mistake is one sentence with the argument, its value and what is accepted.

Users do not run with type checks, and a config file passes any type: here the checks are off.
"""

from functools import partial

import jax
import jax.numpy as jnp
import jax.random as jr
import jaxtyping
import numpy as np
import pytest

import nets

NO_INTEGERS = [2.5, 8.0, "8", True, None, [4]]
KEY = jr.key(0)


@pytest.fixture(autouse=True)
def no_type_checks():
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def refusal(make, *args, **kwargs) -> str:
    with pytest.raises(ValueError) as refused:
        make(*args, **kwargs, key=KEY)
    return str(refused.value)


@pytest.mark.parametrize("value", [0, -4, *NO_INTEGERS])
def test_sizes(value):
    def said(name, owner):
        return f"`{name}` of {owner} must be an integer >= 1; got {value!r}."

    for name in ["in_size", "out_size"]:
        sizes = {"in_size": 2, "out_size": 2, name: value}
        assert refusal(nets.Dense, **sizes) == said(name, "Dense")
        assert refusal(nets.ResidualMLP, **sizes) == said(name, "ResidualMLP")
        assert refusal(partial(nets.Ensemble, make=nets.Dense), **sizes) == said(name, "Ensemble")
    assert refusal(nets.Ensemble, 2, 2, nets.Dense, value) == said("size", "Ensemble")
    assert refusal(nets.ResidualMLP, 2, 2, width=value) == said("width", "ResidualMLP")
    for block in [nets.ResidualBlock, nets.PlainBlock]:
        assert refusal(block, value) == said("width", block.__name__)
        assert refusal(block, 2, layers=value) == said("layers", block.__name__)
    assert refusal(nets.HypersphericalBlock, value) == said("width", "HypersphericalBlock")


@pytest.mark.parametrize("value", [-4, 4097, 5000, *NO_INTEGERS])
def test_depth_out_of_range(value):
    said = f"must be an integer from 0 to 4096; got {value!r}."
    assert refusal(nets.ResidualMLP, 2, 2, depth=value) == f"`depth` of ResidualMLP {said}"
    assert refusal(nets.Stacked, partial(nets.ResidualBlock, 2), value) == f"`depth` of Stacked {said}"


@pytest.mark.parametrize("depth, layers", [(10, 4), (3, 4), (4095, 4), (8, 3)])
def test_depth_that_is_no_whole_number_of_blocks(depth, layers):
    block = partial(nets.ResidualBlock, layers=layers)
    message = refusal(nets.ResidualMLP, 2, 2, 8, depth, block)
    assert message == f"`depth` of ResidualMLP must be a multiple of its block's {layers} layers; got {depth}."


@pytest.mark.parametrize("remat", [4, 5, 12, 24])
def test_remat_that_does_not_divide(remat):
    said = f"`remat` of a stack of 6 blocks must be 0 or one of [1, 2, 3, 6]; got {remat}."
    assert refusal(nets.ResidualMLP, 2, 2, 8, 24, remat=remat) == said
    assert refusal(nets.Stacked, partial(nets.ResidualBlock, 2), 6, remat) == said


@pytest.mark.parametrize("value", [-1, *NO_INTEGERS])
def test_remat_that_is_no_natural_number(value):
    message = refusal(nets.ResidualMLP, 2, 2, 8, 8, remat=value)
    assert message == f"`remat` of Stacked must be an integer >= 0; got {value!r}."


@pytest.mark.parametrize("block", ["ResidualBlock", nets.ResidualBlock(8, key=KEY), nets.Dense, None, 4])
def test_block_that_builds_no_block(block):
    if block is nets.Dense:  # Takes (width, key=...) once its other size is bound, but is not a block.
        block = partial(nets.Dense, 8)
    message = refusal(nets.ResidualMLP, 2, 2, 8, block=block)
    assert message.startswith("`block` of ResidualMLP must make a block of (width, key=key), as ResidualBlock; got")


@pytest.mark.parametrize("make", ["ResidualMLP", None, 3, lambda in_size, out_size, key: key])
def test_what_makes_no_network(make):
    accepted = "`make` of Ensemble must make a network of (in_size, out_size, key=key), as ResidualMLP"
    assert refusal(nets.Ensemble, 2, 2, make) == f"{accepted}; got {make!r}."


@pytest.mark.parametrize("make", [partial(nets.Layer, 2, 2), partial(nets.ResidualMLP, 2, 2, 8)])
def test_activation_that_is_no_function(make):
    message = refusal(make, activation="swish")
    assert message == "`activation` of Layer must be a function, as nets.swish; got 'swish'."


@pytest.mark.parametrize(
    "make", [partial(nets.Layer, 2, 2), partial(nets.ResidualMLP, 2, 2), partial(nets.PlainBlock, 8)]
)
@pytest.mark.parametrize("value", [0, 1, "False", None])
def test_norm_that_is_no_truth_value(make, value):
    assert refusal(make, norm=value) == f"`norm` of Layer must be True or False; got {value!r}."


@pytest.mark.parametrize(
    "name, value, accepted",
    [
        ("layers", 1, "an integer >= 2"),
        ("layers", 4.0, "an integer >= 2"),
        ("activation", "relu", "a function, as nets.swish"),
        *[
            ("alpha", value, "a number above 0 and at most 1")
            for value in (0, -0.1, 1.5, float("nan"), True, "0.2", None)
        ],
    ],
)
def test_arguments_of_a_hyperspherical_block(name, value, accepted):
    said = f"`{name}` of HypersphericalBlock must be {accepted}; got {value!r}."
    assert refusal(nets.HypersphericalBlock, 8, **{name: value}) == said


@pytest.mark.parametrize("shape", [(), (3,), (5, 2)])
def test_anything_but_one_example(shape):
    with pytest.raises(ValueError) as refused:
        nets.ResidualMLP(2, 4, 8, key=KEY)(jnp.zeros(shape))
    assert str(refused.value) == f"Dense takes one example of shape (2,) (or jax.vmap); got {shape}."


def test_numpys_numbers_are_stored_as_pythons():
    eight, four, one, zero = np.int64(8), np.int32(4), np.uint8(1), np.int8(0)
    network = nets.ResidualMLP(eight, eight, eight, four, partial(nets.PlainBlock, layers=one), remat=zero, key=KEY)
    assert jax.tree.structure(network) == jax.tree.structure(
        nets.ResidualMLP(8, 8, 8, 4, partial(nets.PlainBlock, layers=1), remat=0, key=KEY)
    )
    assert type(network.blocks.depth) is type(network.blocks.remat) is int
    block = nets.HypersphericalBlock(eight, four, alpha=np.float32(0.5), key=KEY)
    assert type(block.layers) is int and type(block.alpha_start) is float and block.alpha_start == 0.5


@pytest.mark.parametrize("value", [np.True_, np.float64(4.0), np.array([4]), np.array(4.0)])
def test_numpys_other_values_are_no_sizes(value):
    message = refusal(nets.Dense, 2, value)
    assert message == f"`out_size` of Dense must be an integer >= 1; got {value!r}."


def test_a_long_value_is_cut_in_its_message():
    said = "`out_size` of Dense must be an integer >= 1; got"
    assert refusal(nets.Dense, 2, "9" * 1_000_000) == f"{said} '{299 * '9'}... (1,000,002 characters)."
    assert refusal(nets.Dense, 2, -(10**5000)) == f"{said} a number of very many digits (int)."
