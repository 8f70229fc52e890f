"""The WebSocket protocol as data, generated from the documents: kinds of frames, commands, streams."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, cast
from uuid import uuid4

from pydantic import BaseModel

Reply = TypeVar("Reply")
Frame = dict[str, Any]
Path = tuple[str, ...]
"""Field names, from the outermost in."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of frame that the server sends."""

    name: str
    model: type[BaseModel]
    constants: Mapping[str, Any]
    required: Path


@dataclass(frozen=True, slots=True)
class Refusal:
    """Where a refusal has its code and message."""

    code: Path | None
    text: Path | None
    unasked: bool = False
    """Whether the server sends it of its own accord, too."""


@dataclass(frozen=True, slots=True)
class Match:
    """Matches frames of one kind with given values."""

    kind: str
    where: tuple[tuple[Path, Any], ...]

    def matches(self, kind: str, frame: Frame) -> bool:
        """Whether `frame`, which is of `kind`, is one of them."""
        return kind == self.kind and all(find(frame, path) == value for path, value in self.where)


@dataclass(frozen=True, slots=True)
class Command(Generic[Reply]):
    """A command, and the kinds of its replies, whose model is `Reply`. Without any, it has no reply."""

    name: str
    replies: frozenset[str]


@dataclass(frozen=True, slots=True)
class Stop:
    """The command that ends a stream: its own fields, and those it shares with the command that began it."""

    command: Command[Any]
    fixed: Mapping[str, Any]
    copied: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StreamKind:
    """How a stream of events goes over the wire."""

    command: Command[Any]
    key: str
    event: str
    stop: Stop | None
    once: tuple[str, ...]
    ended: Match | None
    dropped: Match | None
    count: Path | None


@dataclass(frozen=True, slots=True)
class Protocol:
    """The WebSocket side of the documents."""

    address: str
    kinds: tuple[Kind, ...]
    tag: str | None
    refusals: Mapping[str, Refusal]
    correlation: Path
    """Empty: replies come in the order of the commands."""
    correlation_kind: Literal["text", "uuid", "integer"]
    streams: tuple[StreamKind, ...]

    def correlation_id(self, number: int) -> Any:
        """A new value of the correlation field."""
        if self.correlation_kind == "text":
            return str(number)
        return number if self.correlation_kind == "integer" else str(uuid4())

    def untagged(self, frame: Frame) -> str | None:
        """The kind of a frame of a protocol without a tag: the first whose constants and required fields it has."""
        for kind in self.kinds:
            if all(name in frame for name in kind.required) and kind.constants.items() <= frame.items():
                return kind.name
        return None


def find(frame: Any, path: Iterable[str]) -> Any:
    """The value at `path` in `frame`; None if there is none."""
    for step in path:
        if not isinstance(frame, dict):
            return None
        frame = cast("Frame", frame).get(step)
    return frame


def put(frame: Frame, path: Path, value: Any) -> None:
    """Put `value` at `path` in `frame`, unless it is None."""
    if value is not None:
        *outer, last = path
        for step in outer:
            frame = frame.setdefault(step, {})
        frame[last] = value
