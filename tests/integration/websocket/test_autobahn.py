"""The cases of the Autobahn TestSuite, which itself needs Python 2.7, under its numbers.

They are written for a server that sends back what it gets. Here the same frames carry commands: a `ping` comes back as
a `pong` with its `request_id`, a `publish` as an `event` with its payload, a text that is no command and a binary
message as an `error`. As there, a connection that has to live is closed with 1000 at the end, and must answer that.
"""

import asyncio
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.support.messages import UUID
from tests.support.raw import BINARY, CLOSE, PING, PONG, TEXT, Raw, frame, ping, raw
from tests.support.server import Server, create, running

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("logged_errors")]

LIMIT = 1_048_576
HELLO = "Hello, world!"
BYTES = bytes.fromhex("00fffefdfcfb00ff")
GREEK = "κ\u1f79σμε"

Answer = tuple[str, Any]
"""What kind of frame comes, and what matters of it."""


class Case(NamedTuple):
    """What is sent, in pieces that come one by one, and what must come back."""

    chops: list[bytes]
    answers: list[Answer]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One for all cases: none of them may do anything to the next."""
    with running() as server:
        create(server, "t")
        yield server


def text(message: str | bytes) -> bytes:
    """A text message that `said` answers; bytes as they are."""
    return frame(TEXT, message if isinstance(message, bytes) else ping(message))


def said(message: str = HELLO) -> Answer:
    return "said", message


def closed(code: int | None) -> Answer:
    """The end of the connection; None if the close frame has no code."""
    return "close", code


def headed(head: int, data: bytes = b"") -> bytes:
    """A frame whose first byte is `head`, right or wrong."""
    return bytes([head]) + frame(TEXT, data)[1:]


def fragments(*pieces: bytes, opcode: int = TEXT) -> list[bytes]:
    """The frames of one message."""
    last = len(pieces) - 1
    return [frame(0 if index else opcode, piece, fin=index == last) for index, piece in enumerate(pieces)]


def pieces(data: bytes, size: int) -> list[bytes]:
    """`data` in pieces of `size`."""
    return [data[start : start + size] for start in range(0, len(data), size)]


def whole(*frames: bytes) -> list[bytes]:
    """The frames in one chop."""
    return [b"".join(frames)]


def octetwise(*frames: bytes) -> list[bytes]:
    return pieces(b"".join(frames), 1)


def framewise(*frames: bytes) -> list[bytes]:
    return list(frames)


async def seen(client: Raw) -> Answer:
    """The next frame."""
    head, data = await client.frame()
    if head == 0x88:
        return closed(int.from_bytes(data[:2]) if data else None)
    if head == 0x8A:
        return "pong", data
    assert head == 0x81
    answer = json.loads(data)
    if answer["type"] == "pong":
        return said(answer.get("request_id", ""))
    if answer["type"] == "event":
        return "event", answer["message"]["payload"]
    return answer["type"], answer.get("request_id")


async def judge(server: Server, case: Case) -> None:
    """Send what `case` has, and check what comes."""
    async with raw(server) as client:
        for chop in case.chops:
            client.writer.write(chop)
            await client.writer.drain()
            # A turn of the service's loop, in which it reads what has come.
            await asyncio.to_thread(server.call, lambda: None)
        await ends(client, case.answers)


async def ends(client: Raw, answers: list[Answer]) -> None:
    """Check that `answers` come, and then the end of the connection, by us if they do not have it."""
    for answer in answers:
        assert await seen(client) == answer
    if not answers or answers[-1][0] != "close":
        client.writer.write(frame(CLOSE, b"\x03\xe8"))
        assert await seen(client) == closed(1000)
    assert await client.ended()


def framing() -> Iterator[tuple[str, Case]]:
    for number, opcode in ((1, TEXT), (2, BINARY)):
        yield f"1.{number}.1", Case([frame(opcode)], [("error", None)])


def pings_and_pongs() -> Iterator[tuple[str, Case]]:
    for number, data in enumerate([b"", HELLO.encode(), BYTES, b"\xfe" * 125], 1):
        yield f"2.{number}", Case([frame(PING, data)], [("pong", data)])
    yield "2.5", Case([headed(0x89, b"\xfe" * 126)], [closed(1002)])
    yield "2.6", Case(octetwise(frame(PING, b"\xfe" * 125)), [("pong", b"\xfe" * 125)])
    yield "2.7", Case([frame(PONG)], [])
    yield "2.8", Case([frame(PONG, b"unsolicited")], [])
    yield "2.9", Case(whole(frame(PONG, b"unsolicited"), frame(PING, b"asked")), [("pong", b"asked")])
    ten = [b"payload-%d" % number for number in range(10)]
    frames, answers = [frame(PING, data) for data in ten], [("pong", data) for data in ten]
    yield "2.10", Case(whole(*frames), answers)
    yield "2.11", Case(octetwise(*frames), answers)


def reserved_bits() -> Iterator[tuple[str, Case]]:
    hello = ping(HELLO)
    yield "3.1", Case([headed(0x91, hello)], [closed(1002)])
    for number, bits, chopped in ((2, 2, whole), (3, 3, framewise), (4, 4, octetwise)):
        frames = [text(HELLO), headed(0x81 | bits << 4, hello), frame(PING)]
        yield f"3.{number}", Case(chopped(*frames), [said(), closed(1002)])
    yield "3.5", Case([headed(0xD2, BYTES)], [closed(1002)])
    yield "3.6", Case([headed(0xE9, HELLO.encode())], [closed(1002)])
    yield "3.7", Case([headed(0xF8)], [closed(1002)])


def opcodes() -> Iterator[tuple[str, Case]]:
    for section, first in ((1, 3), (2, 11)):
        for number in range(5):
            wrong = headed(0x80 | first + number, ping(HELLO) if number in (1, 3, 4) else b"")
            if number < 2:
                yield f"4.{section}.{number + 1}", Case([wrong], [closed(1002)])
            else:
                chops = (octetwise if number == 4 else whole)(text(HELLO), wrong, frame(PING))
                yield f"4.{section}.{number + 1}", Case(chops, [said(), closed(1002)])


def fragmentation() -> Iterator[tuple[str, Case]]:
    first, second = ping(HELLO)[:20], ping(HELLO)[20:]
    broken = [closed(1002)]
    yield "5.1", Case(whole(headed(PING, b"fragment1"), frame(0, b"fragment2")), broken)
    yield "5.2", Case(whole(headed(PONG, b"fragment1"), frame(0, b"fragment2")), broken)
    begun, ended = fragments(first, second)
    for number, chopped in enumerate((whole, framewise, octetwise)):
        yield f"5.{3 + number}", Case(chopped(begun, ended), [said()])
        asked = chopped(begun, frame(PING, b"between"), ended)
        yield f"5.{6 + number}", Case(asked, [("pong", b"between"), said()])
        nothing = frame(0, b"non-continuation payload")
        yield f"5.{9 + number}", Case(chopped(nothing, text(HELLO)), broken)
        nothing = frame(0, b"non-continuation payload", fin=False)
        yield f"5.{12 + number}", Case(chopped(nothing, text(HELLO)), broken)
    nothing = frame(0, b"fragment3", fin=False)
    yield "5.15", Case(whole(begun, ended, nothing, text(HELLO)), [said(), closed(1002)])
    yield "5.16", Case(whole(*[nothing, begun, ended] * 2), broken)
    nothing = frame(0, b"fragment3")
    yield "5.17", Case(whole(*[nothing, begun, ended] * 2), broken)
    yield "5.18", Case(whole(begun, frame(TEXT, second)), broken)
    one, two, three, four, five = fragments(*pieces(ping(HELLO), 10)[:4], ping(HELLO)[40:])
    parts = whole(one, two, frame(PING, b"1")), whole(three, four, frame(PING, b"2"), five)
    answers = [("pong", b"1"), ("pong", b"2"), said()]
    yield "5.19", Case([*parts[0], *parts[1]], answers)
    yield "5.20", Case(octetwise(*parts[0], *parts[1]), answers)


def hexes(*sequences: str) -> list[bytes]:
    return [bytes.fromhex(sequence) for sequence in sequences]


def lonely(first: int, last: int) -> bytes:
    """Each of these bytes before a space."""
    return b" ".join(bytes([byte]) for byte in range(first, last + 1)) + b" "


MISSING = hexes(
    *("c0", "e0 80", "f0 80 80", "f8 80 80 80", "fc 80 80 80 80"),
    *("df", "ef bf", "f7 bf bf", "fb bf bf bf", "fd bf bf bf bf"),
)
SURROGATES = hexes("ed a0 80", "ed ad bf", "ed ae 80", "ed af bf", "ed b0 80", "ed be 80", "ed bf bf")
NONCHARACTERS = [0xFFFE, 0xFFFF, *(plane << 16 | low for plane in range(1, 17) for low in (0xFFFE, 0xFFFF))]

UTF8: list[tuple[str, list[bytes]]] = [
    ("some valid sequences", [f"hello{each}world".encode() for each in "$¢€\U00024b62"] + [GREEK.encode()]),
    ("all prefixes of a valid text", [GREEK.encode()[:end] for end in range(1, 12)]),
    ("first of each length", hexes("00", "c2 80", "e0 a0 80", "f0 90 80 80")),
    ("first of the lengths that there are no more", hexes("f8 88 80 80 80", "fc 84 80 80 80 80")),
    ("last of each length", hexes("7f", "df bf", "ef bf bf", "f4 8f bf bf")),
    ("last of the lengths that there are no more", hexes("f7 bf bf bf", "fb bf bf bf bf", "fd bf bf bf bf bf")),
    ("other boundaries", hexes("ed 9f bf", "ee 80 80", "ef bf bd", "f4 8f bf bf", "f4 90 80 80")),
    (
        "continuation bytes alone",
        [b"\x80", b"\xbf", *((b"\x80\xbf" * 3)[:size] for size in range(2, 7)), bytes(range(0x80, 0xC0))],
    ),
    (
        "first bytes alone",
        [lonely(0xC0, 0xDF), lonely(0xE0, 0xEF), lonely(0xF0, 0xF7), lonely(0xF8, 0xFB), lonely(0xFC, 0xFD)],
    ),
    ("last byte missing", MISSING),
    ("all of these together", [b"".join(MISSING)]),
    ("impossible bytes", hexes("fe", "ff", "fe fe ff ff")),
    ("overlong /", hexes("c0 af", "e0 80 af", "f0 80 80 af", "f8 80 80 80 af", "fc 80 80 80 80 af")),
    ("longest overlong", hexes("c1 bf", "e0 9f bf", "f0 8f bf bf", "f8 87 bf bf bf", "fc 83 bf bf bf bf")),
    ("overlong NUL", hexes("c0 80", "e0 80 80", "f0 80 80 80", "f8 80 80 80 80", "fc 80 80 80 80 80")),
    ("surrogates", SURROGATES),
    ("pairs of surrogates", [high + low for high in SURROGATES[:4] for low in (SURROGATES[4], SURROGATES[6])]),
    ("noncharacters, which are valid", [chr(point).encode() for point in NONCHARACTERS]),
    ("specials", [chr(point).encode() for point in range(0xFFF9, 0x10000)]),
]
"""Sections 6.5 to 6.23, and their cases."""
NOT_UTF8 = {
    *("6.8", "6.10", "6.11.5", *(f"6.{section}" for section in range(12, 22))),
    *(f"6.6.{size}" for size in (1, 3, 4, 6, 8, 10)),
}


def utf8() -> Iterator[tuple[str, Case]]:
    broken = [closed(1007)]
    refused = [("error", None)]
    yield "6.1.1", Case([text(b"")], refused)
    yield "6.1.2", Case(whole(*fragments(b"", b"", b"")), refused)
    yield "6.1.3", Case(whole(*fragments(b"", ping(HELLO), b"")), [said()])

    mixed = "Hello-µ@ßöäüàá-UTF-8!!"
    start, middle = b'{"type":"ping","request_id":"', mixed.encode().index("ü".encode())
    yield "6.2.1", Case([text(start + mixed.encode() + b'"}')], [said(mixed)])
    parts = start + mixed.encode()[:middle], mixed.encode()[middle:] + b'"}'
    yield "6.2.2", Case(whole(*fragments(*parts)), [said(mixed)])
    for number, each in ((3, mixed), (4, GREEK)):
        octets = pieces(start + each.encode() + b'"}', 1)
        yield f"6.2.{number}", Case(whole(*fragments(*octets)), [said(each)])

    wrong = start + GREEK.encode() + b"\xed\xa0\x80edited" + b'"}'
    yield "6.3.1", Case([text(wrong)], broken)
    yield "6.3.2", Case(whole(*fragments(*pieces(wrong, 1))), broken)

    # The service judges a message when it has come whole, not as soon as it might (RFC 6455, 8.1, allows both).
    parts_of = {
        1: (start + GREEK.encode(), b"\xf4\x90\x80\x80", b'edited"}'),
        2: (start + GREEK.encode() + b"\xf4", b"\x90", b'\x80\x80edited"}'),
    }
    for number, (before, breaking, after) in parts_of.items():
        one, two, three = fragments(before, breaking, after)
        sent = [one + frame(PING, b"A"), two + frame(PING, b"B"), three]
        yield f"6.4.{number}", Case(sent, [("pong", b"A"), ("pong", b"B"), *broken])
        data = frame(TEXT, before + breaking + after)
        cuts = len(data) - len(breaking + after), len(data) - len(after)
        yield f"6.4.{number + 2}", Case([data[: cuts[0]], data[cuts[0] : cuts[1]], data[cuts[1] :]], broken)

    for section, (_, sequences) in enumerate(UTF8, 5):
        for number, sequence in enumerate(sequences, 1):
            name = f"6.{section}.{number}"
            if {name, f"6.{section}"} & NOT_UTF8:
                answers, alone = broken, broken
            else:
                # NUL is UTF-8, but JSON wants it escaped.
                answers, alone = refused if sequence == b"\0" else [said(sequence.decode())], refused
            yield name, Case([text(start + sequence + b'"}')], answers)
            yield f"{name} alone", Case([text(sequence)], alone)


def close_handling() -> Iterator[tuple[str, Case]]:
    close = frame(CLOSE, b"\x03\xe8")
    yield "7.1.1", Case(whole(text(HELLO), close), [said(), closed(1000)])
    yield "7.1.2", Case(whole(close, close), [closed(1000)])
    yield "7.1.3", Case(whole(close, frame(PING)), [closed(1000)])
    yield "7.1.4", Case(whole(close, text(HELLO)), [closed(1000)])
    begun, ended = fragments(ping(HELLO)[:20], ping(HELLO)[20:])
    yield "7.1.5", Case(whole(begun, close, ended), [closed(1000)])
    yield "7.1.6", Case(whole(text(ping(HELLO).ljust(262_144)), close, frame(PING)), [said(), closed(1000)])

    yield "7.3.1", Case([frame(CLOSE)], [closed(None)])
    yield "7.3.2", Case([frame(CLOSE, b"\x03")], [closed(1002)])
    yield "7.3.3", Case([close], [closed(1000)])
    yield "7.3.4", Case([frame(CLOSE, b"\x03\xe8Hello World!")], [closed(1000)])
    yield "7.3.5", Case([frame(CLOSE, b"\x03\xe8" + b"*" * 123)], [closed(1000)])
    yield "7.3.6", Case([headed(0x88, b"\x03\xe8" + b"*" * 124)], [closed(1002)])
    yield "7.5.1", Case([frame(CLOSE, b"\x03\xe8" + GREEK.encode() + b"\xed\xa0\x80edited")], [closed(1007)])

    valid = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
    for number, code in enumerate(valid, 1):
        yield f"7.7.{number}", Case([frame(CLOSE, code.to_bytes(2))], [closed(code)])
    invalid = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999]
    for number, code in enumerate(invalid, 1):
        yield f"7.9.{number}", Case([frame(CLOSE, code.to_bytes(2))], [closed(1002)])
    for number, code in enumerate((5000, 65_535), 1):
        yield f"7.13.{number}", Case([frame(CLOSE, code.to_bytes(2))], [closed(1002)])


CASES = dict(
    case
    for section in (framing, pings_and_pongs, reserved_bits, opcodes, fragmentation, utf8, close_handling)
    for case in section()
)


@pytest.mark.parametrize("number", CASES)
async def test_case(server: Server, number: str) -> None:
    await judge(server, CASES[number])


class Sized(NamedTuple):
    """A message of `size` bytes, sent in frames of `fragment` bytes and chops of `chop`."""

    size: int
    fragment: int = 16_777_216
    chop: int = 16_777_216

    def sent(self, data: bytes, opcode: int) -> list[bytes]:
        return pieces(b"".join(fragments(*pieces(data, self.fragment), opcode=opcode)), self.chop)


KIB = 1024
SIZED = {
    **{f"1.1.{number}": Sized(size) for number, size in enumerate((125, 126, 127, 128, 65_535, 65_536), 2)},
    "1.1.8": Sized(65_536, chop=997),
    **{f"9.1.{number}": Sized(size * KIB) for number, size in enumerate((64, 256, 1024, 4096, 8192, 16_384), 1)},
    # Of 4 MiB there, which are too large here.
    **{f"9.3.{number}": Sized(LIMIT, fragment=4**number * 16) for number in range(1, 9)},
    "9.3.9": Sized(4 * LIMIT, fragment=256 * KIB),
    **{f"9.5.{number}": Sized(LIMIT, chop=2**number * 32) for number in range(1, 7)},
    "10.1.1": Sized(65_536, fragment=1300),
}
BINARY_NUMBERS = {"1.1.": "1.2.", "9.1.": "9.2.", "9.3.": "9.4.", "9.5.": "9.6."}


async def send(client: Raw, chops: list[bytes]) -> None:
    for chop in chops:
        client.writer.write(chop)
        await client.writer.drain()


@pytest.mark.parametrize("number", SIZED)
async def test_a_text_message_of_any_size_comes_out_as_it_went_in(server: Server, number: str) -> None:
    case = SIZED[number]
    head, tail = b'{"type":"publish","topic":"t","message":{"id":"%b","payload":"' % UUID.encode(), b'"}}'
    payload = ("*" * 16 + "0123456789abcdef" * (case.size // 16))[: case.size - len(head) - len(tail)]
    async with raw(server) as client:
        client.writer.write(text(b'{"type":"subscribe","topic":"t","client_id":"c"}'))
        assert await seen(client) == ("ack", None)
        await send(client, case.sent(head + payload.encode() + tail, TEXT))
        if case.size <= LIMIT:
            # Which of them is first is not promised.
            assert {await seen(client), await seen(client)} == {("ack", None), ("event", payload)}
        await ends(client, [closed(1009)] if case.size > LIMIT else [])


@pytest.mark.parametrize("number", [number for number in SIZED if number[:4] in BINARY_NUMBERS])
async def test_a_binary_message_of_any_size_gets_one_error(server: Server, number: str) -> None:
    case = SIZED[number]
    data = b'{"x":"'.ljust(case.size - 22, b"*") + b'","request_id":"last"}'
    assert len(data) == case.size
    async with raw(server) as client:
        await send(client, case.sent(data, BINARY))
        await ends(client, [closed(1009)] if case.size > LIMIT else [("error", "last")])


@pytest.mark.parametrize("size", [0, 16, 64, 256, 1024, 4096])
@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["9.7", "9.8"])
async def test_1000_messages_are_answered_each_before_the_next_is_sent(server: Server, opcode: int, size: int) -> None:
    data = b'{"type":"ping"}'.ljust(size) if size >= 16 else b""
    async with raw(server) as client:
        for _ in range(1000):
            client.writer.write(frame(opcode, data))
            answer = said("") if opcode == TEXT and size else ("error", None)
            assert await seen(client) == answer
        await ends(client, [])
