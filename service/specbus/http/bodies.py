"""What the REST side answers, as objects to be encoded."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from specbus import __version__
from specbus.bus.operations import TopicNumbers
from specbus.bus.publication import Position

Body = dict[str, Any]


def index(links: Mapping[str, str]) -> Body:
    """What is where."""
    return {"name": "specbus", "version": __version__, "links": links}


def health(uptime: float, topics: Mapping[str, TopicNumbers], connections: int) -> Body:
    """How long the service has been up, in seconds, and how much it has to do."""
    return {
        "uptime_sec": int(uptime),
        "topics": len(topics),
        "subscribers": sum(topic.subscribers for topic in topics.values()),
        "connections": connections,
    }


def stats(topics: Mapping[str, TopicNumbers]) -> Body:
    """The numbers of every topic."""
    return {"topics": topics}


def topic_list(topics: Mapping[str, TopicNumbers]) -> Body:
    """The topics."""
    return {"topics": [{"name": name, "subscribers": numbers.subscribers} for name, numbers in topics.items()]}


def topic_created(topic: str) -> Body:
    """That a topic exists now."""
    return {"status": "created", "topic": topic}


def topic_detail(topic: str, numbers: TopicNumbers) -> Body:
    """One topic's numbers."""
    return {"name": topic, **asdict(numbers)}


def topic_deleted(topic: str) -> Body:
    """That a topic is gone."""
    return {"status": "deleted", "topic": topic}


def publish_accepted(topic: str, id_: str, position: Position) -> Body:
    """That a topic has taken a message."""
    return {"status": "accepted", "topic": topic, "id": id_, "position": position}
