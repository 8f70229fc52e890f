"""Whether one document says all that another one says, however each is put together."""

from collections.abc import Collection, Iterator
from typing import Any

from specbus.spec import ContractError
from specbus.spec.grammar import is_reference
from specbus.spec.pointer import pointer
from specbus.spec.references import followed

_NARROWING = frozenset(
    {
        *("minLength", "maxLength", "pattern", "format", "enum", "const", "not"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"),
    }
)
"""What makes a schema take less than it takes without it."""


class Comparison:
    """Looks for what `ours` says and `theirs`, which may say more, does not.

    References are followed on both sides, so that it does not matter where a part stands; pointers go on through them.
    Lists may have another order: nothing that documents list has one that means something.
    """

    def __init__(self, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
        self._ours = ours
        self._theirs = theirs
        self._passed: set[tuple[int, int]] = set()

    def missing(self, *path: str, but: Collection[str] = ()) -> str | None:
        """The pointer to something at `path` that `theirs` lacks, has otherwise or asks for; None if nothing is.

        `but` are names that are not looked at there.
        """
        ours: Any = self._ours
        theirs: Any = self._theirs
        for step in path:
            if not isinstance(ours, dict) or step not in ours:
                return None
            if not isinstance(theirs, dict) or step not in theirs:
                return pointer(*path)
            ours, theirs = ours[step], theirs[step]
        if isinstance(ours, dict) and isinstance(theirs, dict):
            ours = {name: inner for name, inner in ours.items() if name not in but}
        return next(self._lacking(ours, theirs, path), None)

    def _lacking(self, ours: Any, theirs: Any, path: tuple[str, ...]) -> Iterator[str]:
        ours, theirs = _meant(self._ours, ours), _meant(self._theirs, theirs)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            # What has been compared, or is being compared, is not compared again: references may lead in a circle.
            if (both := (id(ours), id(theirs))) not in self._passed:
                self._passed.add(both)
                for name, inner in ours.items():
                    at = (*path, str(name))
                    if name in theirs:
                        yield from self._lacking(inner, theirs[name], at)
                    else:
                        yield pointer(*at)
                yield from (pointer(*path, name) for name in _narrowing(ours, theirs))
        elif isinstance(ours, list) and isinstance(theirs, list):
            for number, inner in enumerate(ours):
                if not any(self._is_said(inner, other) for other in [*theirs[number : number + 1], *theirs]):
                    yield pointer(*path, str(number))
        elif not _is_same(ours, theirs):
            yield pointer(*path)

    def _is_said(self, ours: Any, theirs: Any) -> bool:
        passed = set(self._passed)
        if next(self._lacking(ours, theirs, ()), None) is None:
            return True
        self._passed = passed
        return False


def _meant(document: dict[str, Any], node: Any) -> Any:
    """What `node` is once references are followed; itself, if it is no reference that leads anywhere."""
    if is_reference(node):
        try:
            return followed(document, node)[0]
        except ContractError:
            return node
    return node


def _narrowing(ours: dict[Any, Any], theirs: dict[Any, Any]) -> list[str]:
    """What a schema of `theirs` asks for and that of `ours` does not; of what is no schema, nothing."""
    if not isinstance(ours.get("type"), str):
        return []
    return sorted(name for name in _NARROWING & theirs.keys() if name not in ours)


def _is_same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, str) and isinstance(theirs, str):
        # A pointer may lead elsewhere, and a text be wrapped otherwise.
        return ours.split() == theirs.split() or (ours[:2] == theirs[:2] == "#/")
    return isinstance(ours, bool) == isinstance(theirs, bool) and bool(ours == theirs)
