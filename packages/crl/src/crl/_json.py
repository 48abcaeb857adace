"""JSON of files: what is read may be a stranger's, and what is written every reader takes."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any


class FileError(ValueError):
    """A file of a run or a study that cannot be read or written as it is; the message is one sentence."""


def parse_object(text: str, source: str) -> dict[str, Any]:
    """The JSON object in `text`; numbers that are not finite read as None.

    Raises:
        FileError: it is no JSON object; `source` names it in the message.
    """
    try:
        content = json.loads(text, parse_constant=lambda _: None, parse_float=_finite)
    except (ValueError, RecursionError) as e:
        reason = "nested too deep" if isinstance(e, RecursionError) else " ".join(str(e).split())[:200]
        raise FileError(f"{source} is no JSON: {reason}.") from e
    if not isinstance(content, dict):
        raise FileError(f"{source} holds no JSON object of names and values.")
    return content


def to_json(content: Any, indent: int | None = None) -> str:
    """JSON that every reader takes: numbers of NumPy and JAX as plain ones, and null for what is not finite."""
    return json.dumps(_plain(content), indent=indent, allow_nan=False)


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, str | bool | int | None):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "tolist"):  # an array or scalar of NumPy or JAX
        return _plain(value.tolist())
    if isinstance(value, Iterable):
        return [_plain(item) for item in value]
    return str(value)
