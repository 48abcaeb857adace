"""Single random damages to files and directories."""

import random
from collections.abc import Sequence
from pathlib import Path

FILE_KINDS = ("flip", "truncate", "delete", "swap", "zero", "append")
KINDS = (*FILE_KINDS, "rename")


def damage(rng: random.Random, files: Sequence[Path], steps: Sequence[Path] = (), others: Sequence[Path] = ()) -> str:
    """Damages one of the files, or renames one of the directories of steps; returns what was done.

    Two of the files are swapped; or, where there are `others`, one of them is copied over the file. Every kind is as
    likely as every other, and so is every file. What would change nothing is drawn again.
    """
    while True:
        kind = rng.choice(KINDS if steps else FILE_KINDS)
        if kind == "rename":
            step = rng.choice(steps)
            new = step.with_name(rng.choice([str(int(step.name) + 1), f"0{step.name}", "900", f"{step.name}.old"]))
            if not new.exists():
                step.rename(new)
                return f"rename {step} to {new.name}"
            continue
        file = rng.choice(files)
        content = file.read_bytes()
        changed = _changed(rng, kind, content)
        if kind == "delete":
            file.unlink()
        elif kind == "swap":
            other = rng.choice(others or files)
            changed = other.read_bytes()
            if changed == content:
                continue
            file.write_bytes(changed)
            if not others:
                other.write_bytes(content)
            return f"swap {file} and {other}"
        elif changed == content:
            continue
        else:
            file.write_bytes(changed)
        return f"{kind} {file}"


def _changed(rng: random.Random, kind: str, content: bytes) -> bytes:
    place = rng.randrange(max(1, len(content)))
    if kind == "flip" and content:
        return content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]
    if kind == "truncate":
        return content[:place]
    if kind == "zero":
        size = min(len(content) - place, rng.choice([1, 8, 512, 4096]))
        return content[:place] + bytes(size) + content[place + size :]
    if kind == "append":
        return content + rng.randbytes(rng.choice([1, 100, 5000]))
    return content
