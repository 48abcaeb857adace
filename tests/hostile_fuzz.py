"""Random mistakes in configurations, command lines and mazes."""

import random
import re
from collections.abc import Sequence

# What somebody may bind by mistake, or to see what happens.
_VALUES = """
    -1 0 1 2 0.5 -0.5 1e-30 1e30 1e400 True None () (1,) {} [] 1_0 0x10 -0.0 1j 2147483647 2147483648 1000000000000
    9223372036854775808 @os.system() @crl.energies.l2.l2 @nets.ResidualMLP @nets.ResidualMLP() %UNKNOWN
    @envs.PointMaze() @optax.adam() @optax.nothing() @crl.Trainer() '' 'x' 'auto' 'u_maze' '../x' '\\x1b[2J' '\\x00'
"""
VALUES = [
    *_VALUES.split(),
    "'" + "R" * 10_000 + "'",
    "9" * 5_000,
    "(" * 200 + ")" * 200,
    "'1R0G1'",
    "{'a': 1, 'a': 2}",
    "1 2",
    "(1, 'x', None)",
]
FLAG_VALUES = (
    "",
    "0",
    "-1",
    "1",
    "1.5",
    "x",
    "9" * 30,
    "1e400",
    "nan",
    "None",
    "\x1b[2J",
    "/dev/null",
    "/dev/zero",
    "é",
    "x" * 5_000,
)
CELLS = "10RGRG0011 x\n"


def config(rng: random.Random, text: str) -> str:
    """A configuration with one to three mistakes in it."""
    lines = text.split("\n")
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        where = rng.choice([i for i, line in enumerate(lines) if line.strip()])
        lines[where] = _line(rng, lines[where], lines)
    return "\n".join(lines)


def _line(rng: random.Random, line: str, lines: Sequence[str]) -> str:
    kind = rng.choice(["value", "value", "value", "delete", "double", "misspell", "bytes", "swap", "cut", "indent"])
    name, equals, _ = line.partition(" = ")
    match kind:
        case "value" if equals:
            return f"{name} = {rng.choice(VALUES)}"
        case "delete":
            return ""
        case "double":
            return f"{line}\n{line}"
        case "misspell" if letters := [found.start() for found in re.finditer(r"[A-Za-z]", line)]:
            place = rng.choice(letters)
            return line[:place] + rng.choice(["", "x", "_", ".", "/", "é"]) + line[place + 1 :]
        case "swap":
            return f"{name} = {rng.choice(lines).partition(' = ')[2]}"
        case "cut":
            return line[: rng.randrange(len(line))]
        case "indent":
            return f"  {line}"
    place = rng.randrange(len(line) + 1)
    return line[:place] + "".join(chr(rng.choice([0, 7, 27, 39, 92, 255, 0x202E])) for _ in range(3)) + line[place:]


def arguments(rng: random.Random, flags: dict[str, str], good: Sequence[str]) -> list[str]:
    """The arguments of a tool with one to three mistakes among them.

    Args:
        rng: draws.
        flags: by name, a value that is good.
        good: what makes a command that ends soon.
    """
    words = list(good)
    for _ in range(rng.choice([1, 1, 2, 3])):
        name = rng.choice(sorted(flags))
        kind = rng.choice(["value", "value", "missing", "misspelt", "word", "twice", "no"])
        value = rng.choice(FLAG_VALUES)
        words += {
            "value": [f"--{name}={value}"],
            "missing": [f"--{name}"],
            "misspelt": [f"--{name[:-1]}x", value],
            "word": [value],
            "twice": [f"--{name}={flags[name]}", f"--{name}={value}"],
            "no": [f"--no{name}"],
        }[kind]
    return words


def maze(rng: random.Random) -> tuple[str, float]:
    """A maze and the size of its cells."""
    height, width = rng.choice([(3, 3), (5, 5), (5, 9), (40, 40), (1, 1), (2, 2)])
    rows = [
        "".join(rng.choice("1110000RG" if rng.random() < 0.98 else CELLS) for _ in range(width)) for _ in range(height)
    ]
    if rng.random() < 0.6:  # walls all around
        rows = ["1" * width, *(f"1{row[1:-1]}1" for row in rows[1:-1]), "1" * width]
    if rng.random() < 0.1:
        rows[rng.randrange(len(rows))] += "1"
    text = rng.choice(["/"] * 9 + ["\n"]).join(rows)
    return text, rng.choice([1.0, 1.0, 4.0, 0.5, 0.01, 0.0, -1.0, 1e-30, 1e30, float("nan"), float("inf"), 1e6])
