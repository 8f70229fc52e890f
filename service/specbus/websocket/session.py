"""A client of the bus on a WebSocket, whatever carries it: its commands, its answers, and what it is told unasked."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from websockets.frames import CloseCode

from specbus.bus.errors import LimitExceeded, OperationError
from specbus.bus.hub import Encode
from specbus.bus.publication import Publication
from specbus.contract.commands import Refusal, WebSocketContract
from specbus.contract.phrasing import quoted
from specbus.log import log_event
from specbus.wire import messages
from specbus.wire.websocket import payloads, text_frame, text_frames

_log = logging.getLogger(__name__)

_MAX_ANSWERS = 64
"""Answers that are sent together at most."""
_MAX_TOPIC_SHOWN = 128

Frame: TypeAlias = dict[str, Any]
"""A frame that keeps the contract; its `message` is a `Verbatim`."""
Handler: TypeAlias = Callable[["Session", Frame], None]
"""Carries out a command, and answers it."""
_NO_FRAME: Frame = {}
"""What a frame is before it is decoded. One for all: a new dict would cost each message a hundredth more."""


def event_frames(topic: str) -> Encode:
    """The `Encoding` of all WebSocket clients: each publication an `event`, in a text frame of its own, joined."""
    event = messages.event_writer(topic)

    def encode(publications: Sequence[Publication]) -> bytes:
        return text_frame(event(publications[0])) if len(publications) == 1 else text_frames(map(event, publications))

    return encode


class Session:
    """What a WebSocket client is to the bus. What carries it makes `deliver`, `close` and `fail`."""

    __slots__ = ("_answers", "_contract", "_limit_logged", "client_id", "deliver", "peer")

    encoding = staticmethod(event_frames)
    """That of `Subscriber`, for the hub."""

    def __init__(self, contract: WebSocketContract[Handler], peer: str) -> None:
        """Keep `contract`, and carry out its commands. `peer` is the client's address, for the log."""
        self._contract = contract
        self.peer = peer
        self.client_id: str | None = None
        """What the client calls itself, for the log: the label of its last subscription."""
        self._answers: list[bytes] | None = None
        """Frames that answer what came together, to be sent together: a write costs more than all else of a command.

        What carries the session makes the list before it hands on what came. Between reads it is None.
        """
        self._limit_logged = False
        """Whether it was logged that the client reached a limit, which is done once for each connection."""
        self.deliver: Callable[[bytes], object]
        """Takes frames, and sends them."""

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake (RFC 6455, 7.1.2)."""
        raise NotImplementedError

    def fail(self, code: CloseCode, reason: str) -> None:
        """Fail the connection (RFC 6455, 7.1.7)."""
        raise NotImplementedError

    @property
    def who(self) -> dict[str, object]:
        """The client, as lines of the log name it."""
        return {"peer": self.peer} if self.client_id is None else {"peer": self.peer, "client_id": self.client_id}

    # What the commands call

    def send(self, message: bytes) -> None:
        """Send `message`, a JSON text, after the answers given before."""
        self.send_answers()
        self.deliver(text_frame(message))

    def answer(self, message: bytes) -> None:
        """Send `message`, a JSON text, with the answers to what came with its command."""
        answers = self._answers
        if answers is None:
            self.deliver(text_frame(message))
            return
        answers.append(text_frame(message))
        if len(answers) == _MAX_ANSWERS:
            self.send_answers()

    def send_answers(self) -> None:
        """Send the answers that were given."""
        if answers := self._answers:
            data = answers[0] if len(answers) == 1 else b"".join(answers)
            answers.clear()
            self.deliver(data)

    # What the hub calls

    def note_dropping(self, topic: str) -> None:
        """Log that messages are being dropped: the client may never read again, to be told how many."""
        log_event(_log, logging.WARNING, "slow consumer falling behind", **self.who, topic=topic)

    def notify_dropped(self, topic: str, count: int) -> None:
        """Tell the client that it was too slow."""
        log_event(_log, logging.WARNING, "slow consumer", **self.who, topic=topic, dropped=count)
        self.send(_slow_consumer(topic, count))

    def notify_deleted(self, topic: str) -> None:
        """Tell the client that a topic is gone."""
        self.deliver(text_frame(messages.info("topic_deleted", topic)))

    def overflow(self, lost: Sequence[tuple[str, int]]) -> None:
        """Tell the client that it was too slow, and close."""
        for topic, count in lost:
            log_event(_log, logging.WARNING, "slow consumer disconnected", **self.who, topic=topic, dropped=count)
            self.send(_slow_consumer(topic, count))
        self.close(CloseCode.TRY_AGAIN_LATER, "slow consumer")

    def log_closed(self, reason: str, untold: int) -> None:
        """Log the end of the connection, with how many dropped messages the client was not told of."""
        dropped = {"dropped": untold} if untold else {}
        log_event(_log, logging.INFO, "connection closed", **self.who, **dropped, reason=reason)

    # What comes from the client

    def end_read(self) -> None:
        """Send the answers to what came."""
        if self._answers:
            self.send_answers()
        self._answers = None

    def receive(self, text: bytes) -> None:
        """Carry out what the text message `text` asks for, and answer."""
        frame = _NO_FRAME
        try:
            handler, frame = self._contract.dispatch(text)
            handler(self, frame)
        except Refusal as refusal:
            self._refuse("BAD_REQUEST", str(refusal), refusal.request_id)
        except OperationError as error:
            if isinstance(error, LimitExceeded) and not self._limit_logged:
                self._limit_logged = True
                log_event(_log, logging.WARNING, "limit reached", limit=error.limit, **self.who)
            self._refuse(error.code, str(error), self._contract.request_id_of(frame))
        except UnicodeDecodeError:
            self.fail(CloseCode.INVALID_DATA, "a text frame must be UTF-8")
        except Exception:
            _log.exception("a command failed")
            self._refuse("INTERNAL", "the service failed; its log says why", self._contract.request_id_of(frame))

    def receive_binary(self, data: bytes) -> None:
        """Refuse the binary message `data`."""
        text = "the frame is binary; send JSON in text frames"
        self._refuse("BAD_REQUEST", text, self._contract.correlation_of(data))

    def _refuse(self, code: messages.ErrorCode | str, text: str, request_id: messages.RequestId | None) -> None:
        """Answer with an error, which has the `request_id` if the contract has a field for it."""
        name = self._contract.sent_correlation_field("error")
        if name is None:
            self.answer(messages.error(code, text))
        else:
            self.answer(messages.error(code, text, request_id=request_id, name=name))

    def log_violations(self, frames: bytes) -> None:
        """Log which of `frames`, about to be sent, break the contract, and how."""
        for payload in payloads(frames):
            if problems := self._contract.problems_of_sent(payload):
                shown = payload[:200].decode(errors="replace")
                log_event(_log, logging.ERROR, "contract violation", frame=shown, problem="; ".join(problems))


def _slow_consumer(topic: str, count: int) -> bytes:
    messages_ = "1 message" if count == 1 else f"{count} messages"
    were = "was" if count == 1 else "were"
    name = quoted(topic, _MAX_TOPIC_SHOWN)
    text = f"{messages_} of topic {name} {were} dropped because this connection did not read fast enough"
    return messages.error("SLOW_CONSUMER", text, topic=topic, dropped=count)
