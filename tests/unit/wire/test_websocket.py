"""Frames without a socket: those of the service as a client reads them, those of a client as the service does."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from specbus.wire.websocket import MAX_FRAGMENTS, TURN, FrameReader, Signal, payloads, text_frame

BOUNDARIES = [0, 1, 125, 126, 127, 65_535, 65_536]
LIMIT = 100_000


def read(data: bytes) -> list[bytes]:
    """The payloads that a WebSocket client reads from `data`: whole text frames and nothing else."""
    client = ClientProtocol(parse_uri("ws://localhost/ws"), state=OPEN, max_size=None)
    client.receive_data(data)
    frames = client.events_received()
    assert client.parser_exc is None
    assert client.data_to_send() == []
    texts = [bytes(frame.data) for frame in frames if isinstance(frame, Frame)]
    assert frames == [Frame(Opcode.TEXT, text) for text in texts]
    return texts


# What the service sends


@pytest.mark.parametrize(("size", "head"), list(zip(BOUNDARIES, [2, 2, 2, 4, 4, 4, 10], strict=True)))
def test_a_payload_of_each_size_is_one_frame_with_the_shortest_head(size: int, head: int) -> None:
    payload = b"x" * size
    frame = text_frame(payload)
    assert len(frame) == head + size
    assert read(frame) == [payload]
    assert payloads(frame) == [payload]


@given(st.lists(st.sampled_from(BOUNDARIES).map(lambda size: b"\x81\x7e\x7f{}"[:size].ljust(size, b"x"))))
@example([])
def test_joined_frames_come_apart_again(texts: list[bytes]) -> None:
    joined = b"".join(text_frame(text) for text in texts)
    assert read(joined) == texts
    assert payloads(joined) == texts


# What a client sends


def masked(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    """A client's frame."""
    return Frame(opcode, data, fin).serialize(mask=True)


class Found:
    """A handler that notes what it is given."""

    def __init__(self) -> None:
        self.items: list[bytes | Signal] = []
        self.binary: list[bytes] = []

    def receive(self, text: bytes) -> None:
        self.items.append(text)

    def receive_binary(self, data: bytes) -> None:
        self.binary.append(data)

    def hear(self, signal: Signal) -> None:
        self.items.append(signal)


def received(reader: FrameReader, *chunks: bytes) -> list[bytes | Signal]:
    """What `reader` makes of `chunks`, one after the other."""
    found = Found()
    for chunk in chunks:
        reader.read(chunk, found)
    return found.items


def sent(reader: FrameReader) -> list[Frame]:
    """The frames that `reader` wants sent."""
    client = ClientProtocol(parse_uri("ws://localhost/ws"), state=OPEN)
    for chunk in reader.data_to_send():
        if chunk:
            client.receive_data(chunk)
    return [event for event in client.events_received() if isinstance(event, Frame)]


@given(
    st.lists(st.sampled_from([0, 1, 125, 126, 300, 65_536]), max_size=6),
    st.lists(st.integers(1, 400), min_size=1, max_size=40),
    st.integers(1, 3),
)
def test_messages_come_whole_and_in_order_however_the_bytes_are_cut(
    sizes: list[int], cuts: list[int], fragments: int
) -> None:
    texts = [bytes([97 + number]) * size for number, size in enumerate(sizes)]
    data = b""
    for text in texts:
        step = len(text) // fragments + 1
        parts = [text[start : start + step] for start in range(0, max(len(text), 1), step)]
        for number, part in enumerate(parts):
            opcode = Opcode.CONT if number else Opcode.TEXT
            data += masked(opcode, part, fin=number == len(parts) - 1)
            data += masked(Opcode.PONG, b"between")
    chunks: list[bytes] = []
    while data:
        size = cuts[len(chunks) % len(cuts)] * (50 if len(chunks) > 200 else 1)
        chunks.append(data[:size])
        data = data[size:]
    # Time stands still: how long a turn takes is not what this is about.
    assert received(FrameReader(LIMIT, lambda: 0.0), *chunks) == texts


def test_a_ping_is_answered_and_the_messages_around_it_are_read() -> None:
    reader = FrameReader(LIMIT)
    data = masked(Opcode.TEXT, b"1") + masked(Opcode.PING, b"p") + masked(Opcode.TEXT, b"2")
    assert received(reader, data) == [b"1", Signal.OUTPUT, b"2"]
    assert sent(reader) == [Frame(Opcode.PONG, b"p")]
    assert sent(reader) == []
    assert not reader.closing


def test_what_needs_an_answer_is_held_while_the_client_does_not_read_and_pongs_before_it_are_not() -> None:
    reader = FrameReader(LIMIT)
    reader.paused = True
    pong, texts = masked(Opcode.PONG, b""), [masked(Opcode.TEXT, b"1"), masked(Opcode.TEXT, b"2")]
    assert received(reader, pong + texts[0]) == [Signal.HELD]
    assert reader.held
    assert received(reader, texts[1]) == []
    reader.paused = False
    found = Found()
    reader.resume(found)
    assert found.items == [b"1", b"2"]
    assert not reader.held


def test_a_close_frame_is_seen_while_the_client_does_not_read() -> None:
    reader = FrameReader(LIMIT)
    reader.paused = True
    assert received(reader, masked(Opcode.CLOSE, Close(1000, "bye").serialize())) == [Signal.OUTPUT]
    (answer,) = sent(reader)
    assert answer.opcode is Opcode.CLOSE
    assert (reader.closing, reader.close_complete) == (True, True)
    assert reader.close_reason == "by the client, 1000 bye"


def test_nothing_is_read_once_the_connection_closes_but_the_other_close_frame() -> None:
    reader = FrameReader(LIMIT)
    half = masked(Opcode.TEXT, b"x" * 10)
    assert received(reader, half[:5]) == []
    reader.close(1001, "going")
    (frame,) = sent(reader)
    assert Close.parse(bytes(frame.data)) == Close(1001, "going")
    assert (reader.closing, reader.close_complete) == (True, False)
    assert received(reader, half[5:] + masked(Opcode.TEXT, b"more")) == []
    assert received(reader, masked(Opcode.CLOSE, Close(1001, "").serialize())) == [Signal.OUTPUT]
    assert reader.close_complete
    assert sent(reader) == []
    assert received(reader, masked(Opcode.PING, b"more")) == []


def test_pings_are_answered_while_the_connection_closes_but_not_to_one_who_does_not_read() -> None:
    reader = FrameReader(LIMIT)
    reader.close(1001, "going")
    sent(reader)
    ping = masked(Opcode.PING, b"p")
    assert received(reader, ping) == [Signal.OUTPUT]
    assert sent(reader) == [Frame(Opcode.PONG, b"p")]
    reader.paused = True
    assert received(reader, ping * 100_000) in ([], [Signal.TURN_OVER])
    assert sent(reader) == []


def test_what_was_held_when_the_connection_closed_is_looked_through_for_the_close_frame() -> None:
    reader = FrameReader(LIMIT)
    reader.paused = True
    held = masked(Opcode.TEXT, b"1") + masked(Opcode.CLOSE, Close(1001, "").serialize())
    assert received(reader, held) == [Signal.HELD]
    reader.close(1001, "going")
    sent(reader)
    assert reader.held
    found = Found()
    reader.resume(found)
    assert found.items == [Signal.OUTPUT]
    sent(reader)
    assert (reader.close_complete, reader.held) == (True, False)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (Frame(Opcode.TEXT, b"x").serialize(mask=False), CloseCode.PROTOCOL_ERROR),
        (b"\xc1\x81\x00\x00\x00\x00x", CloseCode.PROTOCOL_ERROR),
        (b"\x83\x80\x00\x00\x00\x00", CloseCode.PROTOCOL_ERROR),
        (b"\x09\x80\x00\x00\x00\x00", CloseCode.PROTOCOL_ERROR),
        (masked(Opcode.PING, b"x" * 125)[:1] + b"\xfe\x00\x7e" + b"\x00" * 130, CloseCode.PROTOCOL_ERROR),
        (masked(Opcode.CONT, b"x"), CloseCode.PROTOCOL_ERROR),
        (masked(Opcode.TEXT, b"x", fin=False) + masked(Opcode.TEXT, b"x"), CloseCode.PROTOCOL_ERROR),
        (masked(Opcode.TEXT, b"x" * (LIMIT + 1)), CloseCode.MESSAGE_TOO_BIG),
        (masked(Opcode.TEXT, b"x" * LIMIT, fin=False) + masked(Opcode.CONT, b"x"), CloseCode.MESSAGE_TOO_BIG),
    ],
    ids=[
        "not masked",
        "a reserved bit",
        "a reserved opcode",
        "a ping in fragments",
        "a long ping",
        "a fragment of nothing",
        "a message inside another",
        "too large",
        "too large together",
    ],
)
def test_a_breach_of_the_protocol_fails_the_connection(data: bytes, code: CloseCode) -> None:
    reader = FrameReader(LIMIT)
    assert received(reader, data) == [Signal.OUTPUT]
    (frame,) = sent(reader)
    assert Close.parse(bytes(frame.data)).code == code
    assert reader.closing


def test_a_binary_message_comes_whole_and_apart_from_text() -> None:
    found = Found()
    binary = masked(Opcode.BINARY, b"12", fin=False) + masked(Opcode.CONT, b"3") + masked(Opcode.TEXT, b"next")
    FrameReader(LIMIT).read(binary, found)
    assert (found.binary, found.items) == ([b"123"], [b"next"])


def test_fragments_are_counted() -> None:
    reader = FrameReader(LIMIT)
    first, more = masked(Opcode.TEXT, b"", fin=False), masked(Opcode.CONT, b"", fin=False)
    assert received(reader, first, *[more] * (MAX_FRAGMENTS - 1)) == []
    assert received(reader, more) == [Signal.OUTPUT]
    (frame,) = sent(reader)
    assert Close.parse(bytes(frame.data)).code == CloseCode.MESSAGE_TOO_BIG


# Turns


class Slow(Found):
    """A handler on whose clock each message takes `cost` seconds."""

    def __init__(self, cost: float) -> None:
        super().__init__()
        self._cost = cost
        self.now = 1.0
        self.turns: list[float] = []
        """How long each turn was that ended before all was read."""
        self._began = self.now

    def receive(self, text: bytes) -> None:
        super().receive(text)
        self.now += self._cost

    def hear(self, signal: Signal) -> None:
        self.now += self._cost
        if signal is Signal.TURN_OVER:
            self.turns.append(self.now - self._began)
            self._began = self.now
        else:
            super().hear(signal)

    def read_all(self, reader: FrameReader, data: bytes) -> None:
        """Have `reader` read `data`, in as many turns as it likes."""
        reader.read(data, self)
        while reader.held:
            reader.resume(self)


KINDS = {
    "messages": masked(Opcode.TEXT, b"x"),
    "pings": masked(Opcode.PING, b"x"),
    "large messages": masked(Opcode.TEXT, b"x" * 5_000),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cost", [0.00001, 0.0001, 0.001])
def test_a_turn_ends_soon_after_its_time_whatever_comes(kind: str, cost: float) -> None:
    slow = Slow(cost)
    reader = FrameReader(LIMIT, lambda: slow.now)
    slow.read_all(reader, KINDS[kind] * 1_000)
    assert len(slow.items) == 1_000
    assert len(slow.turns) >= min(1_000 * cost / TURN / 3, 1_000 // 34)
    # The clock is looked at around a large frame; else after so many, of which the first begin before it is.
    uncertain = 1 if kind == "large messages" else 32
    assert max(slow.turns) <= TURN + (uncertain + 1) * cost + 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_there_are_turns_while_the_connection_closes_too(kind: str) -> None:
    slow = Slow(0)
    ticks = iter(range(1_000_000))
    reader = FrameReader(LIMIT, lambda: next(ticks) * TURN)
    reader.close(1001, "going")
    sent(reader)
    slow.read_all(reader, KINDS[kind] * 1_000)
    assert len(slow.turns) >= 1_000 // 64


def test_empty_fragments_have_turns_too() -> None:
    slow = Slow(0)
    ticks = iter(range(1, 1_000_000))
    reader = FrameReader(LIMIT, lambda: next(ticks) * TURN)
    first, more = masked(Opcode.TEXT, b"", fin=False), masked(Opcode.CONT, b"", fin=False)
    slow.read_all(reader, first + more * 1_000)
    assert len(slow.turns) >= 1_000 // 64


def test_nothing_is_lost_or_moved_when_more_comes_between_turns() -> None:
    slow = Slow(1)
    reader = FrameReader(LIMIT, lambda: slow.now)
    texts = [b"%d" % number for number in range(200)]
    for text in texts:
        reader.read(masked(Opcode.TEXT, text), slow)
    while reader.held:
        reader.resume(slow)
    assert slow.items == texts
