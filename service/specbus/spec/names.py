"""Names in documents taken apart into words, and put together as languages want them."""

import re

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def words(name: str) -> list[str]:
    """The words of `name`, in lower case: `createTopic`, `create_topic` and `create-topic` have the same two."""
    return [word.lower() for word in _WORD.findall(name)]


def snake(name: str) -> str:
    """`name` as `create_topic`."""
    return "_".join(words(name))


def camel(name: str) -> str:
    """`name` as `createTopic`."""
    first, *rest = words(name) or [""]
    return first + "".join(word.capitalize() for word in rest)


def pascal(name: str) -> str:
    """`name` as `CreateTopic`; one that is written so already stays as it is."""
    return name if re.fullmatch("[A-Z][A-Za-z0-9]*", name) else "".join(word.capitalize() for word in words(name))
