"""Rows: links, and what is neither file nor directory, wherever a tool reads, writes, locks, copies or deletes."""

import contextlib
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

from hostile_rows import ON, STATES, add, tools_of
from hostile_stage import Stage

READ = (
    "config.gin",
    "operative_config.gin",
    "meta.json",
    "metrics.jsonl",
    "evaluation.json",
    "curve.png",
    "film.mp4",
    "report.html",
    ".lock",
    "tb",
    "checkpoints",
    "checkpoints/run.json",
    "checkpoints/agents",
    "checkpoints/resume",
    "checkpoints/agents/480",
    "checkpoints/agents/480/record",
    "checkpoints/agents/480/record/metadata",
    "checkpoints/agents/480/arrays",
    "checkpoints/agents/480/_CHECKPOINT_METADATA",
    "checkpoints/resume/492",
    "checkpoints/resume/492/record/metadata",
    "checkpoints/resume/492/arrays",
    "checkpoints/resume/492/arrays/key",
    "checkpoints/resume/492/arrays/key/.zarray",
    "checkpoints/resume/492/arrays/key/0",
)
# Where tools write that the run does not have yet; among them the temporary names of earlier versions.
WRITTEN = (
    "evaluation_uniform.json",
    "inside.json",
    "inside.png",
    "value_map.png",
    ".evaluation.json.new",
    ".report.partial.html",
    ".film.partial.mp4",
    ".curve.partial.png",
    ".config.gin.new",
    ".operative_config.gin.new",
    ".meta.json.new",
    "metrics.jsonl.new",
    "checkpoints/resume_damaged",
)
SPECIAL = ("config.gin", "meta.json", "metrics.jsonl", "checkpoints/run.json", ".lock", "evaluation.json")
DEEP = (
    "checkpoints/agents/480/record/metadata",
    "checkpoints/resume/492/record/metadata",
    "checkpoints/resume/492/arrays/key/.zarray",
    "checkpoints/resume/492/arrays/key/0",
)


def _dangling(stage: Stage, name: str) -> None:
    stage.link(name, stage.victim / "new")


def _to_directory(stage: Stage, name: str) -> None:
    stage.link(name, stage.victim / "kept")


def _pipe(stage: Stage, name: str) -> None:
    stage.remove(name)
    os.mkfifo(stage.theirs / name)


def _socket(stage: Stage, name: str) -> None:
    stage.remove(name)
    here = os.open(stage.theirs / Path(name).parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as one:  # its name may be long, that of a socket may not
        one.bind(f"/proc/self/fd/{here}/{Path(name).name}")
    os.close(here)


def _directory(stage: Stage, name: str) -> None:
    stage.remove(name)
    (stage.theirs / name).mkdir()
    (stage.theirs / name / "x").touch()


def _sparse(stage: Stage, name: str) -> None:
    with (stage.theirs / name).open("r+b") as file:
        file.truncate(1 << 40)


for _name in READ:
    add(tools_of(_name), f"link to the user's: {_name}", lambda stage, name=_name: stage.moved(name))
for _name in WRITTEN:
    add(tools_of(_name), f"link to nothing: {_name}", lambda stage, name=_name: _dangling(stage, name))
for _name in ("metrics.jsonl", "report.html", "checkpoints/agents", "checkpoints/resume_damaged", "tb", ".lock"):
    add(tools_of(_name), f"link to a directory: {_name}", lambda stage, name=_name: _to_directory(stage, name))
for _name in (*SPECIAL, *DEEP):
    add(tools_of(_name), f"pipe: {_name}", lambda stage, name=_name: _pipe(stage, name))
    add(tools_of(_name), f"sparse, 1 TB: {_name}", lambda stage, name=_name: _sparse(stage, name))
for _name in (*SPECIAL, "operative_config.gin", "curve.png", "film.mp4", "report.html", DEEP[0]):
    add(tools_of(_name), f"directory for a file: {_name}", lambda stage, name=_name: _directory(stage, name))
for _name in ("config.gin", "meta.json", "metrics.jsonl", DEEP[0]):
    add(tools_of(_name), f"socket: {_name}", lambda stage, name=_name: _socket(stage, name))
    add(tools_of(_name), f"/dev/zero: {_name}", lambda stage, name=_name: stage.link(name, "/dev/zero"))
add(
    tools_of("checkpoints/run.json"),
    "/dev/random: checkpoints/run.json",
    lambda stage: stage.link("checkpoints/run.json", "/dev/random"),
)
add(tools_of("config.gin"), "/dev/stdin: config.gin", lambda stage: stage.link("config.gin", "/dev/stdin"))
for _name in ("checkpoints", "checkpoints/agents", "checkpoints/resume", "tb", "checkpoints/agents/480"):
    add(tools_of(_name), f"file for a directory: {_name}", lambda stage, name=_name: stage.write(name, "x"))
add(tools_of("meta.json"), "link in a circle: meta.json", lambda stage: stage.link("meta.json", "meta.json"))
add(tools_of("config.gin"), "link in a circle: config.gin", lambda stage: stage.link("config.gin", "config.gin"))
add(tools_of("tb"), "link to its parent: tb", lambda stage: stage.link("tb", ".."))
for _name in ("7.orbax-checkpoint-tmp", "7.orbax-checkpoint-tmp-9"):
    add(
        STATES,
        f"leftover, a link: {_name}",
        lambda stage, name=_name: _to_directory(stage, f"checkpoints/resume/{name}"),
    )
add(STATES, "leftover, a file", lambda stage: stage.write("checkpoints/resume/7.orbax-checkpoint-tmp", "x"))
add(
    STATES,
    "leftover, a link in it",
    lambda stage: _to_directory(stage, "checkpoints/resume/7.orbax-checkpoint-tmp/arrays"),
)
add(STATES, "newer step, a link", lambda stage: _to_directory(stage, "checkpoints/resume/900"))
add(
    tools_of("checkpoints/agents/"),
    "later snapshot, a link",
    lambda stage: _to_directory(stage, "checkpoints/agents/900"),
)
add(
    tools_of("checkpoints/agents/"),
    "later snapshot with a link in it",
    lambda stage: _to_directory(stage, "checkpoints/agents/900/arrays"),
)


def _hard(stage: Stage, name: str) -> None:
    """One of the user's files under a second name, as an archive that was unpacked can make it."""
    place, new = stage.theirs / name, stage.victim / Path(name).name
    if place.exists():
        place.rename(new)
    else:
        new.write_bytes(b"of weeks")
    os.link(new, place)


def _damaged_newest(stage: Stage) -> None:
    """A newer state that does not verify, so that it is set aside."""
    shutil.copytree(stage.theirs / "checkpoints/resume/492", stage.theirs / "checkpoints/resume/900")


def _aside(make: Callable[[Stage], object]) -> Callable[[Stage], None]:
    def both(stage: Stage) -> None:
        _damaged_newest(stage)
        make(stage)

    return both


def _deep(stage: Stage, name: str) -> None:
    """Directories in directories, 1,500 deep: a path that no system takes at once."""
    place = os.open(stage.theirs, os.O_RDONLY)
    for part in [*Path(name).parts, *("x" * 50 for _ in range(1_500))]:
        with contextlib.suppress(FileExistsError):
            os.mkdir(part, dir_fd=place)
        place, old = os.open(part, os.O_RDONLY, dir_fd=place), place
        os.close(old)
    os.close(place)


DAMAGED = "checkpoints/resume_damaged"
add(STATES, "set aside: a file in the way", _aside(lambda stage: stage.write(DAMAGED, "x")))
add(STATES, "set aside: a link in the way", _aside(lambda stage: _to_directory(stage, DAMAGED)))
add(STATES, "set aside: a link to nothing in the way", _aside(lambda stage: _dangling(stage, DAMAGED)))
add(STATES, "set aside: a link under the step's name", _aside(lambda stage: _to_directory(stage, f"{DAMAGED}/900")))
add(STATES, "set aside: a file under the step's name", _aside(lambda stage: stage.write(f"{DAMAGED}/900", "x")))
add(STATES, "deep: a leftover", lambda stage: _deep(stage, "checkpoints/resume/7.orbax-checkpoint-tmp"))
add(STATES, "deep: a newer state", lambda stage: _deep(stage, "checkpoints/resume/900"))
add(tools_of("checkpoints/agents/"), "deep: a newer snapshot", lambda stage: _deep(stage, "checkpoints/agents/900"))
for _name in ("metrics.jsonl", ".lock", "report.html", "operative_config.gin", "tb", "curve.png", "evaluation.json"):
    if _name != "tb":
        add(ON, f"hard link, on: {_name}", lambda stage, name=_name: _hard(stage, name))
    add(ON, f"link to the user's, on: {_name}", lambda stage, name=_name: stage.moved(name))
for _name in ("checkpoints/resume/738", "checkpoints/agents/720"):
    add(ON, f"on: a file, {_name}", lambda stage, name=_name: stage.write(name, "x"))
    add(ON, f"on: an empty directory, {_name}", lambda stage, name=_name: (stage.theirs / name).mkdir())
for _name in ("film.mp4", "report.html", "operative_config.gin", "tb", "metrics.jsonl"):
    add(ON, f"directory for a file, on: {_name}", lambda stage, name=_name: _directory(stage, name))
add(ON, "file for a directory, on: tb", lambda stage: stage.write("tb", "x"))
