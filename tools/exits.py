"""How a tool ends: 0 success, 2 a user's mistake (one sentence), 1 its own failure (a traceback)."""

import errno
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from absl import flags

SUCCESS, FAILURE, MISTAKE = 0, 1, 2
INTERRUPTED = 130  # what a shell reports for Ctrl-C


class UserError(Exception):
    """What the user asked for cannot be done; the message is one sentence that says what is accepted."""


def sentence(error: BaseException) -> str:
    """The first paragraph of an error's text on one line."""
    text = str(error).strip().split("\n\n")[0]
    # gin appends where it was when the error came; that is a second thought, never the first line.
    lines = text.split("\n  In call to configurable")[0].split("\n  In file")[0].split("\n  In bindings string")[0]
    return " ".join(lines.split()) or type(error).__name__


def parse_flags(argv: Sequence[str], values: flags.FlagValues, doc: str) -> None:
    """Reads the command line into `values`; `UserError` for an unknown flag or a stray word."""
    try:
        rest = values(list(argv))[1:]
    except flags.Error as e:
        raise UserError(f"{sentence(e).rstrip('.')}; --help lists the flags.") from e
    if values["help"].value:
        print(f"{doc.strip()}\n\nFlags:\n{values.get_help(include_special_flags=False)}")
        raise SystemExit(SUCCESS)
    if rest:
        raise UserError(f"{rest[0]!r} is not a flag; --help lists the flags.")


def out_of_space(error: BaseException) -> bool:
    """Whether an error, whoever raised it, says that the disk or the user's share of it is full."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return full or any(text in str(error) for text in ("No space left on device", "Disk quota exceeded"))


def _forbidden(error: BaseException) -> bool:
    """Whether an error says that a path is not the user's to read or write, or no path at all."""
    numbers = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG)
    return isinstance(error, OSError) and error.errno in numbers and error.filename is not None


def guard(main: Callable[[Sequence[str]], int], argv: Sequence[str]) -> int:
    """Runs a tool and turns a user's mistake into one sentence on stderr and exit status 2.

    `BATHYAL_TRACEBACK=1` in the environment shows Python's traceback as well: for authors of extensions.
    """
    if sys.unraisablehook is not _quietly:
        _unraisable.append(sys.unraisablehook)
        sys.unraisablehook = _quietly
    try:
        return main(argv)
    except UserError as e:
        _say(e)
        return MISTAKE
    except KeyboardInterrupt:
        print("Stopped by the keyboard; the same command goes on from the last saved state.", file=sys.stderr)
        return INTERRUPTED
    except Exception as e:
        if isinstance(e, OSError) and _forbidden(e):
            _say(UserError(f"{e.filename} cannot be used: {e.strerror}."), e)
            return MISTAKE
        if not out_of_space(e):
            raise
        _say(UserError(f"The disk is full ({sentence(e)}); what was saved before is still good."), e)
        return MISTAKE


_unraisable: list[Callable] = []  # what Python did with an exception that nobody can catch


def _quietly(unraisable: Any) -> None:
    # When one array of a damaged checkpoint cannot be read, threads that read the others go on and report to
    # an event loop that Orbax has closed by then. The one sentence has said all of it.
    if str(unraisable.exc_value) != "Event loop is closed":
        _unraisable[-1](unraisable)


def _say(error: UserError, cause: BaseException | None = None) -> None:
    if os.environ.get("BATHYAL_TRACEBACK"):
        traceback.print_exception(cause or error)
    print(f"error: {error}", file=sys.stderr)
