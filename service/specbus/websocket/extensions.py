"""Whether the extensions of the AsyncAPI document say of the service what it does.

Client SDKs and contract tests go by them. With names that the service does not know, what they do would have no effect.
"""

from collections.abc import Iterator
from typing import Any

from specbus.contract.commands import WebSocketContract
from specbus.spec import Json, asyncapi, schemas
from specbus.spec.pointer import steps
from specbus.websocket.speech import Frame, Speech

_STREAM, _PUBLISH, _HEARTBEAT, _ERROR = "x-stream", "x-publish", "x-heartbeat", "x-error"
_HONOURED: dict[tuple[str, str], dict[str, str]] = {
    (_STREAM, "subscribe"): {"key": "topic", "stop": "unsubscribe", "replay": "last_n"},
    (_PUBLISH, "publish"): {"key": "topic", "message": "message"},
}
"""What fields of extensions say, by extension and operation."""
_REPLAY = "last_n"


def check(contract: WebSocketContract[Any], speech: Speech) -> None:
    """Raise ContractError for an extension of `contract` that is not what the service does, which says `speech`."""
    for place, words in _Problems(contract, speech).all():
        raise speech.wrong(place, words)


class _Problems:
    def __init__(self, contract: WebSocketContract[Any], speech: Speech) -> None:
        self._contract = contract
        self._speech = speech

    def all(self) -> Iterator[tuple[str, str]]:
        """Each problem: its place, and what is wrong there."""
        for operation in self._contract.api.operations:
            for name in (_STREAM, _PUBLISH, _HEARTBEAT):
                if name in operation.extensions:
                    yield from self._of_operation(operation, name, operation.extensions[name])
        for message in self._contract.sent.values():
            if _ERROR in message.extensions:
                yield from self._of_error(message, f"{message.place}/{_ERROR}", message.extensions[_ERROR])

    def _of_operation(
        self, operation: asyncapi.ChannelOperation, name: str, extension: Json
    ) -> Iterator[tuple[str, str]]:
        place = f"{operation.place}/{name}"
        if not isinstance(extension, dict):
            yield place, "must be a mapping"
            return
        if name == _HEARTBEAT:
            yield from self._of_news(place, extension, self._speech.heartbeat)
            return
        honoured = _HONOURED.get((name, operation.name))
        if honoured is None:
            (owner,) = (owner for extension_, owner in _HONOURED if extension_ == name)
            yield place, f'must be at the operation "{owner}", where the service does that'
            return
        for field, value in honoured.items():
            if field in extension and extension[field] != value:
                yield f"{place}/{field}", f'must be "{value}", as the service has it'
        if name == _STREAM:
            yield from self._of_stream(operation, place, extension)

    def _of_stream(
        self, operation: asyncapi.ChannelOperation, place: str, stream: dict[str, Json]
    ) -> Iterator[tuple[str, str]]:
        if "events" in stream and not self._is(stream["events"], self._speech.events[0]):
            yield f"{place}/events", 'must be the name of the message whose type is "event"'
        listed = [schemas.fields(message.schema) for message in operation.messages]
        once = stream.get("once", [])
        if not isinstance(once, list):
            yield f"{place}/once", "must be a list"
            return
        for field in once:
            if not all(field in fields for fields in listed):
                yield f"{place}/once", f'"{field}" is no field of the operation\'s message: name one that is'
        if once and _REPLAY not in once and not any(_REPLAY in fields for fields in listed):
            yield f"{place}/once", f'the service replays what "{_REPLAY}" asks for, and knows no field of another name'
        if "replay" in stream and not all(_REPLAY in fields for fields in listed):
            yield (
                f"{place}/replay",
                f'"{_REPLAY}" is no field of the operation\'s message: add it or leave this out',
            )
        for field, frame in (("ended", self._speech.deleted[0]), ("dropped", self._speech.dropped[0])):
            if field in stream:
                yield from self._of_news(f"{place}/{field}", stream[field], frame)

    def _of_news(self, place: str, news: Json, frame: Frame) -> Iterator[tuple[str, str]]:
        """What is wrong with `news`, by which `frame` must be told."""
        if not isinstance(news, dict):
            yield place, "must be a mapping"
            return
        if "message" in news and not self._is(news["message"], frame):
            yield f"{place}/message", f'must be the name of the message whose type is "{frame["type"]}"'
        if not _holds(frame, news.get("where", {})):
            yield f"{place}/where", f"must be what the service sends: {_told(frame)}"
        if "count" in news and not isinstance(_found(frame, news["count"]), int):
            yield f"{place}/count", "must lead to a number that the service sends: error/dropped"

    def _of_error(self, message: asyncapi.Message, place: str, error: Json) -> Iterator[tuple[str, str]]:
        if not isinstance(error, dict):
            yield place, "must be a mapping"
        elif self._is(message.name, self._speech.dropped[0]):
            for field in ("code", "message"):
                if field in error and error[field] != f"error/{field}":
                    yield f"{place}/{field}", f'must be "error/{field}", where the service has it'

    def _is(self, name: Json, frame: Frame) -> bool:
        """Whether the message that is called `name` is that of `frame`."""
        return any(
            name in (message.name, (steps(message.place) or [""])[-1])
            and schemas.constants(message.schema).get("type") == frame["type"]
            for message in self._contract.sent.values()
        )


def _holds(value: Json, part: Json) -> bool:
    """Whether `part` is in `value`."""
    if isinstance(part, dict):
        return isinstance(value, dict) and all(_holds(value.get(name), each) for name, each in part.items())
    return bool(value == part)


def _found(frame: Frame, path: Json) -> Json:
    """What `path`, as in error/code, leads to in `frame`."""
    value: Json = frame
    for step in str(path).split("/"):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _told(frame: Frame) -> str:
    """What `frame` can be told by."""
    return "error/code: SLOW_CONSUMER" if frame["type"] == "error" else f"msg: {frame['msg']}"
