"""Rows: checkpoints that say what they are not, with records whose digests hold."""

import json
import shutil
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from hostile_rows import AGENTS, STATES, add, tools_of
from hostile_stage import Stage

from crl._leaves import digest, digest_json

AGENT, STATE = "checkpoints/agents/480", "checkpoints/resume/492"
ARRAY = "actor.head.bias"
LEAF = f"{AGENT}/arrays/{ARRAY}"


def record(stage: Stage, step: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Changes a record and makes its digest fit, as anybody can."""
    file = f"{step}/record/metadata"
    content = json.loads((stage.theirs / file).read_text())
    change(content)
    content["sha256"] = digest_json({name: content[name] for name in content if name != "sha256"})
    stage.write(file, json.dumps(content))


def _says(step: str, /, **changes: Any) -> Callable[[Stage], None]:
    return lambda stage: record(stage, step, lambda content: content.update(changes))


def _leaf(step: str, array: str, **changes: Any) -> Callable[[Stage], None]:
    return lambda stage: record(stage, step, lambda content: content["arrays"][array].update(changes))


def _header(**changes: Any) -> Callable[[Stage], None]:
    return lambda stage: stage.json(f"{LEAF}/.zarray", lambda content: content.update(changes))


def _filled(value: float) -> Callable[[Stage], None]:
    def make(stage: Stage) -> None:
        array = np.full_like(np.frombuffer((stage.theirs / LEAF / "0").read_bytes(), np.float32), value)
        stage.write(f"{LEAF}/0", array.tobytes())
        record(stage, AGENT, lambda content: content["arrays"][ARRAY].update(sha256=digest(array)))

    return make


def _bomb(stage: Stage) -> None:
    _header(compressor={"id": "zlib", "level": 9})(stage)
    packer = zlib.compressobj(9)
    stage.write(f"{LEAF}/0", b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(1024)), packer.flush()]))


def _copied(old: str, new: str) -> Callable[[Stage], object]:
    return lambda stage: shutil.copytree(stage.theirs / old, stage.theirs / new)


STEPS = {
    "0100": "a leading zero",
    "-1": "below 0",
    "1e3": "a power",
    "99999999999999999999": "20 digits",
    "\u0664\u0668\u0660": "other digits",
    "+480": "a sign",
    " 481": "a space",
    "481\n": "a new line",
    "\x1b[31m481": "an escape",
    "4_81": "an underscore",
    "9" * 200: "200 digits",
}
for _step, _what in STEPS.items():
    add(AGENTS, f"a step of {_what}", _copied(AGENT, f"checkpoints/agents/{_step}"))
    add(STATES, f"a state of {_what}", _copied(STATE, f"checkpoints/resume/{_step}"))
add(AGENTS, "a step that is a file", lambda stage: stage.write("checkpoints/agents/900", "x"))
add(STATES, "a state that is a file", lambda stage: stage.write("checkpoints/resume/900", "x"))
add(AGENTS, "an empty step", lambda stage: (stage.theirs / "checkpoints/agents/900").mkdir())
add(STATES, "an empty state", lambda stage: (stage.theirs / "checkpoints/resume/900").mkdir())
add(AGENTS, "an older step under a newer name", _copied("checkpoints/agents/240", "checkpoints/agents/900"))
add(STATES, "an older state under a newer name", _copied(STATE, "checkpoints/resume/900"))
add(AGENTS, "record of another step", _says(AGENT, step=240))
add(AGENTS, "record of another run", _says(AGENT, run="0" * 32))
add(STATES, "record of a state of another run", _says(STATE, run="0" * 32))
add(
    tools_of("checkpoints/run.json"),
    "another identity",
    lambda stage: stage.write("checkpoints/run.json", '{"identity": "' + "0" * 32 + '"}'),
)
add(
    tools_of("checkpoints/run.json"),
    "an identity of escapes",
    lambda stage: stage.write("checkpoints/run.json", '{"identity": "\\u001b[2J"}'),
)
add(tools_of("checkpoints/run.json"), "no identity", lambda stage: stage.remove("checkpoints/run.json"))
add(AGENTS, "record without arrays", _says(AGENT, arrays={}))
add(AGENTS, "record with arrays that are a list", _says(AGENT, arrays=[1]))
add(STATES, "record with `about` of text", _says(STATE, about={"clock": "x", "updates": "x"}))
add(STATES, "record with `about` of NaN", _says(STATE, about={"clock": None, "updates": None}))
add(STATES, "record with `about` a list", _says(STATE, about=[]))
add(STATES, "record with `about` of 10**300", _says(STATE, about={"clock": 10**300, "updates": 10**300}))
add(AGENTS, "record with a shape of 10**12", _leaf(AGENT, ARRAY, shape=[10**12]))
add(AGENTS, "record with a shape of text", _leaf(AGENT, ARRAY, shape="\x1b[2J"))
add(AGENTS, "record with another type", _leaf(AGENT, ARRAY, dtype="object"))
add(AGENTS, "record with a type of escapes", _leaf(AGENT, ARRAY, dtype="\x1b[2J" * 1000))
add(
    AGENTS,
    "record with an array too many",
    lambda stage: record(
        stage, AGENT, lambda content: content["arrays"].update({"\x1b[31mx" * 100: content["arrays"][ARRAY]})
    ),
)
add(AGENTS, "chunks of 10**12", _header(chunks=[10**12]))
add(AGENTS, "chunks of 0", _header(chunks=[0]))
add(AGENTS, "chunks of true", _header(chunks=[True]))
add(AGENTS, "chunks of text", _header(chunks="\x1b[2J"))
add(AGENTS, "a shape of 10**12 in the header", _header(shape=[10**12], chunks=[10**12]))
add(AGENTS, "an object type", _header(dtype="|O"))
add(AGENTS, "a structured type", _header(dtype=[["x", "<f4"]]))
add(AGENTS, "a compressor", _header(compressor={"id": "zstd", "level": 1}))
add(AGENTS, "a compressed bomb of 1 GB", _bomb)
add(AGENTS, "filters", _header(filters=[{"id": "delta"}]))
add(AGENTS, "another order", _header(order="F"))
add(AGENTS, "another separator", _header(dimension_separator="/"))
add(AGENTS, "a fill value", _header(fill_value=3.0))
add(AGENTS, "another zarr", _header(zarr_format=3))
add(
    AGENTS,
    "a foreign file",
    lambda stage: stage.write(f"{AGENT}/arrays/manifest.ocdbt", b"\x0c\xdb\x3a\x2a" + bytes(100)),
)
add(AGENTS, "a foreign directory", lambda stage: stage.write(f"{AGENT}/arrays/ocdbt.process_0/d/x", "x"))
add(AGENTS, "a foreign file beside", lambda stage: stage.write(f"{AGENT}/manifest.ocdbt", b"\x0c\xdb\x3a\x2a"))
add(AGENTS, "2,000,000 bytes in a chunk", lambda stage: stage.write(f"{LEAF}/0", bytes(2_000_000)))
add(AGENTS, "a chunk cut", lambda stage: stage.write(f"{LEAF}/0", b"x"))
add(AGENTS, "no chunk", lambda stage: stage.remove(f"{LEAF}/0"))
add(AGENTS, "no array", lambda stage: stage.remove(LEAF))
add(AGENTS, "no record", lambda stage: stage.remove(f"{AGENT}/record"))
add(
    AGENTS,
    "a step of version 0.1",
    lambda stage: (stage.remove(f"{AGENT}/record"), stage.write(f"{AGENT}/leaves", "x")),
)
add(AGENTS, "parameters that are NaN", _filled(float("nan")))
add(AGENTS, "parameters that are infinite", _filled(float("inf")))
add(AGENTS, "parameters of 1e38", _filled(1e38))
for _name, _text in {
    "[1]": "[1]",
    "empty": "",
    "deep": "[" * 100_000,
    "handlers of others": '{"item_handlers": {"arrays": "os.system", "record": "os.system"}}',
    "handlers, a number": '{"item_handlers": 5}',
    "no handlers": "{}",
}.items():
    add(
        AGENTS,
        f"_CHECKPOINT_METADATA: {_name}",
        lambda stage, text=_text: stage.write(f"{AGENT}/_CHECKPOINT_METADATA", text),
    )
    add(AGENTS, f"_METADATA: {_name}", lambda stage, text=_text: stage.write(f"{AGENT}/arrays/_METADATA", text))
add(
    AGENTS,
    "_METADATA: another library's arrays",
    lambda stage: stage.json(
        f"{AGENT}/arrays/_METADATA", lambda content: content.update(use_ocdbt=True, use_zarr3=True)
    ),
)
add(
    AGENTS,
    "_METADATA: leaves out an array",
    lambda stage: stage.json(f"{AGENT}/arrays/_METADATA", lambda content: content.update(tree_metadata={})),
)
