"""Running the work of a client command: signals, and its errors as one line."""

import asyncio
import logging
import signal
import sys
from collections.abc import Coroutine
from typing import Any

import uvloop

from specbus.cli.ending import discard
from specbus.cli.errors import Failed, Unreachable, note
from specbus.client import (
    Client,
    ClientError,
    ConnectError,
    ProblemError,
    ReplyError,
    ReplyTimeout,
    UnknownOutcome,
)


class _Notes(logging.Handler):
    """Tells what the client logs as everything else is told: in one line, which does nothing to a terminal."""

    def emit(self, record: logging.LogRecord) -> None:
        """Tell a record, without a traceback."""
        note(record.getMessage())


def run(work: Coroutine[Any, Any, None], *, endless: bool = False) -> None:
    """Run a command's work to its end. SIGINT, SIGTERM and SIGHUP cancel it.

    Args:
        work: What to do.
        endless: It has no end of its own: a signal is the usual way to end it, and the exit status is 0.

    Raises:
        Failed: With the line that a person reads.
        SystemExit: A signal came, and the work had not ended: 128 and the signal's number.
    """
    came: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(work)
        logging.getLogger(Client.__module__.rpartition(".")[0]).handlers = [_Notes(logging.WARNING)]

        def stop(number: int) -> None:
            came.append(number)
            task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop, number)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as with `nohup`
            loop.add_signal_handler(signal.SIGHUP, stop, signal.SIGHUP)
        await task

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())
    except asyncio.CancelledError:
        if not endless:
            sys.exit(128 + came[0])
    except ClientError as error:
        raise failure_of(error) from None
    except BrokenPipeError:  # of a reader such as `head`, which has read enough
        discard(sys.stdout)


def failure_of(error: ClientError) -> Failed:
    """The line and the exit status for an error of the client."""
    match error:
        case ConnectError():
            return Unreachable(f"{error}; is the server running?")
        case ReplyTimeout() | UnknownOutcome():
            return Unreachable(str(error))
        case ReplyError():
            return Failed(error.message)
        case ProblemError():
            return Failed(error.detail or error.title)
    return Failed(str(error).partition("\n")[0])
