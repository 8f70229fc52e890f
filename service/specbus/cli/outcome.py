"""How a command ends: exit statuses, and errors as one line in a person's words."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

import click
import uvloop

from specbus.client import (
    ClientError,
    ConnectError,
    ProblemError,
    ReplyError,
    ReplyTimeout,
    UnknownOutcome,
)


class Failed(click.ClickException):
    """The server refused, or not all that was asked for came. The text is the line that a person reads."""

    exit_code = 1

    def show(self, file: Any = None) -> None:
        """Print the line."""
        note(self.message, "red")


class Unreachable(Failed):
    """The server could not be reached, or the connection broke while it mattered."""

    exit_code = 3


def note(line: str, colour: str = "yellow") -> None:
    """Tell a person something, on standard error; in colour if that is a terminal."""
    click.echo(f"{click.style('specbus:', fg=colour)} {line}", err=True)


def run(work: Coroutine[Any, Any, None], *, endless: bool = False) -> None:
    """Run a command's work to its end. SIGINT, SIGTERM and SIGHUP cancel it.

    `endless`: it has no end of its own, so that a signal is as good as any.
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
        # The output takes no more: nothing is left to do, nor to be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # as when whoever reads it has read enough
            raise Failed(f"cannot go on: {error.strerror or error}") from None
