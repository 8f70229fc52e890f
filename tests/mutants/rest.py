"""Defects of the REST side: statuses, bodies, headers."""

import contextlib
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import Route

from specbus.auth import origins
from specbus.auth.origins import Fields
from specbus.bus.errors import TopicExists, TopicNotFound
from specbus.bus.operations import Operations
from specbus.contract import requests
from specbus.http import connection, routing, validation, web
from specbus.http.connection import HttpConnection
from specbus.http.operations import RestOperations
from specbus.http.problems import ProblemError
from specbus.websocket.endpoint import Endpoint
from tests.mutants.edits import decoded, edit_answer, edit_body, edit_response, edit_schema, too_deep
from tests.mutants.registry import Patch, mutant, wrap


def edit_problem(patch: Patch, status: HTTPStatus, edit: Callable[[Response], object]) -> None:
    """Have `edit` change the problem documents of one status."""

    def edited(original: Any, self: ProblemError) -> Response:
        response: Response = original(self)
        if response.status_code == status:
            edit(response)
        return response

    wrap(patch, ProblemError, "response", edited)


def lenient_parameter(patch: Patch, lenient: Callable[[requests.Parameter, str], str]) -> None:
    """Have `lenient` change the text of a parameter before it is judged."""
    wrap(patch, requests.Parameter, "check", lambda original, self, text: original(self, lenient(self, text)))


@mutant("rest", "a 404 is a plain text, not a problem document")
def not_found_as_plain_text(patch: Patch) -> None:
    def response(original: Any, self: ProblemError) -> Response:
        found: Response = original(self)
        return Response(str(self), 404, media_type="text/plain") if found.status_code == HTTPStatus.NOT_FOUND else found

    wrap(patch, ProblemError, "response", response)


@mutant("rest", "the problem document of a 400 lacks its detail")
def problem_without_detail(patch: Patch) -> None:
    edit_problem(patch, HTTPStatus.BAD_REQUEST, lambda response: edit_body(response, lambda body: body.pop("detail")))


@mutant("rest", "the problem document of a 409 says that its status is 400")
def problem_with_another_status(patch: Patch) -> None:
    edit_problem(patch, HTTPStatus.CONFLICT, lambda response: edit_body(response, lambda body: body.update(status=400)))


@mutant("rest", "creating a topic answers 200 instead of 201")
def create_answers_200(patch: Patch) -> None:
    edit_response(patch, "create_topic", lambda response: setattr(response, "status_code", 200))


@mutant("rest", "creating a topic that exists answers 201 instead of 409")
def duplicate_create_answers_201(patch: Patch) -> None:
    def create(original: Any, self: Operations, topic: str) -> None:
        with contextlib.suppress(TopicExists):
            original(self, topic)

    wrap(patch, Operations, "create", create)


@mutant("rest", "deleting a topic that does not exist answers 200 instead of 404")
def delete_of_nothing_answers_200(patch: Patch) -> None:
    def delete(original: Any, self: Operations, topic: str) -> None:
        with contextlib.suppress(TopicNotFound):
            original(self, topic)

    wrap(patch, Operations, "delete", delete)


@mutant("rest", "the 201 for a new topic has no Location")
def create_without_location(patch: Patch) -> None:
    edit_response(patch, "create_topic", lambda response: response.headers.__delitem__("location"))


@mutant("rest", "the list of topics leaves out the newest one")
def newest_topic_not_listed(patch: Patch) -> None:
    edit_answer(patch, "list_topics", lambda body: body.update(topics=body["topics"][:-1]))


@mutant("rest", "topics are listed by name, not in the order of their creation")
def topics_listed_by_name(patch: Patch) -> None:
    edit_answer(patch, "list_topics", lambda body: body["topics"].sort(key=lambda topic: topic["name"]))


@mutant("rest", "a new topic answers 404 until something is published on it")
def new_topic_answers_404(patch: Patch) -> None:
    async def get(original: Any, self: RestOperations, name: str) -> Response:
        response: Response = await original(self, name=name)
        if not decoded(bytes(response.body))["messages"]:
            raise TopicNotFound(name)
        return response

    wrap(patch, RestOperations, "get_topic", get)


@mutant("rest", "HEAD is refused with 405 where GET is answered")
def head_refused(patch: Patch) -> None:
    def route(original: Any, self: Route, *args: Any, **options: Any) -> None:
        original(self, *args, **options)
        if self.methods:
            self.methods.discard("HEAD")

    wrap(patch, Route, "__init__", route)


@mutant("rest", "a 405 has no Allow header")
def method_not_allowed_without_allow(patch: Patch) -> None:
    edit_problem(patch, HTTPStatus.METHOD_NOT_ALLOWED, lambda response: response.headers.__delitem__("allow"))


@mutant("rest", "Allow lists one of a path's operations and forgets the others")
def stale_allow(patch: Patch) -> None:
    def other_method(original: Any, method: str, path: str, methods: set[str]) -> Response:
        response: Response = original(method, path, methods & {"GET", "HEAD"})
        return response

    wrap(patch, routing, "other_method", other_method)


@mutant("rest", "the answer to OPTIONS has no Allow header")
def options_without_allow(patch: Patch) -> None:
    def other_method(original: Any, method: str, path: str, methods: set[str]) -> Response:
        original(method, path, methods)
        return Response(status_code=204)

    wrap(patch, routing, "other_method", other_method)


@mutant("rest", "a 401 has no WWW-Authenticate header", api_key="secret")
def unauthorized_without_challenge(patch: Patch) -> None:
    edit_problem(patch, HTTPStatus.UNAUTHORIZED, lambda response: response.headers.__delitem__("www-authenticate"))


@mutant("rest", "any API key will do, a wrong one too", api_key="secret")
def wrong_key_accepted(patch: Patch) -> None:
    def check_key(original: Any, api_key: str, headers: Headers, peer: str) -> None:
        if "x-api-key" not in headers:
            original(api_key, headers, peer)

    wrap(patch, validation, "check_key", check_key)


@mutant("rest", "a chunked body is refused as missing")
def chunked_body_refused(patch: Patch) -> None:
    async def read(original: Any, self: validation.Bodies, receive: Any, scope: Any) -> bytes:
        data: bytes = await original(self, receive, scope)
        return data if "content-length" in Headers(scope=scope) else b""

    wrap(patch, validation.Bodies, "read", read)


@mutant("rest", "a body declared as charset=utf-16 is accepted")
def utf_16_accepted(patch: Patch) -> None:
    wrap(
        patch,
        validation,
        "check_content_type",
        lambda original, values: original([value.lower().replace("utf-16", "utf-8") for value in values]),
    )


@mutant("rest", "a body without Content-Type is accepted")
def missing_content_type_accepted(patch: Patch) -> None:
    wrap(
        patch,
        validation,
        "check_content_type",
        lambda original, values: original(values or ["application/json"]),
    )


@mutant("rest", "a body of another Content-Type answers 400 instead of 415")
def wrong_content_type_answers_400(patch: Patch) -> None:
    def check(original: Any, values: list[str]) -> None:
        try:
            original(values)
        except ProblemError as problem:
            raise ProblemError(HTTPStatus.BAD_REQUEST, str(problem)) from None

    wrap(patch, validation, "check_content_type", check)


@mutant("rest", "unknown query parameters are accepted")
def unknown_query_accepted(patch: Patch) -> None:
    def check(original: Any, self: requests.RestOperation, query: str) -> Any:
        known = {parameter.name for parameter in self.parameters if parameter.place == "query"}
        return original(self, "&".join(part for part in query.split("&") if part.partition("=")[0] in known))

    wrap(patch, requests.RestOperation, "check_query", check)


@mutant("rest", "reading messages pays no heed to last_n")
def last_n_ignored(patch: Patch) -> None:
    async def get(original: Any, self: RestOperations, name: str, last_n: int | None = None) -> Any:
        return await original(self, name=name)

    wrap(patch, RestOperations, "get_messages", get)


@mutant("rest", "a negative last_n in the query is accepted")
def negative_query_last_n_accepted(patch: Patch) -> None:
    lenient_parameter(patch, lambda parameter, text: text.lstrip("-") if parameter.name == "last_n" else text)


@mutant("rest", "a body with an unknown field creates the topic")
def extra_body_field_accepted(patch: Patch) -> None:
    edit_schema(patch, "POST /topics: body", lambda schema: schema.pop("additionalProperties"))


@mutant("rest", "a topic's name may have any printable ASCII character")
def name_pattern_not_enforced(patch: Patch) -> None:
    def loosen(schema: dict[str, Any]) -> None:
        schema.get("properties", {}).get("name", schema)["pattern"] = "^[ -~]+$"

    edit_schema(patch, "POST /topics: body; parameter name", loosen)


@mutant("rest", "publishing over HTTP accepts an id that is no UUID")
def http_uuid_unchecked(patch: Patch) -> None:
    edit_schema(patch, "POST /topics/{name}/messages: body", lambda schema: schema["properties"]["id"].pop("format"))


@mutant("rest", "the answer to publishing over HTTP lacks the message's id")
def accepted_without_id(patch: Patch) -> None:
    edit_answer(patch, "publish_message", lambda body: body.pop("id"))


@mutant("rest", "/stats lacks the counter of dropped messages")
def stats_without_dropped(patch: Patch) -> None:
    edit_answer(patch, "get_stats", lambda body: [each.pop("dropped") for each in body["topics"].values()])


@mutant("rest", "the uptime in /health is a text, not a number")
def uptime_as_text(patch: Patch) -> None:
    edit_answer(patch, "get_health", lambda body: body.update(uptime_sec=str(body["uptime_sec"])))


@mutant("rest", "a body that is not UTF-8 gives 500")
def invalid_utf_8_gives_500(patch: Patch) -> None:
    def judged(original: Any, parse: Any, data: bytes) -> Any:
        data.decode()
        return original(parse, data)

    wrap(patch, validation, "parse_body", judged)


@mutant("rest", "a deeply nested body gives 500")
def deep_body_gives_500(patch: Patch) -> None:
    def judged(original: Any, parse: Any, data: bytes) -> Any:
        if too_deep(data):
            raise RecursionError
        return original(parse, data)

    wrap(patch, validation, "parse_body", judged)


# Web pages


@mutant("rest", "pages of any site may change things")
def foreign_page_may_change(patch: Patch) -> None:
    patch.setattr(web, "_SAFE", ("GET", "HEAD", "OPTIONS", "TRACE", "POST", "DELETE"))


@mutant("rest", "pages of any site may open a WebSocket")
def foreign_page_may_connect(patch: Patch) -> None:
    def check(original: Any, self: Endpoint, path: str, fields: Fields, peer: str) -> None:
        original(self, path, lambda name: [] if name == "origin" else fields(name), peer)

    wrap(patch, Endpoint, "check", check)


@mutant("rest", "a site whose name begins with the service's is taken for the service's own")
def origin_compared_by_its_beginning(patch: Patch) -> None:
    def is_own(original: Any, origin: str, fields: Fields) -> bool:
        return bool(original(origin, fields)) or any(
            origin.startswith(f"http://{host.partition(':')[0]}.") for host in fields("host")
        )

    wrap(patch, origins, "_is_own", is_own)


@mutant("rest", "pages without an origin of their own may change things")
def null_origin_accepted(patch: Patch) -> None:
    wrap(patch, origins, "_is_own", lambda original, origin, fields: origin == "null" or original(origin, fields))


@mutant("rest", "the service's own pages may not use it")
def own_page_refused(patch: Patch) -> None:
    patch.setattr(origins, "_is_own", lambda origin, fields: False)


# How a request is read


@mutant("rest", "a request needs no Host")
def request_without_host_accepted(patch: Patch) -> None:
    def host_problem(original: Any, self: HttpConnection) -> Any:
        return original(self) if self._values(b"host") else None

    wrap(patch, HttpConnection, "_host_problem", host_problem)


@mutant("rest", "of several Hosts the first counts")
def second_host_ignored(patch: Patch) -> None:
    def host_problem(original: Any, self: HttpConnection) -> Any:
        return None if len(self._values(b"host")) > 1 else original(self)

    wrap(patch, HttpConnection, "_host_problem", host_problem)


@mutant("rest", "a Host may be anything", allowed_hosts="*")
def odd_host_accepted(patch: Patch) -> None:
    patch.setattr(connection, "_HOST", re.compile(b".*"))


@mutant("rest", "a body is read as chunked, whatever other transfer coding it has")
def transfer_coding_ignored(patch: Patch) -> None:
    patch.setattr(HttpConnection, "_coding_problem", lambda self: None)


@mutant("rest", "a body is taken as it is, whatever coding it is said to have")
def content_coding_ignored(patch: Patch) -> None:
    patch.setattr(validation, "check_content_encoding", lambda values: None)


@mutant("rest", "a request that asks for another protocol than WebSocket loses its body to the next request")
def body_behind_upgrade_is_a_request(patch: Patch) -> None:
    def head(original: Any, self: HttpConnection) -> bytes:
        return re.sub(rb"content-length: \d+\r\n", b"", original(self))

    wrap(patch, HttpConnection, "_head_without_upgrade", head)


@mutant("rest", "a request that asks for another protocol than WebSocket is refused")
def other_upgrade_refused(patch: Patch) -> None:
    def headers_complete(original: Any, self: HttpConnection) -> None:
        if self.parser.should_upgrade() and not self._asks_for_websocket():
            self._refuse(HTTPStatus.BAD_REQUEST, "there is no such protocol")
            raise ValueError
        original(self)

    wrap(patch, HttpConnection, "on_headers_complete", headers_complete)


@mutant("rest", "the body of a GET is taken for the next request")
def body_of_get_is_a_request(patch: Patch) -> None:
    def received(original: Any, self: HttpConnection, data: bytes) -> None:
        original(self, re.sub(rb"Content-Length: \d+\r\n", b"", data) if data.startswith(b"GET ") else data)

    wrap(patch, HttpConnection, "data_received", received)


@mutant("rest", "a handshake is answered before the requests that came before it")
def handshake_overtakes(patch: Patch) -> None:
    def asks(original: Any, self: HttpConnection) -> bool:
        found: bool = original(self)
        if found:
            self._unanswered = 0
        return found

    wrap(patch, HttpConnection, "_asks_for_websocket", asks)


@mutant("rest", "a path is compared as it was sent")
def escaped_path_not_found(patch: Patch) -> None:
    patch.setattr(routing, "decoded", lambda path: path)
