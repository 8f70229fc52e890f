"""Defects of what is the same and what is not: names, ids, labels."""

import unicodedata
from collections.abc import Callable
from typing import Any

from specbus.bus.errors import TopicExists
from specbus.bus.memory import MemoryEngine
from specbus.http.operations import RestOperations
from specbus.websocket.commands import Commands
from specbus.websocket.session import Frame, Session
from specbus.wire import messages
from tests.mutants.behaviour import edit_message
from tests.mutants.edits import edit_answer, edit_frames
from tests.mutants.registry import Patch, mutant, wrap


def edit_request_ids(patch: Patch, edit: Callable[[str], Any], makers: str = "ack pong error") -> None:
    """Have `edit` change the request ids that come back; without one where it gives None."""

    def edited(frame: Frame) -> None:
        if (
            "request_id" in frame
            and (frame.update(request_id=edit(frame["request_id"])) or frame["request_id"]) is None
        ):
            del frame["request_id"]

    edit_frames(patch, makers, edited)


# request_id. request_id.yaml: "An opaque string that the client chooses. It comes back on the ack, error or pong that
# answers the frame, and is absent there when the frame had none."


@mutant("websocket", "an empty request_id does not come back")
def empty_request_id_lost(patch: Patch) -> None:
    edit_request_ids(patch, lambda text: text or None)


@mutant("websocket", "a request_id comes back in lower case")
def request_id_in_lower_case(patch: Patch) -> None:
    edit_request_ids(patch, str.lower)


@mutant("websocket", "blanks around a request_id are lost")
def request_id_stripped(patch: Patch) -> None:
    edit_request_ids(patch, str.strip)


@mutant("websocket", "a request_id is normalised (Unicode NFC)")
def request_id_normalised(patch: Patch) -> None:
    edit_request_ids(patch, lambda text: unicodedata.normalize("NFC", text))


@mutant("websocket", "a request_id is cut to 128 characters")
def request_id_cut(patch: Patch) -> None:
    edit_request_ids(patch, lambda text: text[:128])


@mutant("websocket", "a request_id of digits loses its leading zeros")
def request_id_without_leading_zeros(patch: Patch) -> None:
    edit_request_ids(patch, lambda text: str(int(text)) if text.isascii() and text.isdigit() else text)


@mutant("websocket", "a request_id ends at a NUL")
def request_id_ends_at_nul(patch: Patch) -> None:
    edit_request_ids(patch, lambda text: text.partition("\0")[0])


@mutant("websocket", "of a request_id beyond ISO 8859-1 question marks come back")
def request_id_in_latin(patch: Patch) -> None:
    edit_request_ids(patch, lambda text: text.encode("latin-1", "replace").decode("latin-1"))


@mutant("websocket", "a request_id beyond the Basic Multilingual Plane comes back without it")
def request_id_without_astral(patch: Patch) -> None:
    edit_request_ids(patch, lambda text: "".join(each for each in text if ord(each) < 0x10000))


@mutant("websocket", 'the request_id "null" does not come back')
def request_id_null_lost(patch: Patch) -> None:
    edit_request_ids(patch, lambda text: None if text == "null" else text)


@mutant("websocket", "a request_id comes back HTML-escaped")
def request_id_escaped(patch: Patch) -> None:
    edit_request_ids(patch, lambda text: text.replace("&", "&amp;").replace("<", "&lt;"))


@mutant("websocket", "a request_id that is a UUID loses its braces and urn:uuid:")
def request_id_without_urn(patch: Patch) -> None:
    edit_request_ids(patch, lambda text: text.removeprefix("urn:uuid:").strip("{}"))


@mutant("websocket", "an error for a frame without a request_id has the previous frame's")
def error_with_previous_request_id(patch: Patch) -> None:
    last: list[str | None] = [None]

    def answer(original: Any, *args: Any, **options: Any) -> Any:
        given = options.get("request_id") if original.__name__ == "error" else args[-1]
        if original.__name__ == "error" and "topic" not in options:
            options["request_id"] = given or last[0]
        last[0] = given or last[0]
        return original(*args, **options)

    wrap(patch, messages, "error", answer)
    wrap(patch, messages, "pong", answer)


@mutant("websocket", "a pong for a ping without a request_id has the one before's")
def pong_with_previous_request_id(patch: Patch) -> None:
    last: list[str] = []

    def pong(original: Any, request_id: str | None) -> Any:
        last[:] = [request_id] if request_id is not None else last
        return original(last[0] if last else None)

    wrap(patch, messages, "pong", pong)


@mutant("websocket", "a second command with a request_id that is under way or was is ignored")
def repeated_request_id_ignored(patch: Patch) -> None:
    known: dict[Session, set[str]] = {}

    def ping(original: Any, self: Commands, session: Session, frame: Frame) -> None:
        seen = known.setdefault(session, set())
        if frame.get("request_id") not in seen:
            original(self, session, frame)
        if "request_id" in frame:
            seen.add(frame["request_id"])

    wrap(patch, Commands, "ping", ping)


@mutant("websocket", "a LIMIT_EXCEEDED error has no request_id", max_subscriptions=5)
def limit_error_without_request_id(patch: Patch) -> None:
    def error(original: Any, code: str, *args: Any, **options: Any) -> Any:
        if code == "LIMIT_EXCEEDED":
            options["request_id"] = None
        return original(code, *args, **options)

    wrap(patch, messages, "error", error)


# Topics. topic_name.yaml: "Names are case-sensitive."


@mutant("rest", "a topic whose name differs in case from one that exists cannot be made")
def topics_differ_by_more_than_case(patch: Patch) -> None:
    def create(original: Any, self: MemoryEngine, topic: str) -> None:
        if topic.lower() in map(str.lower, self.topics):
            raise TopicExists(topic)
        original(self, topic)

    wrap(patch, MemoryEngine, "create", create)


@mutant("rest", "topics whose names differ in - and _ alone are one")
def dash_is_underscore(patch: Patch) -> None:
    def create(original: Any, self: MemoryEngine, topic: str) -> None:
        if topic.replace("-", "_") in {name.replace("-", "_") for name in self.topics}:
            raise TopicExists(topic)
        original(self, topic)

    wrap(patch, MemoryEngine, "create", create)


@mutant("rest", "a dot at the end of a topic's name is lost")
def trailing_dot_lost(patch: Patch) -> None:
    wrap(patch, MemoryEngine, "create", lambda original, self, topic: original(self, topic.rstrip(".") or topic))


@mutant("websocket", "the ack of an unsubscribe has the topic in lower case")
def unsubscribed_in_lower_case(patch: Patch) -> None:
    def ack(original: Any, topic: str, request_id: str | None, position: object = None) -> Any:
        return original(topic if position else topic.lower(), request_id, position)

    wrap(patch, messages, "ack", ack)


@mutant("websocket", "the ack of a publish names the topic last subscribed to")
def publish_ack_names_another_topic(patch: Patch) -> None:
    subscribed: dict[Session, str] = {}

    def subscribe(original: Any, self: Commands, session: Session, frame: Frame) -> None:
        original(self, session, frame)
        subscribed[session] = frame["topic"]

    def publish(original: Any, self: Commands, session: Session, frame: Frame) -> None:
        topic: str = subscribed.get(session) or frame["topic"]

        def done(position: object) -> None:
            session.answer(messages.ack(topic, frame.get("request_id"), position))

        self._operations.publish(frame["topic"], frame["message"].text, done)

    wrap(patch, Commands, "subscribe", subscribe)
    wrap(patch, Commands, "publish", publish)


# Messages. message_id.yaml: "a UUID that the publisher chooses. The service hands it on and does not look for repeats"


@mutant("rest", "the id in the answer to a publish is in lower case")
def accepted_id_in_lower_case(patch: Patch) -> None:
    edit_answer(patch, "publish_message", lambda body: body.update(id=body["id"].lower()))


@mutant("behaviour", "the id of a message reaches subscribers in lower case")
def message_id_in_lower_case(patch: Patch) -> None:
    edit_message(patch, lambda fields: fields.update(id=fields["id"].lower()))


@mutant("behaviour", "a message with the id of the one before it is not taken again")
def repeated_message_once(patch: Patch) -> None:
    last: dict[str, Any] = {}

    def publish(original: Any, self: MemoryEngine, topic: str, message: bytes, done: Any) -> None:
        if topic in self.topics and last.get(topic, (b"",))[0] == message:
            done(last[topic][1])
            return

        def taken(position: Any) -> None:
            last[topic] = message, position
            done(position)

        original(self, topic, message, taken)

    wrap(patch, MemoryEngine, "publish", publish)


# Labels. client_id.yaml: "Many connections may use the same one; it grants nothing and groups nothing." asyncapi.yaml,
# subscribe: "A connection has one subscription for each topic".


@mutant("websocket", "an unsubscribe with another client_id than that of the subscribe does nothing")
def unsubscribe_wants_same_client_id(patch: Patch) -> None:
    labels: dict[tuple[Session, str], str] = {}

    def subscribe(original: Any, self: Commands, session: Session, frame: Frame) -> None:
        original(self, session, frame)
        labels[session, frame["topic"]] = frame["client_id"]

    def unsubscribe(original: Any, self: Commands, session: Session, frame: Frame) -> None:
        if labels.get((session, frame["topic"]), frame["client_id"]) == frame["client_id"]:
            original(self, session, frame)
        else:
            session.answer(messages.ack(frame["topic"], frame.get("request_id")))

    wrap(patch, Commands, "subscribe", subscribe)
    wrap(patch, Commands, "unsubscribe", unsubscribe)


@mutant("behaviour", "a subscribe ends subscriptions to the topic that others have under its client_id")
def client_id_has_one_subscription(patch: Patch) -> None:
    holders: dict[tuple[str, str], Session] = {}

    def subscribe(original: Any, self: Commands, session: Session, frame: Frame) -> None:
        holder = holders.get((frame["client_id"], frame["topic"]))
        if holder not in (None, session) and frame["topic"] in self._operations._engine.topics:
            self._operations.unsubscribe(frame["topic"], holder)
        holders[frame["client_id"], frame["topic"]] = session
        original(self, session, frame)

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "subscribers with the publisher's client_id do not get its messages")
def client_id_hides_own_messages(patch: Patch) -> None:
    labels: dict[str, list[Session]] = {}

    def subscribe(original: Any, self: Commands, session: Session, frame: Frame) -> None:
        original(self, session, frame)
        labels.setdefault(frame["client_id"], []).append(session)

    def publish(original: Any, self: Commands, session: Session, frame: Frame) -> None:
        fanout = self._operations._hub.fanouts.get(frame["topic"])
        same = [each for each in labels.get(session.client_id or "", []) if each is not session]
        original(self, session, frame)
        if fanout:
            for group in fanout.groups.values():
                missing = [each for each in same if group.deliver.pop(each, None)]
                fanout.flush()
                group.deliver.update({each: each.deliver for each in missing})

    wrap(patch, Commands, "subscribe", subscribe)
    wrap(patch, Commands, "publish", publish)


@mutant("rest", "the topic in the answer to a creation is in lower case")
def created_in_lower_case(patch: Patch) -> None:
    edit_answer(patch, "create_topic", lambda body: body.update(topic=body["topic"].lower()))


@mutant("rest", "a topic is deleted whatever the case of its name")
def deleted_in_any_case(patch: Patch) -> None:
    async def delete_topic(original: Any, self: RestOperations, name: str) -> Any:
        same = [each for each in self._operations.numbers() if each.lower() == name.lower()]
        return await original(self, name if name in same or not same else same[0])

    wrap(patch, RestOperations, "delete_topic", delete_topic)
