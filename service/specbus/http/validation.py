"""Validators for connexion's `validator_map`: the compiled contract judges, so formats count and the words are ours."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from connexion.datastructures import MediaTypeDict
from connexion.middleware.abstract import ROUTING_CONTEXT
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from specbus.contract.requests import InvalidRequest, Operation, RestContract
from specbus.http.problems import ProblemError

BODY = "specbus.body"
"""Where in the ASGI scope the operations find the parsed body."""


def validators(contract: RestContract, max_body_bytes: int) -> dict[str, Any]:
    """The `validator_map` that has `contract` judge. A larger body than `max_body_bytes` is refused with 413."""

    def operation(scope: Scope) -> Operation:
        return contract.operations[scope["extensions"][ROUTING_CONTEXT]["operation_id"]]

    class Parameters:
        def __init__(self, *_args: object, **_options: object) -> None:
            """Connexion's options are in the contract already."""

        def validate(self, scope: Scope) -> None:
            try:
                operation(scope).check_query(scope["query_string"].decode("latin-1"))
            except InvalidRequest as error:
                raise ProblemError(HTTPStatus.BAD_REQUEST, str(error)) from None
            # The edge has encoded them; a number is converted by now.
            values = scope["path_params"]
            values.update({name: unquote(text) for name, text in values.items() if isinstance(text, str)})

    class Body:
        def __init__(self, **_options: object) -> None:
            """Connexion's options are in the contract already."""

        async def wrap_receive(self, receive: Receive, *, scope: Scope) -> tuple[Receive, Scope]:
            body = operation(scope).body
            if body is None:
                return receive, scope
            data = await _read(receive, scope, max_body_bytes)
            return _replay(data), {**scope, BODY: _judged(body.parse, data)}

    return {"parameter": Parameters, "body": MediaTypeDict({"*/*json": Body})}


def check_content_type(values: list[str]) -> None:
    """Raise ProblemError unless the content is declared as JSON, in UTF-8 if at all (RFC 8259, 8.1)."""
    media_type, _, options = values[0].partition(";") if len(values) == 1 else ("", "", "")
    charset = [option.strip() for option in options.lower().split(";") if option.strip().startswith("charset=")]
    if media_type.strip().lower() != "application/json" or charset not in (
        [],
        ["charset=utf-8"],
        ['charset="utf-8"'],
    ):
        given = ", ".join(values)[:128] or "none"
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Type must be application/json, in UTF-8, not {given}",
            headers={"Accept": "application/json"},
        )


async def _read(receive: Receive, scope: Scope, most: int) -> bytes:
    """The whole body, chunked or not. Raises ProblemError if it is larger than `most` bytes."""
    parts: list[bytes] = []
    announced = int(Headers(scope=scope).get("content-length", 0))
    size = 0
    more = True
    while more and max(size, announced) <= most:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ProblemError(HTTPStatus.BAD_REQUEST, "the body ended before its length")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
    if max(size, announced) > most:
        raise ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the body must be at most {most} bytes",
            headers={"Connection": "close"},
        )
    return b"".join(parts)


def _replay(data: bytes) -> Receive:
    """A `receive` that gives the body that has been read."""

    async def receive() -> Message:
        return {"type": "http.request", "body": data, "more_body": False}

    return receive


def _judged(parse: Callable[[bytes], Any], data: bytes) -> Any:
    """What `parse` makes of `data`. Raises ProblemError."""
    if not data.strip():
        raise ProblemError(HTTPStatus.BAD_REQUEST, "a body is required")
    try:
        return parse(data)
    except InvalidRequest as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, str(error)) from None
    except UnicodeDecodeError:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the body is not valid UTF-8") from None
