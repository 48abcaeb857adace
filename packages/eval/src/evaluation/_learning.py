"""Which of a run's metrics show how it learns, whatever the algorithm calls them."""

from collections.abc import Mapping
from typing import NamedTuple

from evaluation._metrics import Series

_GROUP = "train/"
# Not the algorithm's: how many simulations exploded, as the training loop counts them. Nearly always zero.
_UNSTABLE = "train/unstable"
_LONGEST = 40  # characters of a label; a small panel is no wider


class Learning(NamedTuple):
    """What there is to show of an algorithm's metrics.

    Attributes:
        panels: a label and a series each.
        left_out: a sentence that says how many more there are; empty where all are shown.
    """

    panels: list[tuple[str, Series]]
    left_out: str


def learning(series: Mapping[str, Series], most: int) -> Learning:
    """The metrics called `train/...`, at most `most` of them: losses first, then the others, each in the given order.

    A loss has a name that ends in `loss` after a `_` or alone, as `train/critic_loss` and `train/loss`. The count of
    simulations that exploded follows the losses, and only where it was ever above zero: a flat line says nothing,
    but a fault is not to be what is left out.
    """
    names = [name for name in series if name.startswith(_GROUP)]
    names = [name for name in names if name != _UNSTABLE or series[name].values.any()]
    names.sort(key=lambda name: (not _is_loss(name), name != _UNSTABLE))  # stable: the rest keeps its order
    more = len(names) - most
    sentence = f"{more:,} more metric{' is' if more == 1 else 's are'} not shown." if more > 0 else ""
    return Learning([(_label(name), series[name]) for name in names[:most]], sentence)


def _is_loss(name: str) -> bool:
    return f"_{name.removeprefix(_GROUP)}".endswith("_loss")


def _label(name: str) -> str:
    """`train/critic_loss` as "critic loss", in one line and cut where it is long."""
    words = name.removeprefix(_GROUP).replace("_", " ")[: 2 * _LONGEST]
    text = " ".join("".join(c if c.isprintable() else " " for c in words).split()) or _GROUP
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
