"""From a routed request to its answer: it is judged by the contract, and its handler called with what it says."""

import inspect
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeAlias, get_args
from urllib.parse import unquote

from connexion.middleware.abstract import ROUTING_CONTEXT, RoutedAPI, RoutedMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from specbus.contract.requests import InvalidRequest, RestContract, RestOperation
from specbus.http import validation
from specbus.http.problems import ProblemError
from specbus.log import log_event
from specbus.spec import ContractError

Handler: TypeAlias = Callable[..., Awaitable[Response]]
"""Carries out an operation. Its arguments, by their names: the `request`, its `body`, and the contract's parameters."""

_log = logging.getLogger(__name__)


class Call:
    """An ASGI application that is one operation."""

    def __init__(
        self, operation: RestOperation, handler: Handler, *, api_key: str | None, bodies: validation.Bodies
    ) -> None:
        """Take the operation of the contract and what carries it out."""
        self._operation = operation
        self._handler = handler
        self._arguments = _arguments(operation, handler)
        self._api_key = api_key
        self._bodies = bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Raises ProblemError."""
        request = Request(scope, receive)
        said = {**await self._judged(request), "request": request}
        response = await self._handler(
            **{name: said[given] for name, given in self._arguments.items() if given in said}
        )
        await response(scope, receive, send)

    async def _judged(self, request: Request) -> dict[str, Any]:
        """The parameters by their names, and the body. Raises ProblemError unless all keeps the contract."""
        operation = self._operation
        if operation.secured and self._api_key is not None:
            peer = f"{request.client.host}:{request.client.port}" if request.client else "?"
            validation.check_key(self._api_key, request.headers, peer)
        try:
            values = operation.check_path({name: unquote(text) for name, text in request.path_params.items()})
            if operation.body is not None:
                validation.check_content_type(request.headers.getlist("content-type"))
                validation.check_content_encoding(request.headers.getlist("content-encoding"))
            values |= operation.check_query(request.scope["query_string"].decode("latin-1"))
        except InvalidRequest as error:
            raise ProblemError(HTTPStatus.BAD_REQUEST, str(error)) from None
        if operation.body is not None:
            data = await self._bodies.read(request.receive, request.scope)
            values["body"] = validation.parse_body(operation.body.parse, data)
        return values


class _Calls(RoutedAPI):  # type: ignore[misc] # connexion has no types
    """The operations of a document, each a `Call`."""

    def __init__(self, *args: Any, call: Callable[[str, Handler], Call], **options: Any) -> None:
        super().__init__(*args, **options)
        self._call = call
        self.add_paths()

    def make_operation(self, operation: Any) -> Call:
        return self._call(operation.operation_id, operation.function)


class Dispatch(RoutedMiddleware):  # type: ignore[misc]
    """Has connexion call the operation that it has routed a request to; what it has not goes to another application."""

    api_cls = _Calls


def check_handlers(contract: RestContract, handlers: dict[str, Handler]) -> None:
    """Raise ContractError unless each operation of `contract` has the one of `handlers` that can carry it out."""
    if missing := sorted(contract.operations.keys() - handlers.keys()):
        raise ContractError(f'openapi.yaml: operation "{missing[0]}" has no handler')
    if left := sorted(handlers.keys() - contract.operations.keys()):
        raise ContractError(f'openapi.yaml: operation "{left[0]}" is missing, which the service cannot leave out')
    for operation in contract.operations.values():
        _check_arguments(operation, handlers[operation.id])


def _arguments(operation: RestOperation, handler: Handler) -> dict[str, str]:
    """The arguments of `handler`, each with the name of what is given for it.

    What is in the path may have another name than the argument, and is then told by its place.
    """
    names = inspect.signature(handler).parameters
    required = [name for name, argument in names.items() if argument.default is argument.empty and name not in _GIVEN]
    in_path = operation.in_path
    if set(required) <= set(in_path) or len(required) != len(in_path):
        return {name: name for name in names}
    return {**{name: name for name in names}, **dict(zip(required, in_path, strict=True))}


_GIVEN = ("request", "body")
"""Arguments that are no parameters of the contract."""


def _check_arguments(operation: RestOperation, handler: Handler) -> None:
    place = f'openapi.yaml: operation "{operation.id}"'
    declared = {parameter.name: parameter for parameter in operation.parameters}
    arguments = _arguments(operation, handler)
    for name, argument in inspect.signature(handler).parameters.items():
        if name in _GIVEN:
            continue
        parameter = declared.get(arguments[name])
        type_ = "integer" if int in (argument.annotation, *get_args(argument.annotation)) else "string"
        if argument.default is argument.empty and (parameter is None or not parameter.required):
            raise ContractError(f"{place}: needs a required parameter {name}")
        if parameter is not None and parameter.type != type_:
            raise ContractError(f"{place}: its parameter {parameter.name} must be of type {type_}")
        others = [each.name for each in declared.values() if each.place == "query"]
        if parameter is None and others:
            raise ContractError(f"{place}: its parameter {others[0]} is none that the service reads: {name} is")
    for name in operation.in_path:
        if name not in arguments.values():
            raise ContractError(f"{place}: its path has the parameter {name}, which the service does not read")


class ResponseCheck:
    """ASGI middleware that logs each answer of an operation that breaks the contract."""

    def __init__(self, app: ASGIApp, *, contract: RestContract) -> None:
        self._app = app
        self._contract = contract

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and check what is sent."""
        # connexion writes into it what it routed the request to.
        routing: dict[str, Any] = {}
        scope = {**scope, "extensions": {**scope.get("extensions", {}), ROUTING_CONTEXT: routing}}
        start: Message = {}
        body = bytearray()
        held: list[Message] = []
        """Messages not yet passed on: the log says what is wrong before the client can have the whole response."""

        async def checked(message: Message) -> None:
            held.append(message)
            if message["type"] == "http.response.start":
                start.update(message)
                return
            body.extend(message.get("body", b""))
            operation = self._contract.operations.get(routing.get("operation_id", ""))
            if operation and not message.get("more_body"):
                self._check(operation, start, bytes(body))
            while held:
                await send(held.pop(0))

        await self._app(scope, receive, checked)

    @staticmethod
    def _check(operation: RestOperation, start: Message, body: bytes) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in start["headers"]}
        for problem in operation.problems_of_response(start["status"], headers, body):
            log_event(_log, logging.ERROR, "contract violation", operation=operation.id, problem=problem)
