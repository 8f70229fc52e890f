"""A WebSocket connection to the server under test: each wait with a deadline, each frame on record."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import websockets
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode
from websockets.sync.client import ClientConnection

from specbus.verify.asyncapi import Frame
from specbus.verify.failures import Broken, Closed, TimedOut, Unanswered
from specbus.verify.record import Data, Step

if TYPE_CHECKING:
    from specbus.verify.target import Target

FITS_INTO_BUFFERS = 8192
"""Bytes of a frame for which nobody has to read."""


@dataclass(eq=False)
class Peer:
    """A connection. What it receives is held against the document, for a check of its own to report."""

    target: "Target"
    raw: ClientConnection
    name: str
    stack: contextlib.ExitStack
    """Closes the connection."""
    unread: list[Frame] = field(default_factory=list)
    """Frames that came while an answer was waited for: neither answers nor looked at yet."""

    def send(self, frame: Frame | Data, *, text: bool | None = None) -> None:
        """Send a frame; bytes as a binary one unless `text`, a tuple in fragments.

        Raises Closed, and Unanswered if the server does not read it.
        """
        data = json.dumps(frame) if isinstance(frame, dict) else frame
        self.target.steps.append(Step(self.name, data, None))
        with self._closing_told(), self._given_up_in_time(data):
            if isinstance(data, tuple):
                self.raw.send(iter(data))
            else:
                self.raw.send(data, text=text)

    def send_together(self, frames: Sequence[Frame]) -> None:
        """Send text frames in one piece, so that the server reads them at once. Raises Closed."""
        texts = [json.dumps(frame) for frame in frames]
        self.target.steps += [Step(self.name, text, None) for text in texts]
        data = b"".join(WireFrame(Opcode.TEXT, text.encode()).serialize(mask=True) for text in texts)
        with self._closing_told():
            try:
                # Nothing else is being sent: what the library would send by itself, it sends when it has read.
                self.raw.socket.sendall(data)
            except OSError:
                # What has closed says why.
                self.raw.recv(timeout=self.target.timeout())

    def receive_text(self, until: float | None = None) -> str:
        """The text of the next frame.

        Args:
            until: A time of the monotonic clock; by default the deadline for one answer.

        Raises:
            TimedOut: None came by then.
            Closed: The server closed the connection.
            Broken: The frame is a binary one.

        """
        longest = self.target.timeout()
        end = time.monotonic() + longest if until is None else until
        # What is here already is read later, too, as a busy machine may come late; but not from a server without end.
        if until and time.monotonic() > end + longest:
            raise TimedOut("what the server must send did not come in time, but other frames without end")
        with self._closing_told():
            try:
                data = self.raw.recv(timeout=max(0, min(end, self.target.run_end) - time.monotonic()))
            except TimeoutError:
                # Where the run is over, it may have been too early to tell.
                self.target.timeout()
                raise TimedOut("what the server must send did not come in time") from None
        self.target.note_answer()
        if isinstance(data, bytes):
            raise Broken("the server sent a binary frame", rule=self.target.document.place)
        self.target.steps.append(Step(self.name, None, data))
        return data

    def receive(self, until: float | None = None) -> Frame:
        """The next frame. Raises as `receive_text`, and Broken if it is no JSON object."""
        text = self.receive_text(until)
        try:
            frame = json.loads(text)
        except (ValueError, RecursionError):
            frame = None
        if not isinstance(frame, dict):
            raise Broken("the server sent a frame that is no JSON object", rule=self.target.document.place)
        self.target.frames_received += 1
        try:
            violation = self.target.document.problem_of_sent(frame)
        except UnicodeEncodeError:
            raise Broken("the server sent a frame with half a surrogate pair in it", rule="RFC 8259, 8.2") from None
        if violation:
            rule, problem = violation
            self.target.violations.setdefault(rule, (problem, text))
        return frame

    def arrived(self) -> Iterator[Frame]:
        """The frames that are here already, if there is an end of them. Raises as `receive`, but for TimedOut."""
        end = self.target.deadline()
        with contextlib.suppress(TimedOut):
            while time.monotonic() < end:
                yield self.receive(0.0)

    def ask(self, frame: Frame | str) -> Frame:
        """Send `frame` and return its answer; events and news that come first go to `unread`. Raises Broken."""
        self.send(frame)
        return self.answer()

    def answer(self) -> Frame:
        """The next frame that answers a command. Raises Broken."""
        until = self.target.deadline()
        while True:
            try:
                frame = self.receive(until)
            except TimedOut as error:
                names = " or ".join(reply.name for reply in self.target.document.replies)
                raise TimedOut(f"what was sent is not answered: no {names} came in time") from error
            if self.target.document.is_reply(frame) and not self.target.bus.is_dropped(frame):
                return frame
            self.unread.append(frame)

    def close(self) -> None:
        """Close the connection, whatever state it is in."""
        with contextlib.suppress(Exception):
            self.stack.close()

    def abort(self) -> None:
        """Break the connection off."""
        with contextlib.suppress(OSError):
            self.raw.socket.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def _given_up_in_time(self, data: Data) -> Iterator[None]:
        """Around what sends `data`, which waits for ever for a server that does not read."""
        if len(data) < FITS_INTO_BUFFERS:
            yield
            return
        is_late = threading.Event()

        def give_up() -> None:
            is_late.set()
            self.abort()

        timer = threading.Timer(2 * self.target.timeout() + 5, give_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        except websockets.ConnectionClosed:
            if not is_late.is_set():
                raise
            self.target.timeout()
            raise Unanswered("the server does not read what is sent to it") from None
        finally:
            timer.cancel()

    @contextlib.contextmanager
    def _closing_told(self) -> Iterator[None]:
        try:
            yield
        except websockets.ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 1006
            reason = f" ({closed.rcvd.reason})" if closed.rcvd and closed.rcvd.reason else ""
            self.target.steps.append(Step(self.name, None, f"closed with {code}{reason}"))
            raise Closed(f"the server closed the connection with {code}{reason}", code) from None
