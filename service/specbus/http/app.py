"""The REST application: connexion on the contract."""

import inspect
import logging
from http import HTTPStatus
from typing import Any, get_args

import connexion
from connexion.exceptions import InvalidSpecification, ResolverError
from connexion.options import SwaggerUIOptions
from connexion.resolver import Resolver
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from specbus.contract.requests import Operation, RestContract
from specbus.http.edge import Edge
from specbus.http.operations import Handler
from specbus.http.problems import ProblemError
from specbus.http.validation import validators
from specbus.spec.documents import ContractError

_log = logging.getLogger(__name__)


def build(
    contract: RestContract,
    handlers: dict[str, Handler],
    websocket_path: str,
    *,
    api_key: str | None = None,
    max_body_bytes: int = 1_048_576,
    site: bool = False,
    debug: bool = False,
) -> ASGIApp:
    """The ASGI application for `contract`, whose operations `handlers` carry out; with `site`, the pages too.

    Raises ContractError, also for an operation without a handler and a handler without an operation.
    """
    if missing := sorted(contract.operations.keys() - handlers.keys()):
        raise ContractError(f'openapi.yaml: operation "{missing[0]}" has no handler')
    if left := sorted(handlers.keys() - contract.operations.keys()):
        raise ContractError(f'openapi.yaml: handler "{left[0]}" has no operation')
    for operation in contract.operations.values():
        _check_arguments(operation, handlers[operation.id])
    for id_, field in (("createTopic", "name"), ("publishMessage", "id")):
        body = contract.operations[id_].body
        if body is None or not body.schema.promises(field, "string"):
            raise ContractError(f'openapi.yaml: operation "{id_}": its body must have a required string {field}')
    published = contract.operations["publishMessage"].body
    if published is None or not published.keeps_text:
        raise ContractError('openapi.yaml: operation "publishMessage": its body must have x-verbatim: true')
    app = connexion.AsyncApp(__name__, swagger_ui_options=SwaggerUIOptions(swagger_ui=False, serve_spec=False))
    app.add_error_handler(ProblemError, _problem)
    app.add_error_handler(HTTPException, _http_error)
    app.add_error_handler(Exception, _failure)
    try:
        app.add_api(
            _for_connexion(contract.reduced),
            resolver=Resolver(handlers.__getitem__),
            validator_map=validators(contract, max_body_bytes),
        )
    except (InvalidSpecification, ResolverError) as error:
        place = "/".join(map(str, getattr(error, "absolute_path", ())))
        raise ContractError(f"openapi.yaml: {place}: {getattr(error, 'message', error)}") from None
    return Edge(app, contract, websocket_path, api_key=api_key, site=site, debug=debug)


def _check_arguments(operation: Operation, handler: Handler) -> None:
    """Raise ContractError unless `operation` has the parameters that `handler` takes, by name and type."""
    declared = {parameter.name: parameter for parameter in operation.parameters}
    for name, argument in inspect.signature(handler).parameters.items():
        parameter = declared.get(name)
        type_ = "integer" if int in (argument.annotation, *get_args(argument.annotation)) else "string"
        if argument.default is argument.empty and (parameter is None or not parameter.required):
            raise ContractError(f'openapi.yaml: operation "{operation.id}": needs a required parameter {name}')
        if parameter is not None and parameter.type != type_:
            raise ContractError(
                f'openapi.yaml: operation "{operation.id}": its parameter {name} must be of type {type_}'
            )


def _for_connexion(document: dict[str, Any]) -> dict[str, Any]:
    """`document` as connexion gets it: the edge has checked the key already, and paths begin at the root."""
    paths = {
        path: {
            method: {key: value for key, value in item[method].items() if key != "security"}
            if isinstance(item[method], dict)
            else item[method]
            for method in item
        }
        for path, item in document["paths"].items()
    }
    rest = {key: value for key, value in document.items() if key not in ("security", "servers")}
    return {**rest, "paths": paths}


def _as_connexion(problem: ProblemError) -> connexion.lifecycle.ConnexionResponse:
    response = problem.response()
    headers = {
        name: value for name, value in response.headers.items() if name not in ("content-type", "content-length")
    }
    return connexion.lifecycle.ConnexionResponse(
        response.status_code, response.media_type, response.media_type, bytes(response.body), headers
    )


async def _problem(_request: object, error: ProblemError) -> connexion.lifecycle.ConnexionResponse:
    return _as_connexion(error)


async def _http_error(_request: object, error: HTTPException) -> connexion.lifecycle.ConnexionResponse:
    """What connexion refuses by itself, in our form and without its texts."""
    status = HTTPStatus(error.status_code)
    headers = dict(error.headers or {})
    return _as_connexion(ProblemError(status, str(error.detail or status.phrase), headers=headers))


async def _failure(_request: object, error: Exception) -> connexion.lifecycle.ConnexionResponse:
    """A defect of ours: the log gets the traceback, the client nothing of it."""
    _log.error("an operation failed", exc_info=error)
    return _as_connexion(ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "the service failed; its log says why"))
