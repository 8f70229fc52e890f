"""The opening handshake (RFC 6455, 4.2), as no client library sends it."""

import contextlib
import json
from collections.abc import Iterator
from http import HTTPStatus

from websockets.frames import Frame, Opcode

from specbus.verify.checks import check, needs_key
from specbus.verify.failures import Broken, Skipped, TimedOut
from specbus.verify.raw import (
    WRONG_HOSTS,
    Answer,
    Exchange,
    escaped,
    handshake,
    other_places,
    told,
    told_hosts,
    wrong_keys,
)
from specbus.verify.rest.document import KEY_HEADER
from specbus.verify.target import Target
from specbus.verify.websocket.conversation import Conversation


@contextlib.contextmanager
def _sent(target: Target, data: bytes) -> Iterator[Exchange]:
    """What comes of `data`, sent as a case of its own."""
    target.cases += 1
    target.steps = []
    exchange = Exchange(target, data)
    try:
        with exchange:
            yield exchange
    except Broken as broken:
        broken.reproduce = exchange.command
        raise


@check("websocket", "RFC 9112, 3.2")
def a_handshake_without_exactly_one_valid_Host_is_a_400(target: Target) -> None:
    for hosts in WRONG_HOSTS:
        with _sent(target, handshake(target, hosts=hosts)) as exchange:
            answer = exchange.answer()
            if answer is None or answer.status != 400:
                raise Broken(f"a handshake with {told_hosts(hosts)} is {told(answer)}, not 400")


def _refused(target: Target, what: str, data: bytes) -> None:
    with _sent(target, data) as exchange:
        answer = exchange.answer()
        if answer and answer.status == 101:
            raise Broken(f"a handshake {what} is answered with 101, not refused")


def _without(target: Target, field: str, wrong: str) -> None:
    """Send handshakes without a field, or with a wrong value in it, which must be refused."""
    _refused(target, f"without {field}", handshake(target, {field: None}))
    _refused(target, f"with {field}: {wrong}", handshake(target, {field: wrong}))


@check("websocket", "RFC 6455, 4.2.1")
def a_request_that_is_no_handshake_opens_no_WebSocket(target: Target) -> None:
    _refused(target, "with the method POST", handshake(target, {"Content-Length": "0"}, method="POST"))
    _without(target, "Upgrade", "no-such-protocol")
    _without(target, "Sec-WebSocket-Version", "12")
    _without(target, "Sec-WebSocket-Key", "c2hvcnQ=")


# What is between two connections only is a check of its own, to be left out: proxies (nginx, Caddy) write it anew.
@check("websocket", "RFC 9110, 7.8")
def an_Upgrade_in_an_old_version_of_HTTP_or_without_Connection_opens_no_WebSocket(target: Target) -> None:
    _refused(target, "in HTTP/1.0", handshake(target, version="1.0"))
    _without(target, "Connection", "keep-alive")


@check("websocket", "RFC 3986, 6.2.2.2")
def an_escaped_letter_in_the_path_of_a_handshake_is_that_letter(target: Target) -> None:
    address = target.document.address
    path = escaped(address)
    if path == address:
        raise Skipped(f"{address}, the address of the WebSocket, has no letter")
    with _sent(target, handshake(target, path=path)) as exchange:
        _accepted(exchange.answer(), f"a handshake at {path}, which is {address},")


@check("websocket", "asyncapi.yaml#/channels")
def a_handshake_at_another_path_opens_no_WebSocket(target: Target) -> None:
    address = target.document.address
    others = ("/no-such-path", f"{address}x", f"{address}/", f"{address}/x", address.swapcase(), f"/x{address}")
    for path in others:
        if path != address:
            _refused(target, f"at {path}, where the document has none,", handshake(target, path=path))


@check("websocket", "asyncapi.yaml#/components/securitySchemes", when=needs_key)
def a_handshake_with_another_key_opens_no_WebSocket(target: Target) -> None:
    key = target.options.api_key or ""
    wrong: list[tuple[str, str, dict[str, str | None]]]
    wrong = [(f"with {what}", "", {KEY_HEADER: value}) for what, value in wrong_keys(key)]
    places = [
        (f"with the key {what}", query, dict[str, str | None](fields)) for what, query, fields in other_places(key)
    ]
    for how, query, fields in [*wrong, *places]:
        data = handshake(target, fields, path=target.document.address + query, has_key=False)
        with _sent(target, data) as exchange:
            answer = exchange.answer()
            # What it is refused for may be the query.
            if answer is None or answer.status not in ((401, 400, 404) if query else (401,)):
                raise Broken(f"a handshake {how} is {told(answer)}, not 401")
            if answer.status == 401 and not answer.fields.get("WWW-Authenticate"):
                problem = f"a handshake {how} is answered with a 401 without WWW-Authenticate"
                raise Broken(problem, rule="RFC 9110, 15.5.2")


def _key_is_wanted(target: Target) -> str | None:
    return "the server wants a key" if target.options.api_key else None


@check("websocket", "asyncapi.yaml#/components/securitySchemes", when=_key_is_wanted)
def a_handshake_with_a_key_that_is_not_wanted_is_accepted(target: Target) -> None:
    for key in ("any-key", ""):
        with _sent(target, handshake(target, {KEY_HEADER: key})) as exchange:
            _accepted(exchange.answer(), f"a handshake with {KEY_HEADER}: {key}, where no key is wanted,")


def _accepted(answer: Answer | None, what: str) -> None:
    if answer is None or answer.status != 101:
        raise Broken(f"{what} is {told(answer)}, not 101")


@check("websocket", "RFC 6455, 4.2.2")
def a_frame_that_comes_with_its_handshake_is_answered_or_the_handshake_refused(target: Target) -> None:
    """A client has to wait for the 101 (RFC 6455, 4.1), so a server may refuse. What it accepts it must not lose."""
    document = target.document
    good, message = Conversation(target).good()
    frame = Frame(Opcode.TEXT, json.dumps(good).encode()).serialize(mask=True)
    with _sent(target, handshake(target) + frame) as exchange:
        answer = exchange.answer()
        if answer is None or answer.status != 101:
            return
        try:
            for received in exchange.frames():
                if document.sent_as(received) in document.replies:
                    if document.is_refusal(received):
                        raise Broken(f"a valid {message.name} that comes with its handshake is refused")
                    return
        except TimedOut:
            raise Broken(f"a valid {message.name} that comes with its handshake is not answered") from None


@check("websocket", "RFC 6455, 4.2.1")
def a_handshake_may_name_its_upgrade_in_any_case_and_in_a_list(target: Target) -> None:
    for fields in ({"Upgrade": "WebSocket"}, {"Connection": "keep-alive, Upgrade"}, {"Connection": "upgrade"}):
        with _sent(target, handshake(target, fields)) as exchange:
            _accepted(exchange.answer(), f"a handshake with {fields}")


@check("websocket", "RFC 6455, 4.2.2")
def a_handshake_of_another_version_is_told_the_right_one(target: Target) -> None:
    for version in ("8", "12", "14"):
        with _sent(target, handshake(target, {"Sec-WebSocket-Version": version})) as exchange:
            answer = exchange.answer()
            # Libraries answer with 400 and no version. To say that an upgrade is needed, and not to which, misleads.
            if answer is None or answer.status not in (HTTPStatus.SWITCHING_PROTOCOLS, HTTPStatus.UPGRADE_REQUIRED):
                continue
            told_versions = ",".join(answer.fields.get_all("Sec-WebSocket-Version", []))
            if "13" not in [each.strip() for each in told_versions.split(",")]:
                what = f"a handshake of version {version} is {told(answer)}"
                raise Broken(f"{what}, without a Sec-WebSocket-Version that names 13")


@check("websocket", "RFC 6455, 4.2.2")
def a_handshake_agrees_to_nothing_that_no_server_knows(target: Target) -> None:
    for field in ("Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"):
        for value in (None, "x-no-such-thing", "x-no-such-thing, x-nor-such"):
            with _sent(target, handshake(target, {field: value})) as exchange:
                answer = exchange.answer()
                if answer and answer.status == 101 and answer.fields[field]:
                    problem = f"a handshake with {field}: {value}" if value else f"a handshake without {field}"
                    raise Broken(f"{problem} is answered with {field}: {answer.fields[field]}")
