"""Names of topics that belong to a run, in the place of those that Schemathesis makes up."""

from typing import Any

import jsonschema_rs


class Names:
    """Puts a prefix before names, each of which stays as valid or as invalid as it was."""

    def __init__(self, prefix: str, schema: dict[str, Any]) -> None:
        """`schema` is that of a name."""
        self._prefix = prefix
        self._max_length = schema.get("maxLength")
        self._is_valid = jsonschema_rs.Draft4Validator(schema).is_valid

    def prefixed(self, name: str) -> str:
        """The name to send in the place of `name`; `name` itself where no other would be as invalid."""
        if name.startswith(self._prefix):
            return name
        longer = self._prefix + name
        if self._is_valid(name):
            return longer if self._max_length is None else longer[: self._max_length]
        # What is wrong with a name may be how it begins, or that there is none.
        inside = name[:1] + self._prefix + name[1:]
        return next((new for new in (longer, inside) if not self._is_valid(new)), name)
