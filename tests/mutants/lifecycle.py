"""Defects of how topics, subscriptions and connections begin and end."""

import asyncio
import uuid
from typing import Any

from websockets.frames import CloseCode

from specbus.bus.hub import Fanout, Hub
from specbus.bus.memory import MemoryTopic
from specbus.websocket import connection as websocket_connection
from specbus.websocket.commands import Commands
from specbus.websocket.connection import Connection
from specbus.websocket.registry import Registry
from specbus.websocket.session import Frame, Session
from specbus.wire import messages, websocket
from specbus.wire.websocket import FrameReader
from tests.mutants.edits import after_refusal, subscribers
from tests.mutants.registry import Patch, mutant, wrap

# Topics. epoch.yaml: "It changes whenever continuity cannot be vouched for: when a topic is created anew"


@mutant("behaviour", "a topic's epoch is made of its name")
def epoch_of_name(patch: Patch) -> None:
    def init(original: Any, self: MemoryTopic, name: str, size: int) -> None:
        original(self, name, size)
        self.epoch = uuid.uuid5(uuid.NAMESPACE_URL, name).hex

    wrap(patch, MemoryTopic, "__init__", init)


@mutant("behaviour", "all topics have one epoch, that of the service")
def epoch_of_service(patch: Patch) -> None:
    epoch = uuid.uuid4().hex

    def init(original: Any, self: MemoryTopic, name: str, size: int) -> None:
        original(self, name, size)
        self.epoch = epoch

    wrap(patch, MemoryTopic, "__init__", init)


# Deletion. openapi.yaml, deleteTopic: "Each subscriber gets what was published before, then the topic_deleted info, and
# is unsubscribed; its connection stays open."


@mutant("behaviour", "a topic's deletion ends all subscriptions of its subscribers")
def deletion_ends_all_subscriptions(patch: Patch) -> None:
    def end(original: Any, self: Hub, fanout: Fanout) -> None:
        involved = subscribers(fanout)
        original(self, fanout)
        for subscriber in involved:
            for other in list(self._members[subscriber].topics):
                self.leave(other.name, subscriber)

    wrap(patch, Hub, "end", end)


@mutant("behaviour", "of a topic's deletion only its first subscriber is told")
def deletion_told_to_first(patch: Patch) -> None:
    def end(original: Any, self: Hub, fanout: Fanout) -> None:
        told: list[Any] = []

        def notify(tell: Any, subscriber: Session, topic: str) -> None:
            if not told:
                tell(subscriber, topic)
            told.append(subscriber)

        with patch.context() as meanwhile:
            wrap(meanwhile, Session, "notify_deleted", notify)
            original(self, fanout)

    wrap(patch, Hub, "end", end)


@mutant("behaviour", "of a topic's deletion those are told too that have unsubscribed from it")
def deletion_told_to_former(patch: Patch) -> None:
    former: dict[str, set[Session]] = {}

    def unsubscribe(original: Any, self: Commands, session: Session, frame: Frame) -> None:
        original(self, session, frame)
        former.setdefault(frame["topic"], set()).add(session)

    def end(original: Any, self: Hub, fanout: Fanout) -> None:
        current = set(subscribers(fanout))
        original(self, fanout)
        for each in former.pop(fanout.name, set()) - current:
            each.notify_deleted(fanout.name)

    wrap(patch, Commands, "unsubscribe", unsubscribe)
    wrap(patch, Hub, "end", end)


@mutant("behaviour", "a topic's deletion is told twice to who has subscribed twice")
def deletion_told_for_each_subscribe(patch: Patch) -> None:
    times: dict[tuple[Session, str], int] = {}

    def subscribe(original: Any, self: Commands, session: Session, frame: Frame) -> None:
        original(self, session, frame)
        times[session, frame["topic"]] = times.get((session, frame["topic"]), 0) + 1

    def notify_deleted(original: Any, self: Session, topic: str) -> None:
        for _ in range(times.pop((self, topic), 1)):
            original(self, topic)

    wrap(patch, Commands, "subscribe", subscribe)
    wrap(patch, Session, "notify_deleted", notify_deleted)


@mutant("behaviour", "who was subscribed to a deleted topic is to that which is made under its name")
def subscription_survives_topic(patch: Patch) -> None:
    left: dict[str, list[Any]] = {}

    def end(original: Any, self: Hub, fanout: Fanout) -> None:
        left[fanout.name] = subscribers(fanout)
        original(self, fanout)

    def join(original: Any, self: Hub, topic: str, subscriber: Any, *args: Any) -> None:
        original(self, topic, subscriber, *args)
        for each in left.pop(topic, []):
            if each in self._members:
                original(self, topic, each)

    wrap(patch, Hub, "end", end)
    wrap(patch, Hub, "join", join)


# Subscriptions. asyncapi.yaml, subscribe, unsubscribe


@mutant("behaviour", "a second subscribe to a topic replays nothing")
def second_subscribe_replays_nothing(patch: Patch) -> None:
    def join(original: Any, self: Hub, topic: str, subscriber: Any, replayed: Any = ()) -> None:
        known = topic in self.fanouts and subscriber in subscribers(self.fanouts[topic])
        original(self, topic, subscriber, () if known else replayed)

    wrap(patch, Hub, "join", join)


@mutant("behaviour", "a second subscribe to a topic ends the subscription")
def second_subscribe_toggles(patch: Patch) -> None:
    def subscribe(original: Any, self: Commands, session: Session, frame: Frame) -> None:
        hub = self._operations._hub
        known = frame["topic"] in hub.fanouts and session in subscribers(hub.fanouts[frame["topic"]])
        original(self, session, frame)
        if known:
            hub.leave(frame["topic"], session)

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "a subscribe that is refused ends the connection's other subscriptions")
def refused_subscribe_ends_others(patch: Patch) -> None:
    def subscribe(original: Any, self: Commands, session: Session, frame: Frame) -> None:
        try:
            original(self, session, frame)
        except Exception:
            self._operations._hub.forget(session)
            raise

    wrap(patch, Commands, "subscribe", subscribe)


# The end of a connection. health.yaml: "Open WebSocket connections."; topic_stats.yaml: "Connections subscribed now."


@mutant("behaviour", "the subscriptions of a connection that is reset stay")
def subscriptions_survive_reset(patch: Patch) -> None:
    def connection_lost(original: Any, self: Connection, exc: Exception | None) -> None:
        if exc is None:
            original(self, exc)
        else:
            self.deliver = lambda data: None

    wrap(patch, Connection, "connection_lost", connection_lost)


@mutant("behaviour", "the subscriptions of a connection stay whose TCP ends without a closing handshake")
def subscriptions_survive_end_of_stream(patch: Patch) -> None:
    def connection_lost(original: Any, self: Connection, exc: Exception | None) -> None:
        if self._close_reason or exc:
            original(self, exc)

    wrap(patch, Connection, "connection_lost", connection_lost)


# The closing handshake (RFC 6455, 5.5.1, 7.1)


def answer_close(patch: Patch, edit: Any) -> None:
    """Have `edit`, which gets the code and the reason, say with which of both a client's close is answered."""

    def receive(original: Any, self: FrameReader, data: bytes) -> None:
        if data[0] & 0x0F != 8:
            original(self, data)
            return
        payload = bytes(byte ^ data[2 + index % 4] for index, byte in enumerate(data[6:]))
        code = int.from_bytes(payload[:2]) if payload else None
        answer = edit(code)
        body = b"" if answer is None else answer.to_bytes(2) + payload[2:]
        original(self, b"\x88" + bytes([0x80 | len(body)]) + b"\0\0\0\0" + body)

    wrap(patch, FrameReader, "_receive", receive)


@mutant("websocket", "a close without a code is answered with one (RFC 6455, 5.5.1)")
def close_without_code_gets_one(patch: Patch) -> None:
    answer_close(patch, lambda code: code or 1000)


@mutant("websocket", "a close is answered with 1000, whatever its code (RFC 6455, 5.5.1)")
def close_code_not_echoed(patch: Patch) -> None:
    answer_close(patch, lambda code: None if code is None else 1000)


@mutant("websocket", "a close with a code is answered without one (RFC 6455, 5.5.1)")
def close_code_lost(patch: Patch) -> None:
    answer_close(patch, lambda code: None)


@mutant(
    "websocket", "a close whose code applications may define (3000 to 4999) is answered with 1002 (RFC 6455, 7.4.2)"
)
def close_code_of_applications_refused(patch: Patch) -> None:
    answer_close(patch, lambda code: 1002 if code and code >= 3000 else code)


@mutant("websocket", "a close is not answered: the TCP connection is closed (RFC 6455, 5.5.1)")
def close_unanswered(patch: Patch) -> None:
    def receive(original: Any, self: FrameReader, data: bytes) -> None:
        original(self, data)
        if data[0] & 0x0F == 8 and self._sansio:
            self._sansio.data_to_send()
            self._over = self.closing = True

    def write_out(original: Any, self: Connection) -> None:
        if self._reader._over:
            self._transport.close()
        original(self)

    wrap(patch, FrameReader, "_receive", receive)
    wrap(patch, Connection, "_write_out", write_out)


@mutant("websocket", "after the closing handshake the TCP connection stays open (RFC 6455, 7.1.1)")
def tcp_stays_open_after_close(patch: Patch) -> None:
    patch.setattr(FrameReader, "close_complete", property(lambda self: False))

    def data_to_send(original: Any, self: FrameReader) -> list[bytes]:
        return [chunk for chunk in original(self) if chunk]

    wrap(patch, FrameReader, "data_to_send", data_to_send)
    patch.setattr(websocket_connection, "CLOSE_TIMEOUT", 3600.0)


@mutant("websocket", "commands behind a close frame are carried out (RFC 6455, 1.4)")
def commands_behind_close(patch: Patch) -> None:
    def read(original: Any, self: FrameReader, data: bytes, handler: Any) -> None:
        at = data.find(b"\x88\x80") if not self._rest else -1
        if at > 0 or (at == 0 and len(data) > 6):
            close, data = data[at : at + 6], data[:at] + data[at + 6 :]
            original(self, data, handler)
            original(self, close, handler)
        else:
            original(self, data, handler)

    wrap(patch, FrameReader, "read", read)


@mutant("websocket", "a connection closes after a hundred commands")
def closed_after_a_hundred_commands(patch: Patch) -> None:
    counts: dict[Session, int] = {}

    def receive(original: Any, self: Session, text: bytes) -> None:
        original(self, text)
        counts[self] = counts.get(self, 0) + 1
        if counts[self] == 100:
            asyncio.get_running_loop().call_soon(self.close, 1008, "too many commands")

    wrap(patch, Session, "receive", receive)


@mutant("websocket", "the tenth frame that breaks the contract closes the connection")
def closed_after_ten_refusals(patch: Patch) -> None:
    counts: dict[Session, int] = {}

    def act(answer: Any, session: Session, message: bytes) -> None:
        counts[session] = counts.get(session, 0) + 1
        if counts[session] == 10:
            asyncio.get_running_loop().call_soon(session.close, 1008, "too many errors")

    after_refusal(patch, act)


@mutant("websocket", "a connection without a subscription is closed after a second")
def closed_without_subscription(patch: Patch) -> None:
    def add(original: Any, self: Registry, connection: Any) -> None:
        original(self, connection)
        hub = connection._endpoint.hub

        def look() -> None:
            member = hub._members.get(connection)
            if member is None or not member.topics:
                connection.close(1000, "idle")

        asyncio.get_running_loop().call_later(1, look)

    wrap(patch, Registry, "add", add)


# Heartbeats. asyncapi.yaml, "Heartbeat and shutdown"


@mutant("websocket", "one heartbeat is sent, and no more", heartbeat_interval=1)
def one_heartbeat(patch: Patch) -> None:
    def heartbeat(original: Any, self: Registry, connection: Any) -> None:
        original(self, connection)
        if self._heartbeats:
            self._heartbeats.discard(connection)

    wrap(patch, Registry, "_heartbeat", heartbeat)


@mutant("websocket", "heartbeats are sent to subscribers alone", heartbeat_interval=1)
def heartbeats_to_subscribers(patch: Patch) -> None:
    def send_heartbeat(original: Any, self: Connection, message: bytes) -> None:
        member = self._endpoint.hub._members.get(self)
        if member and member.topics:
            original(self, message)

    wrap(patch, Connection, "send_heartbeat", send_heartbeat)


@mutant("websocket", "heartbeats come at half the interval", heartbeat_interval=4)
def heartbeats_twice_as_often(patch: Patch) -> None:
    def heartbeat(original: Any, self: Registry, connection: Any) -> None:
        original(self, connection)
        asyncio.get_running_loop().call_later(2, lambda: connection.send_heartbeat(messages.info("ping")))

    wrap(patch, Registry, "_heartbeat", heartbeat)


@mutant("websocket", "no WebSocket pings are sent (RFC 6455, 5.5.2)", ping_interval=1)
def no_pings(patch: Patch) -> None:
    wrap(patch, Connection, "ping", lambda original, self: None)


@mutant("websocket", "WebSocket pings are sent after each pong alone, so once", ping_interval=1)
def one_ping(patch: Patch) -> None:
    def ping(original: Any, self: Registry, connection: Any) -> None:
        original(self, connection)
        if self._pings:
            self._pings.discard(connection)

    wrap(patch, Registry, "_ping", ping)


@mutant("websocket", "who answers no ping stays connected", ping_interval=1, ping_timeout=1)
def dead_peer_stays(patch: Patch) -> None:
    wrap(patch, Connection, "give_up", lambda original, self: None)


@mutant("websocket", "who answers no ping is cut off without a close frame", ping_interval=1, ping_timeout=1)
def dead_peer_cut_off(patch: Patch) -> None:
    wrap(patch, Connection, "give_up", lambda original, self: self._transport.abort())


@mutant("websocket", "who answers no ping is closed with 1002", ping_interval=1, ping_timeout=1)
def dead_peer_closed_with_1002(patch: Patch) -> None:
    wrap(patch, Connection, "give_up", lambda original, self: self.close(1002, "no answer to a ping in time"))


@mutant("websocket", "a pong does not count as an answer, what a client sends does", ping_interval=1, ping_timeout=1)
def pong_is_no_answer(patch: Patch) -> None:
    def data_received(original: Any, self: Connection, data: bytes) -> None:
        alive = self.alive
        original(self, data)
        if data[0] == 0x8A:
            self.alive = alive

    wrap(patch, Connection, "data_received", data_received)


def answer_ping(patch: Patch, edit: Any) -> None:
    """Have `edit` change the payloads with which a client's pings are answered."""

    def receive(original: Any, self: FrameReader, data: bytes) -> None:
        if data[0] & 0x0F != 9:
            original(self, data)
            return
        payload = edit(bytes(byte ^ data[2 + index % 4] for index, byte in enumerate(data[6:])))
        if payload is not None:
            original(self, b"\x89" + bytes([0x80 | len(payload)]) + b"\0\0\0\0" + payload)

    wrap(patch, FrameReader, "_receive", receive)


@mutant("websocket", "a pong has no payload (RFC 6455, 5.5.3)")
def pong_without_payload(patch: Patch) -> None:
    answer_ping(patch, lambda payload: b"")


@mutant("websocket", "a pong has at most 64 bytes of the ping's payload (RFC 6455, 5.5.3)")
def pong_payload_cut(patch: Patch) -> None:
    answer_ping(patch, lambda payload: payload[:64])


@mutant("websocket", "a pong's payload is text: what is no UTF-8 is replaced (RFC 6455, 5.5.3)")
def pong_payload_is_text(patch: Patch) -> None:
    answer_ping(patch, lambda payload: payload.decode("ascii", "replace").encode("ascii", "replace"))


@mutant("websocket", "a ping without a payload is not answered (RFC 6455, 5.5.2)")
def empty_ping_unanswered(patch: Patch) -> None:
    answer_ping(patch, lambda payload: payload or None)


@mutant("websocket", "a pong that was not asked for closes the connection (RFC 6455, 5.5.3)")
def unasked_pong_closes(patch: Patch) -> None:
    def read(original: Any, self: FrameReader, data: bytes, handler: Any) -> None:
        if self._rest is None and data[0] == 0x8A and data[1] > 0x80:
            self.fail(CloseCode.PROTOCOL_ERROR, "a pong that was not asked for")
            handler.hear(websocket.OUTPUT)
            return
        original(self, data, handler)

    wrap(patch, FrameReader, "read", read)
