"""Running the work of a client command: signals, and its errors as one line."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

import uvloop

from specbus.cli.errors import Failed, Unreachable
from specbus.client import (
    ClientError,
    ConnectError,
    ProblemError,
    ReplyError,
    ReplyTimeout,
    UnknownOutcome,
)


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
    except ConnectError as error:
        raise Unreachable(f"{error}; is the server running?") from None
    except (ReplyTimeout, UnknownOutcome) as error:
        raise Unreachable(str(error)) from None
    except ReplyError as error:
        raise Failed(error.message) from None
    except ProblemError as error:
        raise Failed(error.detail or error.title) from None
    except ClientError as error:
        raise Failed(str(error).partition("\n")[0]) from None
    except OSError as error:
        # Standard output is closed or full: redirect it, so that the flush at exit does not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # of a reader such as `head`, which has read enough
            raise Failed(f"cannot write the output: {error.strerror or error}") from None
