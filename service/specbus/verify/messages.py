"""What is published: messages that a schema takes, each with an id of its own."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

from specbus.spec import schemas
from specbus.verify.asyncapi import Rules
from specbus.verify.failures import Skipped
from specbus.verify.values import one, several, texts


class Messages:
    """Makes messages."""

    def __init__(self, schema: Any, place: str, marks: dict[str, Any], seed: int) -> None:
        """Make messages that keep a schema.

        Args:
            schema: The schema, self-contained.
            place: Where it stands, for a report.
            marks: What `x-publish` says: the fields of the `id` and of the `payload`, and the `depth` of payloads.
            seed: Of ids that are made at random.

        """
        self._place = place
        self._too_few = f"{place} allows too few ids to tell messages apart by them"
        self._seed = seed
        self._rules = Rules(schema)
        self.id_field = str(marks.get("id", "id"))
        self.payload_field = str(marks.get("payload", "payload"))
        self.depth: int | None = marks.get("depth")
        """Levels that a payload may nest; None where that is not said."""
        self._id_schema = schemas.field(schema, self.id_field)
        self._payload_schema = schemas.field(schema, self.payload_field)
        self._schema = schema
        self._base: dict[str, Any] | None = None
        self._ids: Iterator[Any] = iter(())
        self.start_check()

    def start_check(self) -> None:
        """Have all ids to give away again: the messages of two checks do not meet."""
        self._ids = texts(self._id_schema, "verify-", self._seed)

    def new_id(self) -> Any:
        """An id that no message of the check has. Raises Skipped."""
        for id_ in self._ids:
            return id_
        raise Skipped(self._too_few)

    def require(self, count: int) -> None:
        """Raise Skipped unless there are ids for `count` messages."""
        ids = texts(self._id_schema, "verify-", self._seed)
        if len(list(itertools.islice(ids, count))) < count:
            raise Skipped(self._too_few)

    def new(self, payload: Any = ..., id_: Any = ...) -> tuple[dict[str, Any], Any]:
        """A message, and its id. Raises Skipped.

        Args:
            payload: What it should say, if it may; or else anything.
            id_: Its id; a new one by default.

        """
        if self._base is None:
            self._base = one(self._schema, self._place)
            if not isinstance(self._base, dict):
                raise Skipped(f"{self._place} is not of objects")
        id_ = self.new_id() if id_ is ... else id_
        message = {**self._base, self.id_field: id_}
        if payload is not ... and self.takes(payload):
            message[self.payload_field] = payload
        if problem := self._rules.problem(message):
            raise Skipped(f"no message can be made that {self._place} takes: {problem[1]}")
        return message, id_

    @property
    def is_verbatim(self) -> bool:
        """Whether the document promises that messages come out as the text that went in."""
        return isinstance(self._schema, dict) and self._schema.get("x-verbatim") is True

    def takes(self, payload: Any) -> bool:
        """Whether `payload` may be published."""
        return _takes(self._payload_schema, payload)

    def takes_id(self, id_: Any) -> bool:
        """Whether `id_` may be a message's id."""
        return _takes(self._id_schema, id_)

    def payloads(self) -> list[Any]:
        """Different payloads that may be published."""
        return several({} if self._payload_schema is None else self._payload_schema)

    def enlarged(self, message: dict[str, Any], size: int) -> str:
        """`message` as JSON of at least `size` bytes: with a text where its payload takes one, or else with blanks."""
        bulk = "x" * size
        for payload in (bulk, {**message[self.payload_field], "bulk": bulk} if self._is_object(message) else [bulk]):
            if self.takes(payload):
                return json.dumps({**message, self.payload_field: payload})
        return json.dumps(message)[:-1] + " " * size + "}"

    def _is_object(self, message: dict[str, Any]) -> bool:
        return isinstance(message[self.payload_field], dict)


def _takes(schema: Any, value: Any) -> bool:
    rules = Rules({} if schema is None else schema)
    try:
        return rules.accepts(value)
    except ValueError:
        # Infinity, and half a character, are beyond the validator. They are allowed where anything is.
        return all(map(rules.accepts, (None, True, 0, "", [], {})))
