"""Frames as JSON texts (RFC 8259): what is none, and the ways in which one may be written."""

import json
import re
from collections.abc import Iterator

from specbus.verify.checks import check
from specbus.verify.failures import Broken, Skipped
from specbus.verify.target import Target
from specbus.verify.values import one
from specbus.verify.websocket.conversation import Conversation, with_id
from specbus.verify.websocket.refusals import check_correlation, check_refused


@check("websocket", "RFC 8259, 2")
def text_that_is_not_JSON_gets_one_refusal(target: Target) -> None:
    conversation = Conversation(target)
    good = json.dumps(conversation.good()[0])
    comma = good[:-1] + ",}"
    number = good[:-1] + ', "unknown-field": NaN}'
    for text in (
        comma,
        number,
        "",
        " ",
        "{",
        good[:-1],
        good + "}",
        good + good,
        "'" + good[1:],
        "NaN",
        "nul",
        "\ufeff" + good,
    ):
        target.cases += 1
        target.steps = []
        check_refused(target, conversation, text, "text that is not JSON")


@check("websocket", "RFC 8259, 2")
def what_JSON_does_not_have_is_refused_wherever_it_stands(target: Target) -> None:
    """In a payload, too, which a server may hand on without a look at it."""
    conversation = Conversation(target)
    topic = target.topics.new()
    bus = target.bus
    for wrong in ("NaN", "Infinity", "-Infinity", "[1,]", "{'a':1}", '{"a":1,}', "01", "1.", ".5", "+1", "0x1", "True",
                  "undefined", '"\\x41"', '"\t"', '"\\u12"', "[1 2]", "/**/1", '"a" "b"'):  # fmt: skip
        target.cases += 1
        target.steps = []
        frame, _ = bus.publish(topic)
        message = {**frame[bus.message_field], bus.messages.payload_field: "@@"}
        for separators in ((", ", ": "), (",", ":")):
            text = json.dumps({**frame, bus.message_field: message}, separators=separators).replace('"@@"', wrong)
            check_refused(target, conversation, text, f"a payload that is not JSON, {wrong},")


def _spellings(good: str) -> Iterator[str]:
    """The same JSON object as `good`, in other ways to write it."""
    yield f" \n\t\r{good}\r\n "
    yield good.replace('": ', '"\n:\t').replace(", ", " ,\r\n")
    yield json.dumps(json.loads(good), separators=(",", ":"))
    yield json.dumps(dict(reversed(json.loads(good).items())))
    # Any character of any text may be escaped, those of the fields' names too.
    yield re.sub(r'(?<=")[A-Za-z](?=[^"]*")', lambda letter: f"\\u{ord(letter[0]):04x}", good)
    yield re.sub(r'(?<=")[a-z]', lambda letter: f"\\u{ord(letter[0]):04X}", good)


@check("websocket", "RFC 8259, 2")
def a_frame_may_be_written_in_any_way_that_JSON_has(target: Target) -> None:
    conversation = Conversation(target)
    for message in target.document.received:
        try:
            frame = message.ours(one(message.schema, message.place), target.prefix)
        except Skipped:
            continue
        frame = with_id(message, frame, "spelt", 0)
        good = json.dumps(frame)
        plain = conversation.reply_to(good, f"a {message.name}")
        for text in _spellings(good):
            if json.loads(text) != frame:
                continue
            target.cases += 1
            target.steps = []
            reply = conversation.reply_to(text, f"a {message.name} that is written in another way")
            if target.document.is_refusal(reply) and not target.document.is_refusal(plain):
                raise Broken(f"a {message.name} is refused for the way in which its JSON is written: {text[:200]}")
            check_correlation(target, message, frame, reply)


@check("websocket", "RFC 8259, 2")
def JSON_that_is_no_object_gets_one_refusal(target: Target) -> None:
    conversation = Conversation(target)
    for text in ("null", "0", "true", '""', "[]", "[{}]", "{}", f"[{json.dumps(conversation.good()[0])}]"):
        target.cases += 1
        target.steps = []
        check_refused(target, conversation, text, "JSON that is no command")
