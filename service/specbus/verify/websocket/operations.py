"""Each operation of the document: valid commands get their reply, invalid ones a refusal, and the connection lives."""

import contextlib
import itertools
import json
from collections.abc import Iterator
from typing import Any

from specbus.spec import schemas
from specbus.verify.asyncapi import Exchange, Frame, Message
from specbus.verify.checks import check_for_each
from specbus.verify.failures import Broken, Skipped
from specbus.verify.generate import for_each
from specbus.verify.strategies import bodies
from specbus.verify.target import Target
from specbus.verify.values import one
from specbus.verify.websocket.conversation import Conversation, with_id
from specbus.verify.websocket.refusals import check_correlation, check_refused
from specbus.verify.websocket.values import variations


def _operations(target: Target) -> list[Exchange]:
    return target.document.operations


@check_for_each(
    "websocket",
    _operations,
    name=lambda operation: f"a valid `{operation.name}` gets a reply that is declared, with its correlation id",
    rule=lambda operation: f"{operation.place}/reply",
)
def _valid(target: Target, operation: Exchange) -> None:
    conversation = Conversation(target)
    numbers = itertools.count()

    def case(body: tuple[Any, str]) -> None:
        frame, _ = body
        if not isinstance(frame, dict) or not message.rules.accepts(frame) or not _is_text(frame):
            return
        frame = message.ours(frame, target.prefix)
        number = next(numbers)
        if number % 3:
            frame = with_id(message, frame, "case", number)
        reply = conversation.reply_to(json.dumps(frame, ensure_ascii=bool(number % 2)), f"a valid {message.name}")
        kind = target.document.sent_as(reply)
        if kind not in operation.replies:
            raise Broken(f"a valid {message.name} is answered with {kind and kind.name}, which is not its reply")
        if target.document.refusal.on_invalid and target.document.is_refusal(reply):
            raise Broken(f"a valid {message.name} is refused")
        check_correlation(target, message, frame, reply)

    for message in operation.messages:
        for_each(target, bodies(message.schema, valid=True), target.options.examples, case)
        for frame in itertools.chain(_with_each_field(message), _at_the_bounds(message)):
            target.cases += 1
            target.steps = []
            case((frame, ""))


@check_for_each(
    "websocket",
    _operations,
    name=lambda operation: f"an invalid `{operation.name}` gets one refusal, and the connection lives",
    rule=lambda operation: f"{operation.place}/messages",
)
def _invalid(target: Target, operation: Exchange) -> None:
    conversation = Conversation(target)

    def case(body: tuple[Any, str]) -> None:
        value, label = body
        value = message.ours(value, target.prefix)
        data = value if isinstance(value, bytes) else json.dumps(value, default=lambda _: None)
        check_refused(
            target, conversation, data, f"an invalid {message.name} ({label})" if label else "an invalid frame"
        )

    for message in operation.messages:
        for_each(target, bodies(message.schema, valid=False), target.options.examples, case)
        for label, frame in _near_misses(target, message):
            target.cases += 1
            target.steps = []
            check_refused(target, conversation, json.dumps(frame), f"an invalid {message.name} ({label})")


def _with_each_field(message: Message) -> Iterator[Frame]:
    """Valid frames that have what they must, and each of the other fields once: a search may leave some out."""
    try:
        frame = one(message.schema, message.place)
    except Skipped:
        return
    fields = schemas.fields(message.schema)
    for name in fields if isinstance(frame, dict) else ():
        if name not in frame and name != message.correlation:
            with contextlib.suppress(Skipped):
                yield {**frame, name: one(schemas.field(message.schema, name), message.place)}


def _at_the_bounds(message: Message) -> Iterator[Frame]:
    """Valid frames in which a text is as long or as odd, or a number as large, as it may be."""
    try:
        frame = one(message.schema, message.place)
    except Skipped:
        return
    for name in schemas.fields(message.schema) if isinstance(frame, dict) else ():
        schema = schemas.field(message.schema, name)
        rules = schema if isinstance(schema, dict) else {}
        longest = rules.get("maxLength")
        texts = ["x" * longest, "\u00e9" * longest, "_" + "9" * (longest - 1)] if isinstance(longest, int) else []
        numbers = [rules[bound] for bound in ("minimum", "maximum") if bound in rules]
        large = [5_000_000_000, 2**63 - 1] if "minimum" in rules and "maximum" not in rules else []
        odd = [" a ", "\t", "a/b?c#d", "\u0000", "😀 <é>"] if rules.get("type") == "string" else []
        for value in (*texts, *odd, *numbers, *large):
            if message.rules.accepts({**frame, name: value}):
                yield {**frame, name: value}


def _near_misses(target: Target, message: Message) -> Iterator[tuple[str, Frame]]:
    """Frames that are wrong in one place: for a server that looks at some places only."""
    try:
        frame = one(message.schema, message.place)
    except Skipped:
        return
    if not isinstance(frame, dict):
        return
    frame = with_id(message, message.ours(frame, target.prefix), "case", 0)
    for where, what, wrong in variations(message.schema, frame):
        if not message.rules.accepts(wrong):
            yield f"{'.'.join(where)} {what}".strip(), message.ours(wrong, target.prefix)


def _is_text(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        return False
    return True
