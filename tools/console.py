"""What reaches the terminal: text of a stranger's file cannot drive it, and a reader who goes away stops nothing."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import crl

_LONGEST_LINE = 2_000  # characters
# Controls that would be carried out (colours, the cursor, the window's title), and what reverses or hides letters.
_CONTROLS = [*range(0x20), *range(0x7F, 0xA0), 0x061C, 0x200B, 0x200E, 0x200F, 0xFEFF]
_CONTROLS += [*range(0x2028, 0x202F), *range(0x2060, 0x2070), *range(0xD800, 0xE000)]
_SHOWN = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _CONTROLS}
_SHOWN |= {ord("\n"): "\n", ord("\t"): "\t"}


def clean(text: str) -> str:
    """Text as it may be printed: control characters written out, and long lines cut."""
    return "\n".join(map(_cut, text.split("\n"))).translate(_SHOWN)


def say(*parts: object, error: bool = False, sep: str = " ") -> None:
    """Prints a line, or several, for a person, `clean`; to stderr where `error` is set."""
    print(clean(sep.join(map(str, parts))), file=sys.stderr if error else sys.stdout, flush=True)


@contextmanager
def steady() -> Iterator[None]:
    """While it is entered, stdout and stderr show a ? for what they cannot show and go silent when nobody reads them.

    So `launch.py ... | head` trains to its end, as under a terminal that is closed.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(crl.Unbreakable, before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = before


def _cut(line: str) -> str:
    if len(line) <= _LONGEST_LINE:
        return line
    return f"{line[:_LONGEST_LINE]}... ({len(line):,} characters)"
