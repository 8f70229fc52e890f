"""Correlation ids: each comes back as it is, with what answers it, whatever its text looks like."""

import json
import unicodedata
from collections.abc import Iterator
from typing import Any

from specbus.spec import schemas
from specbus.verify.asyncapi import Message
from specbus.verify.checks import check_for_each
from specbus.verify.failures import Broken
from specbus.verify.target import Target
from specbus.verify.values import one
from specbus.verify.websocket.conversation import Conversation
from specbus.verify.websocket.refusals import check_correlation

_ODD: tuple[Any, ...] = (
    " a ", "\t", "", "a b  c", "007", "0", "-0", "1e3", "9007199254740993", "null", "true", "undefined", "NaN", "[]",
    "{}", '"', "\\", "\\u0041", "%41", "+", "<&>'", "a\u0000b", "\u0000", "a\nb",
    "\u2028", "\u007f", "\ufeff", "\ufffd",
    "e\u0301", "\u212b", "\uff21", "\u00df", "\u0130", "中", "😀", "\U0010ffff", "ABC", "abc", "AbC",
    "550E8400-E29B-41D4-A716-446655440000", "550e8400-e29b-41d4-a716-446655440000",
    "{550e8400-e29b-41d4-a716-446655440000}", "urn:uuid:550e8400-e29b-41d4-a716-446655440000",
    "550e8400e29b41d4a716446655440000", "2025-08-25T10:00:00Z", "constructor", "__proto__",
    0, 1, -1, 2**53, 2**53 + 1, 2**63 - 1, 2**64, 1.5,
)  # fmt: skip
"""Texts and numbers that programs take for something else, or tidy up."""


def _ids(message: Message) -> Iterator[Any]:
    """Ids that `message` may have."""
    schema = schemas.field(message.schema, message.correlation or "")
    longest = schema.get("maxLength") if isinstance(schema, dict) else None
    # Half of a character would be lost at the end of a text that is cut.
    yield from ([character * longest for character in ("x", "é", "😀")] if isinstance(longest, int) else ())
    yield from _ODD
    yield from (unicodedata.normalize(form, "\u00e9\u1e9b\u0323") for form in ("NFC", "NFD", "NFKC", "NFKD"))


def _correlated(target: Target) -> list[Message]:
    return [message for message in target.document.received if message.correlation]


@check_for_each(
    "websocket",
    _correlated,
    name=lambda message: f"the correlation id of a {message.name} comes back as it is",
    rule=lambda message: f"{message.place}/correlationId",
)
def _repeated(target: Target, message: Message) -> None:
    """Of what is carried out, of what is refused for what it asks, and of what is invalid elsewhere."""
    conversation = Conversation(target)
    frame = message.ours(one(message.schema, message.place), target.prefix)
    for id_ in _ids(message):
        good = {**frame, str(message.correlation): id_}
        if not message.rules.accepts(good):
            continue
        invalid = {**good, "unknown-field": 1}
        for sent in (good, invalid):
            if sent is invalid and target.document.is_valid(invalid):
                continue
            target.cases += 1
            target.steps = []
            reply = conversation.reply_to(json.dumps(sent), f"a {message.name}")
            if sent is good and target.document.refusal.on_invalid and target.document.is_refusal(reply):
                raise Broken(f"a {message.name} with {message.correlation} {json.dumps(id_)} is refused as invalid")
            check_correlation(target, message, sent, reply)
