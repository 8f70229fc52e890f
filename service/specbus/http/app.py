"""The REST application: connexion on the contract.

The way of a request: `Routing` finds its operation, by connexion's router; `Dispatch` has the contract judge it and
calls the handler; connexion's error handlers make a problem document of what either raises. connexion's other
middleware is left out: what it would check the contract has checked, faster and in our words.
"""

import logging
from functools import partial
from http import HTTPStatus
from typing import Any

from connexion import ConnexionMiddleware
from connexion.exceptions import InvalidSpecification, ResolverError
from connexion.lifecycle import ConnexionResponse
from connexion.middleware.exceptions import ExceptionMiddleware
from connexion.options import SwaggerUIOptions
from connexion.resolver import Resolver
from starlette.types import ASGIApp

from specbus.auth import schemes
from specbus.auth.origins import OWN_PAGES, WebRules
from specbus.bus.errors import OperationError
from specbus.contract.requests import RestContract
from specbus.http.dispatch import Call, Dispatch, Handler, ResponseCheck, check_handlers
from specbus.http.elsewhere import Elsewhere, FrontPage
from specbus.http.faults import fault
from specbus.http.problems import ProblemError
from specbus.http.routing import Routing
from specbus.http.validation import Bodies
from specbus.http.web import WebGuard, shared_with
from specbus.spec import ContractError
from specbus.wire import problem

_log = logging.getLogger(__name__)

_MAX_BODIES_BYTES = 67_108_864
"""Bytes of all bodies that are on their way. Those of a quick client are so for less than a millisecond."""


def build(
    contract: RestContract,
    handlers: dict[str, Handler],
    websocket_path: str,
    *,
    api_key: str | None = None,
    web: WebRules = OWN_PAGES,
    max_body_bytes: int = 1_048_576,
    site: bool = False,
    debug: bool = False,
) -> ASGIApp:
    """The ASGI application for `contract`, whose operations `handlers` carry out.

    Args:
        contract: What is routed and judged by.
        handlers: The operations by their operationId.
        websocket_path: Where the WebSocket is; a request there is told to upgrade.
        api_key: The key that secured operations ask for, if any.
        web: What is asked of clients in browsers.
        max_body_bytes: The largest body that is taken; larger ones are refused with 413.
        site: Whether the pages are served too, where the contract has nothing, and at "/" for a browser.
        debug: Whether each response is checked against the contract, and a violation logged.

    Raises:
        ContractError: The document is not one to run from: also for an operation without a handler, or the reverse.
    """
    check_handlers(contract, handlers)
    try:
        for operation in contract.operations.values():
            schemes.check_openapi(contract.document, operation.security, f'operation "{operation.id}"')
    except ContractError as error:
        raise ContractError(f"openapi.yaml: {error}") from None
    if api_key is not None and not any(operation.secured for operation in contract.operations.values()):
        raise ContractError("openapi.yaml: security: a key is set, but no operation asks for one")
    for id_, field in (("createTopic", "name"), ("publishMessage", "id")):
        body = contract.operations[id_].body
        if body is None or not (body.schema.excludes_others("object") and body.schema.promises(field, "string")):
            raise ContractError(f'openapi.yaml: operation "{id_}": its body must have a required string {field}')
    published = contract.operations["publishMessage"].body
    if published is None or not published.keeps_text:
        raise ContractError('openapi.yaml: operation "publishMessage": its body must have x-verbatim: true')

    bodies = Bodies(max_body_bytes, max(_MAX_BODIES_BYTES, max_body_bytes))

    def call(operation_id: str, handler: Handler) -> Call:
        return Call(contract.operations[operation_id], handler, api_key=api_key, bodies=bodies)

    methods = {operation.method.upper() for operation in contract.operations.values()}
    app = ConnexionMiddleware(
        Dispatch(Elsewhere(websocket_path, methods, site=site)),
        import_name=__name__,
        middlewares=[
            *([FrontPage] if site else []),
            *([partial(ResponseCheck, contract=contract)] if debug else []),
            ExceptionMiddleware,
            partial(WebGuard, rules=web),
            Routing,
        ],
        swagger_ui_options=SwaggerUIOptions(swagger_ui=False, serve_spec=False),
    )
    app.add_error_handler(ProblemError, _refuse)
    app.add_error_handler(OperationError, _refuse_operation)
    app.add_error_handler(Exception, _fail)
    try:
        app.add_api(_at_root(contract.reduced), resolver=Resolver(handlers.__getitem__), call=call)
    except (InvalidSpecification, ResolverError) as error:
        raise ContractError(f"openapi.yaml: {fault(error)}") from None

    shared = shared_with(app, web)

    async def entered(scope: Any, receive: Any, send: Any) -> None:
        # connexion writes itself into the scope, which may be that of an application that this one is mounted in.
        await shared(dict(scope), receive, send)

    return entered


def _at_root(document: dict[str, Any]) -> dict[str, Any]:
    """`document` without its servers: connexion would have paths begin with that of the first one's URL."""
    return {key: value for key, value in document.items() if key != "servers"}


async def _refuse(_request: object, error: ProblemError) -> ConnexionResponse:
    response = error.response()
    return ConnexionResponse(
        response.status_code, problem.MEDIA_TYPE, body=bytes(response.body), headers=dict(response.headers)
    )


async def _refuse_operation(request: object, error: OperationError) -> ConnexionResponse:
    """What the bus refuses."""
    return await _refuse(request, ProblemError(error.status, str(error), error.problem, error.title))


async def _fail(request: object, error: Exception) -> ConnexionResponse:
    """A defect of ours: the log gets the traceback, the client nothing of it."""
    _log.error("an operation failed", exc_info=error)
    failure = ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "the service failed; its log says why")
    return await _refuse(request, failure)
