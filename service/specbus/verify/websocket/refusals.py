"""What must answer an invalid frame, and that it carries the correlation id of what it answers."""

import json
from typing import Any

from websockets.frames import CloseCode

from specbus.spec import schemas
from specbus.verify.asyncapi import INVALID, Frame, Message, Rules
from specbus.verify.failures import Broken, Closed
from specbus.verify.target import Target
from specbus.verify.websocket.conversation import Conversation
from specbus.verify.websocket.values import counted


def check_refused(target: Target, conversation: Conversation, data: str | bytes, what: str) -> None:
    """Send `data` as text, which must be refused once unless it is valid by chance."""
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        check_not_utf_8(target, conversation, raw)
        return
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        value = None
    else:
        if target.document.is_valid(value):
            return
    replies = conversation.replies_to(text)
    if len(replies) != 1:
        raise Broken(f"{what} gets {counted(len(replies), 'reply', 'replies')} instead of one refusal")
    check_refusal(target, replies[0], what)
    # What has no tag, or a wrong one, may be any of them.
    known = target.document.message_of(value)
    messages = [known] if known else target.document.received
    if isinstance(value, dict) and all(_has_readable_id(message, value) for message in messages):
        check_correlation(target, messages[0], value, replies[0])


def check_refusal(target: Target, reply: Frame, what: str) -> None:
    """Raise Broken unless `reply`, to `what`, is the message that answers an invalid frame, and says so."""
    refusal = target.document.refusal
    if target.document.sent_as(reply) is not refusal:
        kind = target.document.sent_as(reply)
        raise Broken(f"{what} is answered with {kind and kind.name} instead of {refusal.name}")
    if refusal.on_invalid and (problem := refusal.on_invalid.problem(reply)):
        raise Broken(f"{what} is refused, but not as invalid: {problem[1]}", rule=f"{refusal.place}/{INVALID}")


def check_not_utf_8(target: Target, conversation: Conversation, data: bytes) -> None:
    """A text frame that is not UTF-8 (RFC 6455, 8.1) is refused, or the connection closed with 1007."""
    try:
        replies = conversation.replies_to(data)
    except Closed as closed:
        if closed.code != CloseCode.INVALID_DATA:
            raise Broken(f"{closed.problem} for text that is not UTF-8, not with {CloseCode.INVALID_DATA}") from None
    else:
        if len(replies) != 1:
            raise Broken("text that is not UTF-8 is neither refused nor the connection closed with 1007")
        check_refusal(target, replies[0], "text that is not UTF-8")


def check_correlation(target: Target, message: Message, frame: Frame, reply: Frame) -> None:
    """Raise Broken unless `reply` has the correlation id of `frame`, a `message`; none where `frame` has none."""
    field = message.correlation
    if field is None:
        return
    came = target.document.correlation_of(reply, message)
    if field in frame and came != frame[field]:
        told = "none" if came is None else json.dumps(came)
        raise Broken(f"the reply does not repeat {field}: {json.dumps(frame[field])} was sent, {told} came")
    if field not in frame and came is not None:
        raise Broken(f"the reply has a {field} though none was sent")


def _has_readable_id(message: Message, frame: Frame) -> bool:
    """Whether `frame`, a `message` that is wrong elsewhere, has a correlation id that it may have."""
    field = message.correlation
    return field is not None and field in frame and Rules(schemas.field(message.schema, field)).accepts(frame[field])


def _refuse_constant(constant: str) -> Any:
    raise ValueError(constant)
