"""For Schemathesis, in its own process: have all requests concern topics of this run, whatever it makes up.

The names in its requests get the run's prefix. A valid name stays valid and an invalid one invalid, so that what
Schemathesis expects of a request still holds.
"""

import json
import os
import time
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote, unquote

import jsonschema_rs
import schemathesis

Case: TypeAlias = "schemathesis.Case[Any]"
VARIABLE = "CONTRACT_TESTS_NAMES"
"""The environment variable with the arguments of `install`, as JSON."""
FIELD = "name"
"""The path parameter, and the field of a body, that names a topic."""


class Names:
    """The names of this run's topics."""

    def __init__(self, prefix: str, schema: dict[str, Any]) -> None:
        self._prefix = prefix
        self._most = schema.get("maxLength")
        self._is_valid = jsonschema_rs.Draft4Validator(schema).is_valid

    def ours(self, name: str) -> str:
        """The name to send in the place of `name`; as valid as that is."""
        if name.startswith(self._prefix):
            return name
        longer = self._prefix + name
        if self._is_valid(name):
            return longer if self._most is None else longer[: self._most]
        # What is wrong with a name may be how it begins, or that there is none.
        inside = name[:1] + self._prefix + name[1:]
        return next((new for new in (longer, inside) if not self._is_valid(new)), name)


def install(prefix: str, schema: dict[str, Any], pending: str, unanswered: str, deadline: float) -> None:
    """Have `prefix` before all names, and keep two files.

    `pending` holds the request that is under way; `unanswered` a line for each that was waited for in vain, which
    takes `deadline` seconds.
    """
    names = Names(prefix, schema)
    started = time.monotonic()
    request = ""

    def end() -> None:
        nonlocal request
        if request and time.monotonic() - started > 0.9 * deadline:
            with Path(unanswered).open("a") as file:
                file.write(f"{request}\n")
        request = ""
        Path(pending).write_text("")

    @schemathesis.hook
    def before_call(context: schemathesis.HookContext, case: Case, kwargs: dict[str, Any]) -> None:
        nonlocal started, request
        # An answer that breaks off is told to no hook.
        end()
        if FIELD in (case.path_parameters or {}):
            name = names.ours(unquote(str(case.path_parameters[FIELD])))
            case.path_parameters = {**case.path_parameters, FIELD: quote(name, safe="")}
        if isinstance(case.body, dict) and isinstance(given := case.body.get(FIELD), str):
            case.body = {**case.body, FIELD: names.ours(given)}
        request = f"{case.method} {case.path}"
        Path(pending).write_text(request)
        started = time.monotonic()

    @schemathesis.hook
    def after_call(context: schemathesis.HookContext, case: Case, response: schemathesis.Response) -> None:
        nonlocal request
        request = ""
        Path(pending).write_text("")

    @schemathesis.hook
    def after_network_error(context: schemathesis.HookContext, case: Case, request: object) -> None:
        end()


if VARIABLE in os.environ:
    install(**json.loads(os.environ[VARIABLE]))
