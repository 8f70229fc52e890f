"""Names in documents taken apart into words, and put together as languages want them."""

import re
from collections.abc import Iterable

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


class Taken:
    """The names that are taken, which knows for each name which number behind it is the next."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """`names` are taken from the start."""
        self._names = set(names)
        self._next: dict[str, int] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def add(self, name: str) -> None:
        """Take `name`."""
        self._names.add(name)

    def free(self, plain: str, first: int) -> str:
        """`plain`, or with the smallest number from `first` on behind it what is not taken; it is taken then."""
        name = plain
        while name in self._names:
            number = self._next.get(plain, first)
            self._next[plain] = number + 1
            name = f"{plain}{number}"
        self._names.add(name)
        return name
