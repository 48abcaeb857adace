"""How a tool ends: 0 success, 2 a user's mistake (one sentence), 1 its own failure (a traceback)."""

import errno
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from absl import flags
from console import say, steady

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
        say(f"{doc.strip()}\n\nFlags:\n{values.get_help(include_special_flags=False)}")
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
    warnings.filterwarnings("ignore", "coroutine .* was never awaited")  # Orbax's, of a save that failed
    in_thread, threading.excepthook = threading.excepthook, _in_thread
    interrupts = _Interrupts()
    with steady():
        try:
            return main(argv)
        except UserError as e:
            return _mistake(e)
        except KeyboardInterrupt:
            interrupts.say()
            return INTERRUPTED
        except Exception as e:
            if (known := _known(e)) is not None:
                return _mistake(UserError(known), e)
            say(traceback.format_exc().rstrip(), error=True)
            return FAILURE
        finally:
            threading.excepthook = in_thread
            interrupts.end()


def _known(error: Exception) -> str | None:
    """The sentence for an error that is not the tool's own failure, whoever raised it."""
    from crl import FileError

    if isinstance(error, FileError):
        return sentence(error)
    if out_of_space(error):
        return f"The disk is full ({sentence(error)}); what was saved before is still good."
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return "This process may open too few files; raise the limit, for example with `ulimit -n 1024`."
    if isinstance(error, OSError) and _forbidden(error):
        return f"{error.filename} cannot be used: {error.strerror}."
    return None


_unraisable: list[Callable] = []  # what Python did with an exception that nobody can catch


def _quietly(unraisable: Any) -> None:
    # When one array of a damaged checkpoint cannot be read, threads that read the others go on and report to
    # an event loop that Orbax has closed by then. The one sentence has said all of it.
    if str(unraisable.exc_value) != "Event loop is closed":
        _unraisable[-1](unraisable)


def _in_thread(arguments: Any) -> None:
    # What ends a thread that saves, such as a full disk, is raised in the main thread as well.
    if arguments.exc_value is None or _known(arguments.exc_value) is None:
        threading.__excepthook__(arguments)


class _Interrupts:
    """The first Ctrl-C raises `KeyboardInterrupt`; a later one, amid what that ends, leaves at once.

    Without it the second would come up in the midst of libraries' threads, as tracebacks.
    """

    def __init__(self):
        self._said, self._came, self._before = False, False, None
        ours = threading.current_thread() is threading.main_thread()
        if ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where it is ignored
            self._before = signal.signal(signal.SIGINT, self._come)

    def _come(self, *_: object) -> None:
        if self._came:
            self.say()
            os._exit(INTERRUPTED)
        self._came = True
        raise KeyboardInterrupt

    def say(self) -> None:
        """Says once what happened."""
        if not self._said:
            self._said = True
            say("Interrupted; the same command resumes from the last saved state.", error=True)

    def end(self) -> None:
        """Gives Ctrl-C back, unless it came: at exit Python still waits for threads that save."""
        if self._before is not None and not self._came:
            signal.signal(signal.SIGINT, self._before)


def _mistake(error: UserError, cause: BaseException | None = None) -> int:
    if os.environ.get("BATHYAL_TRACEBACK"):
        say("".join(traceback.format_exception(cause or error)), error=True)
    say(f"error: {error}", error=True)
    return MISTAKE
