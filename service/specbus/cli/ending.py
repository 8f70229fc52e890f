"""However a command ends: at most one line for a person, and an exit status."""

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import click

from specbus.cli.errors import Failed
from specbus.spec.text import printable

DEFECT = 70
"""Exit status for a defect of the program itself (EX_SOFTWARE of sysexits.h)."""
_INTERRUPTED = 130
_TRACEBACK = "SPECBUS_TRACEBACK"
"""The environment variable that has a defect shown with where it is."""
_OF_OUTPUT = frozenset((errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG, errno.EDQUOT))
"""What a write to an open file fails with."""
_MAX_SHOWN = 300
"""Characters of an exception's text that are shown."""


def run(work: Callable[[], Any]) -> int:
    """Do the `work` of a command line, tell what went wrong, and return the exit status."""
    _open_standard_files()
    try:
        with told():
            result = work()
        status = result if isinstance(result, int) else 0  # click's for `--help`
    except click.Abort:
        status = _INTERRUPTED
    except click.ClickException as error:
        status = error.exit_code
        error.message = printable(error.message)  # type: ignore[misc]  # which only the declaration says is final
        if isinstance(error, click.BadParameter) and not isinstance(error, click.MissingParameter):
            error.ctx = None  # of a wrong value the line says all: the usage would not help
        with suppress(OSError):
            error.show()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0
    for stream in (sys.stdout, sys.stderr):
        _settle(stream)
    return status


@contextmanager
def told(*, otherwise: int = 1, defect: int = DEFECT) -> Iterator[None]:
    """Raise as a Failed what nobody has foreseen.

    Args:
        otherwise: The exit status for what the system refuses, such as an output that cannot be written.
        defect: The exit status for a defect of the program.
    """
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except OSError as error:
        if error.filename is None and error.errno in _OF_OUTPUT | {errno.EPIPE}:
            discard(sys.stdout)
            _end(f"cannot write the output: {error.strerror}", otherwise)
        if error.filename is None or error.strerror is None:
            _defective(error, defect)
        _end(f"{os.fsdecode(error.filename)}: {error.strerror}", otherwise)
    except Exception as error:
        _defective(error, defect)


def discard(stream: Any) -> None:
    """Have what is still to be written to `stream` go nowhere."""
    with suppress(AttributeError, OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def _end(line: str, status: int) -> NoReturn:
    raise Failed(line, status) from None


def _defective(error: BaseException, status: int) -> NoReturn:
    if os.environ.get(_TRACEBACK):
        import traceback

        traceback.print_exception(error)
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = " ".join(str(error).split())[:_MAX_SHOWN]
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    _end(f"a defect of this program: {what} ({_TRACEBACK}=1 shows where)", status)


def _open_standard_files() -> None:
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            # The caller has closed it: its number must not be that of a socket.
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # What the locale's encoding lacks is escaped, instead of an exception.
            stream.reconfigure(errors="backslashreplace")


def _settle(stream: Any) -> None:
    """Flush, so that the interpreter's flush at exit cannot fail, which would change the exit status."""
    try:
        if stream is not None:
            stream.flush()
    except (OSError, ValueError):
        discard(stream)
