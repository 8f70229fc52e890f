"""Frames and texts that no schema can describe: what is no JSON, not text, too large, too deep or in pieces."""

import json

from websockets.frames import CloseCode

from specbus.verify.checks import RISKY, check
from specbus.verify.failures import Broken, Closed
from specbus.verify.target import Target
from specbus.verify.websocket.conversation import Conversation
from specbus.verify.websocket.refusals import check_not_utf_8, check_refusal
from specbus.verify.websocket.values import counted

HUGE = 32 * 1024 * 1024
"""Bytes of a frame that is larger than a server should take."""


@check("websocket", "RFC 6455, 5.6")
def a_binary_frame_gets_one_refusal(target: Target) -> None:
    conversation = Conversation(target)
    for data in (b"", b"\x00\xff", json.dumps(conversation.good()[0]).encode()):
        target.cases += 1
        replies = conversation.replies_to(data, text=False)
        if len(replies) != 1:
            raise Broken(f"a binary frame gets {counted(len(replies), 'reply', 'replies')} instead of one refusal")
        check_refusal(target, replies[0], "a binary frame")


@check("websocket", "RFC 8259, 9", order=RISKY)
def deep_nesting_gets_one_refusal(target: Target) -> None:
    conversation = Conversation(target)
    for text in ("[" * 100_000, "[" * 10_000 + "]" * 10_000, '{"a":' * 10_000 + "1" + "}" * 10_000):
        target.cases += 1
        target.steps = []
        replies = conversation.replies_to(text)
        if len(replies) != 1:
            raise Broken(f"deep nesting gets {counted(len(replies), 'reply', 'replies')} instead of one refusal")
        check_refusal(target, replies[0], "deep nesting")


@check("websocket", "RFC 6455, 7.4.1", order=RISKY)
def a_huge_frame_is_refused_or_ends_its_connection_with_1009(target: Target) -> None:
    peer = target.peer()
    target.cases += 1
    try:
        peer.send('{"a":"' + "x" * HUGE + '"}')
        until = target.deadline()
        while not target.document.is_refusal(peer.receive(until)):
            pass
    except Closed as closed:
        if closed.code not in (CloseCode.MESSAGE_TOO_BIG, 1006):
            raise Broken(
                f"{closed.problem} for a frame of {HUGE} bytes, not with {CloseCode.MESSAGE_TOO_BIG}"
            ) from None
    conversation = Conversation(target)
    try:
        conversation.replies_to(json.dumps(conversation.good()[0]))
    except Broken:
        raise Broken("after a huge frame, the server does not answer another connection") from None


@check("websocket", "RFC 6455, 8.1", order=RISKY)
def text_that_is_not_UTF_8_is_refused_or_ends_its_connection_with_1007(target: Target) -> None:
    conversation = Conversation(target)
    good = json.dumps(conversation.good()[0]).encode()
    for data in (b"\xff", b'{"a":"\xc3"}', good[:-2] + b"\xed\xa0\x80" + good[-2:]):
        target.cases += 1
        target.steps = []
        check_not_utf_8(target, conversation, data)


@check("websocket", "RFC 6455, 5.4")
def a_fragmented_message_is_one_message(target: Target) -> None:
    conversation = Conversation(target)
    for parts in (2, 7):
        target.cases += 1
        good, message = conversation.good()
        text = json.dumps(good)
        step = max(1, len(text) // parts)
        pieces = tuple(text[at : at + step] for at in range(0, len(text), step))
        target.steps = []
        replies = conversation.replies_to(pieces)
        if len(replies) != 1 or target.document.is_refusal(replies[0]):
            raise Broken(f"a {message.name} in {len(pieces)} fragments is not taken as one frame")


@check("websocket", "RFC 6455, 5.5.2")
def a_WebSocket_ping_is_answered(target: Target) -> None:
    target.cases += 1
    peer = target.peer()
    if not peer.raw.ping(b"are you there").wait(target.timeout()):
        raise Broken("no pong came for a WebSocket ping")
