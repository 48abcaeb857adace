"""The one check of content that comes from a file, which may be a stranger's: types, sizes and bounds."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

# NaN and infinity are null in our files. The bounds keep sums, squares and pictures of a number finite.
Number = Annotated[float, Meta(ge=-1e100, le=1e100)]
Positive = Annotated[float, Meta(gt=0, le=1e100)]
Count = Annotated[int, Meta(ge=0, le=10**15)]
Text = Annotated[str, Meta(max_length=10_000)]
Word = Annotated[str, Meta(min_length=1, max_length=200)]

T = TypeVar("T")


def checked(content: Any, kind: type[T], source: str) -> T:
    """`content` as `kind`; names that `kind` does not have are left out.

    Args:
        content: of a JSON file.
        kind: a type with bounds, as the types of this package that end in `JSON`.
        source: of the content, for the message: the path of the file.

    Raises:
        ValueError: it is something else; one sentence that names `source`, the place in it and what is accepted.
    """
    try:
        return msgspec.convert(content, kind)
    except (msgspec.ValidationError, RecursionError) as e:
        what, _, place = str(e).partition(" - at ")
        where = f" at {place.strip('`').removeprefix('$.')}" if place else ""
        raise ValueError(f"{source} is damaged: {what[:1].lower()}{what[1:]}{where}.") from e


def damaged(source: str, what: str) -> ValueError:
    """The error for content whose parts do not agree."""
    return ValueError(f"{source} is damaged: {what}.")


def bounded(value: Any, text: int = 2_000, items: int = 200, depth: int = 5) -> Any:
    """A JSON value of any shape, cut to what a page shows: long texts, many items and deep nesting end in an ellipsis.

    Args:
        value: of JSON.
        text: letters that are kept of each text.
        items: of every list and mapping.
        depth: levels of nesting.
    """
    if isinstance(value, str):
        return value if len(value) <= text else value[:text] + "…"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**18:
        return "…"  # to print a number of a million digits takes minutes
    if not isinstance(value, Mapping | list):
        return value
    if depth == 0:
        return "…"
    if isinstance(value, list):
        kept = [bounded(one, text, items, depth - 1) for one in value[:items]]
        return kept if len(value) <= items else [*kept, "…"]
    kept = {bounded(str(key), text): bounded(one, text, items, depth - 1) for key, one in list(value.items())[:items]}
    return kept if len(value) <= items else {**kept, "…": "…"}
