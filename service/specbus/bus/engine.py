"""What gives messages their place in the order and retains them: what the bus asks of where topics live."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from specbus.bus.publication import Position, Publication


class Topic(Protocol):
    """A topic, as its engine knows it. To be read only."""

    @property
    def messages(self) -> int:
        """Messages taken since the topic was created."""

    @property
    def retained(self) -> int:
        """Messages that `Engine.history` can give."""

    @property
    def evicted(self) -> int:
        """Messages that it cannot give because of their bytes, though their number would allow it."""


class Listener(Protocol):
    """What this process wants of a topic."""

    def take(self, publication: Publication) -> None:
        """Accept the next publication in the topic's order."""

    def end(self) -> None:
        """The topic was deleted: no publication of it follows."""


class Engine(Protocol):
    """Where topics live.

    It guarantees:

    - **Order.** A topic's listener has its publications in the order of their offsets, each exactly once.
    - **Position before acknowledgement.** `publish` calls `done` after the message has its offset and is retained.
      What was published before is at a smaller offset, for every process.
    - **No seam.** What `history` gives, and what the listener has afterwards, follow each other without a gap and
      without a repeat: all that was handed on before is at or below the position that it gives, all that is handed on
      later above it.
    - **An epoch stands for continuity.** As long as it stays, so do the offsets. A topic that is created again has
      another one.

    Methods call back, as an engine may have to ask another machine. One that need not ask calls back before the method
    returns. All methods and callbacks are called on the event loop's thread.
    """

    @property
    def topics(self) -> Mapping[str, Topic]:
        """The topics by name, in the order of their creation."""

    def create(self, topic: str) -> None:
        """Create a topic. Raises TopicExists, TooManyTopics."""

    def delete(self, topic: str) -> None:
        """Delete a topic and what it retains; its listener is told. Raises TopicNotFound."""

    def attach(self, topic: str, listener: Listener) -> None:
        """Have `listener` take what is published from now on, until the topic ends. Raises TopicNotFound."""

    def publish(self, topic: str, message: bytes, done: Callable[[Position], object]) -> None:
        """Take a message, and call `done` with its position. Raises TopicNotFound.

        Args:
            topic: The topic's name.
            message: A JSON text, UTF-8.
            done: Called once the message is in the order.

        """

    def history(self, topic: str, last_n: int, done: Callable[[Position, Sequence[Publication]], object]) -> None:
        """Call `done` with the topic's position and its `last_n` newest retained publications, oldest first.

        More than there are is not an error. Raises TopicNotFound.
        """
