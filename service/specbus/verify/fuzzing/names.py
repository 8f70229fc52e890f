"""Names of topics that belong to a run, in the place of those that Schemathesis makes up."""

from collections.abc import Sequence
from typing import Any

from specbus.verify.asyncapi import Rules, prefixed


class Names:
    """Gives for each name one of the run's own, as valid or as invalid."""

    def __init__(self, prefix: str, schema: dict[str, Any], others: Sequence[str] = ()) -> None:
        """`schema` is that of a name; `others` stand in for valid names that cannot have the prefix."""
        self._prefix = prefix
        self._longest = schema.get("maxLength")
        self._is_valid = Rules(schema).accepts
        self._others = others
        self._given: dict[str, str] = {}

    def prefixed(self, name: str) -> str:
        """The name to send in the place of `name`; `name` itself where no other would be as invalid."""
        if name.startswith(self._prefix) or name in self._others:
            return name
        ours = prefixed(self._is_valid, name, self._prefix, self._longest)
        if ours == name and self._others and self._is_valid(name):
            return self._given.setdefault(name, self._others[len(self._given) % len(self._others)])
        return ours
