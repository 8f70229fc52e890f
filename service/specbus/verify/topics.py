"""The topics of a run: named, made, looked at and deleted over HTTP, by the operations that the document has for it."""

import contextlib
import functools
import itertools
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from specbus.spec import ContractError
from specbus.verify.failures import Broken, NotOffered, Skipped
from specbus.verify.messages import Messages
from specbus.verify.rest.document import HttpOperation, RestDocument
from specbus.verify.values import texts

if TYPE_CHECKING:
    from specbus.verify.target import Target

CREATE, LIST, READ, DELETE = "createTopic", "listTopics", "getTopic", "deleteTopic"
PUBLISH, RETAINED, STATS, HEALTH = "publishMessage", "getMessages", "getStats", "getHealth"
"""The operationIds of what is done with topics: what carries an operation out is bound by that, as in the service."""
NEWEST = "last_n"
"""The query parameter of `RETAINED` that bounds how many messages are read."""
_FEW = 500
"""Names that do for all checks of a run."""
MARK = "x-publish"
"""On the operation that publishes: the fields of its body that are the message's `id` and its `payload`."""


class Topics:
    """The topics that a run has made, and names for more.

    Where there is no OpenAPI document, topics are taken to need no making: to subscribe, or to publish, is enough.
    """

    def __init__(self, target: "Target") -> None:
        self._target = target
        self._seed = secrets.randbits(32)
        self._names: Iterator[Any] = iter(())
        self._earlier: set[str] = set()
        """Names that earlier checks were given."""
        self._of_check: set[str] = set()
        """Names that the check under way was given."""
        self._strangers: set[str] | None = None
        self._messages: Messages | None = None

    def start_check(self) -> None:
        """Have all ids, and if need be the names that earlier checks had, to give away again."""
        self._earlier |= self._of_check
        self._of_check = set()
        if self._messages:
            self._messages.start_check()
        if self._earlier and self.are_made and self._is_short:
            self._forget_earlier()

    def _forget_earlier(self) -> None:
        """Have the names of earlier checks to give away again."""
        if self.are_made:
            for name in self._earlier - self._of_check:
                with contextlib.suppress(Broken, Skipped):
                    self.delete(name)
            self._earlier = set()
        self._names = self._all_names()

    @property
    def made(self) -> set[str]:
        """The names that the run has used, of topics that there may still be."""
        return self._earlier | self._of_check

    @property
    def are_made(self) -> bool:
        """Whether there is no topic that was not made."""
        profile = self._target.options.profile
        return profile.has_rest and profile.makes_topics and self._document is not None

    def is_making(self, method: str, path: str) -> bool:
        """Whether a request, or an operation with that path, makes or deletes topics."""
        return any(each.is_asked_by(method, path) for each in self._operations(CREATE, DELETE))

    def note_made(self, *names: str) -> None:
        """Take note that topics of these names were created, to be deleted at the end."""
        self._of_check.update(names)

    def note(self, method: str, path: str, body: str | bytes | None) -> None:
        """Take note of a request that was carried out: it may have made a topic, whatever its name is."""
        for operation in self._operations(CREATE):
            if operation.is_asked_by(method, path) and (name := operation.name_in(body)) is not None:
                self.note_made(name)

    def _operations(self, *ids: str) -> list[HttpOperation]:
        return [each for each in self._document.operations if each.id in ids] if self._document else []

    @functools.cached_property
    def _document(self) -> RestDocument | None:
        """Where the operations are; None if there is no such document."""
        try:
            return self._target.rest
        except ContractError:
            return None

    # Names

    @functools.cached_property
    def _is_short(self) -> bool:
        """Whether there are so few names that each check must have them anew."""
        return len(list(itertools.islice(self._all_names(), _FEW))) < _FEW

    def _all_names(self) -> Iterator[Any]:
        schema = self._document.name_schema if self._document else self._target.bus.name_schema
        return texts(schema, self._target.prefix, self._seed)

    def new_name(self) -> str:
        """A name that no topic has. Raises Skipped if there is none left."""
        for name in self._names:
            if self._is_free(name):
                return self._given(name)
        # There is an end to them, or it was not begun: those of earlier checks once more.
        self._forget_earlier()
        for name in self._names:
            if self._is_free(name):
                return self._given(name)
        raise Skipped("the document allows too few names of topics for this")

    def _given(self, name: str) -> str:
        self._of_check.add(name)
        return name

    def _is_free(self, name: Any) -> bool:
        if not isinstance(name, str) or name in self._of_check or name in self._earlier:
            return False
        if name.startswith(self._target.prefix):
            return True
        if self._strangers is None:
            self._strangers = set()
            with contextlib.suppress(Broken, Skipped):
                self._strangers = self.listed().keys() - self.made
        return name not in self._strangers

    # Operations

    def operation(self, id_: str) -> HttpOperation:
        """The operation of that operationId. Raises Skipped."""
        for operation in self._operations(id_):
            return operation
        raise Skipped(f"the document has no operation with the operationId {id_}")

    def path(self, id_: str, topic: str = "", **query: Any) -> str:
        """The path of that operation, about `topic` if it is about one. Raises Skipped."""
        operation = self.operation(id_)
        for name, value in query.items():
            if not operation.allows(name, value):
                raise Skipped(f"{operation} may not be asked with {name}={value}")
        return operation.path_of(topic, **query)

    def new(self) -> str:
        """The name of a new topic. Raises Skipped if it cannot be made."""
        name = self.new_name()
        profile = self._target.options.profile
        if not profile.makes_topics and profile.has_rest:
            raise NotOffered(str(profile.refusal(makes_topics=True)))
        if not self.are_made:
            return name
        try:
            self.create(name)
        except Broken as broken:
            # That is one check's to say; without a topic, the others say nothing.
            raise Skipped(broken.problem) from None
        return name

    def create(self, name: str) -> None:
        """Create the topic `name`. Raises Broken, and Skipped."""
        operation = self.operation(CREATE)
        response = self._target.call(operation.method, operation.path_of(), json=operation.body(name))
        if not response.is_success:
            raise Broken(f"a topic cannot be created: {operation} is answered with {response.status_code}")

    def delete(self, name: str) -> None:
        """Delete the topic `name`. Raises Broken, and Skipped."""
        operation = self.operation(DELETE)
        response = self._target.call(operation.method, operation.path_of(name))
        if not response.is_success:
            raise Broken(f"a topic cannot be deleted: {operation} is answered with {response.status_code}")

    def listed(self) -> dict[str, Any]:
        """The listed topics and how many subscribers each has. Raises Broken, and Skipped."""
        listed = self._target.read(self.path(LIST), "topics")
        try:
            return {str(topic["name"]): topic.get("subscribers") for topic in listed}
        except (TypeError, KeyError, AttributeError):
            raise Broken(f"{self.operation(LIST)} does not list topics with their names") from None

    def counted(self, topic: str, number: str) -> Any:
        """A number of `topic`, as the statistics of all topics have it. Raises Broken, and Skipped."""
        return self._target.read(self.path(STATS), "topics", topic, number)

    def numbers(self, topic: str) -> dict[str, Any]:
        """The numbers of `topic`, which wherever they stand must be the same. Raises Broken, and Skipped."""
        stats, one = self.operation(STATS), self.operation(READ)
        numbers = self._target.read(stats.path_of(), "topics", topic)
        alone = self._target.read(one.path_of(topic))
        if not isinstance(numbers, dict) or not isinstance(alone, dict):
            raise Broken(f"{stats} does not give the numbers of a topic by their names")
        for name, number in numbers.items():
            if alone.get(name, number) != number:
                raise Broken(f"{stats} says that {name} of a topic is {number}, and {one} that it is {alone[name]}")
        return numbers

    @property
    def messages(self) -> Messages:
        """What is published over HTTP. Raises Skipped."""
        if self._messages is None:
            operation = self.operation(PUBLISH)
            place = operation.place("requestBody")
            marks = operation.extensions.get(MARK)
            if not isinstance(marks, dict):
                raise Skipped(f"the document has no {MARK} that says what a message is")
            self._messages = Messages(operation.body_schema, place, marks, self._target.options.seed + 1)
        return self._messages
