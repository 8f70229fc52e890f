"""Defects of HTTP: RFC 9110, 9112, 9457, 3986, the Fetch standard's CORS, where openapi.yaml leans on them."""

import time
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from specbus.app import App
from specbus.contract import requests
from specbus.contract.requests import InvalidRequest, Parameter, RestOperation
from specbus.http import connection as http_connection
from specbus.http import dispatch, elsewhere, problems, routing, validation, web
from specbus.http.connection import HttpConnection
from specbus.http.problems import ProblemError
from specbus.wire import problem
from tests.mutants.edits import edit_response
from tests.mutants.registry import Patch, mutant, wrap

ORIGIN = "https://app.example.org"


def edit_every_answer(patch: Patch, edit: Any) -> None:
    """Have `edit` change the head of each answer, but of what is no HTTP: it gets the scope, and the headers."""

    def init(original: Any, self: App, *args: Any, **options: Any) -> None:
        original(self, *args, **options)
        asgi = self.asgi

        async def edited(scope: Scope, receive: Receive, send: Send) -> None:
            async def sent(message: Message) -> None:
                if message["type"] == "http.response.start":
                    headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
                    edit(scope, headers, message["status"])
                    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
                    message = {**message, "headers": pairs}
                await send(message)

            await asgi(scope, receive, sent)

        self.asgi = edited

    wrap(patch, App, "__init__", init)


def edit_scope(patch: Patch, edit: Any) -> None:
    """Have `edit` change the path of each request, as it was sent, before it is routed."""
    for module in (routing, elsewhere):
        wrap(patch, module, "sent_path", lambda original, scope: edit(original(scope)))


def edit_problem(patch: Patch, edit: Any) -> None:
    """Have `edit` change each problem document."""

    def encode(original: Any, *args: Any) -> bytes:
        document = msgspec.json.decode(original(*args))
        edit(document)
        return msgspec.json.encode(document)

    wrap(patch, problem, "encode", encode)


# Methods


@mutant("rest", "the answer to HEAD says Content-Length: 0 (RFC 9110, 8.6)")
def head_of_length_zero(patch: Patch) -> None:
    def edit(scope: Scope, headers: dict[str, str], status: int) -> None:
        if scope["method"] == "HEAD":
            headers["content-length"] = "0"

    edit_every_answer(patch, edit)


@mutant("rest", "HEAD of what is not there is answered with 200")
def head_always_succeeds(patch: Patch) -> None:
    async def call(original: Any, self: Any, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await Response(headers={"Cache-Control": "no-store"}, media_type="application/json")(scope, receive, send)
        else:
            await original(self, scope, receive, send)

    wrap(patch, dispatch.Call, "__call__", call)


@mutant("rest", "Allow lacks HEAD (RFC 9110, 10.2.1)")
def allow_without_head(patch: Patch) -> None:
    edit_every_answer(
        patch,
        lambda scope, headers, status: (
            headers.update(allow=headers["allow"].replace("HEAD, ", "")) if "allow" in headers else None
        ),
    )


@mutant("rest", "Allow lists the methods of all paths (RFC 9110, 10.2.1)")
def allow_of_all_paths(patch: Patch) -> None:
    edit_every_answer(
        patch,
        lambda scope, headers, status: (
            headers.update(allow="DELETE, GET, HEAD, OPTIONS, POST") if "allow" in headers else None
        ),
    )


@mutant("rest", "OPTIONS is refused with 405, though Allow lists it")
def options_refused(patch: Patch) -> None:
    def other_method(original: Any, method: str, path: str, methods: Any) -> Any:
        return original("TRACE" if method == "OPTIONS" else method, path, methods)

    wrap(patch, routing, "other_method", other_method)


@mutant("rest", "X-HTTP-Method-Override changes the method")
def method_override(patch: Patch) -> None:
    async def call(original: Any, self: Any, scope: Scope, receive: Receive, send: Send) -> None:
        override = dict(scope["headers"]).get(b"x-http-method-override")
        await original(self, {**scope, "method": override.decode()} if override else scope, receive, send)

    wrap(patch, routing.Routing, "__call__", call)


# Fields of answers


@mutant("rest", "the list of links does not say that it depends on Accept (openapi.yaml: Vary; RFC 9110, 12.5.5)")
def index_without_vary(patch: Patch) -> None:
    edit_response(patch, "get_index", lambda response: response.headers.__delitem__("vary"))


@mutant("rest", "the page at / does not say that it depends on Accept (RFC 9110, 12.5.5)")
def page_without_vary(patch: Patch) -> None:
    edit_every_answer(
        patch,
        lambda scope, headers, status: headers.pop("vary", None) if "html" in headers.get("content-type", "") else None,
    )


@mutant("rest", "the documents may be stored for an hour (openapi.yaml: No answer may be stored by a cache)")
def documents_may_be_stored(patch: Patch) -> None:
    for operation in ("get_openapi", "get_asyncapi"):
        edit_response(
            patch, operation, lambda response: response.headers.update({"cache-control": "public, max-age=3600"})
        )


@mutant("rest", "problem documents may be stored (openapi.yaml: No answer may be stored by a cache)")
def problems_may_be_stored(patch: Patch) -> None:
    edit_every_answer(
        patch,
        lambda scope, headers, status: headers.pop("cache-control", None) if status >= 400 else None,
    )


@mutant("rest", "answers say no-cache, with which they may be stored (RFC 9111, 5.2.2.4)")
def no_cache_for_no_store(patch: Patch) -> None:
    edit_every_answer(patch, lambda scope, headers, status: headers.update({"cache-control": "no-cache"}))


@mutant("rest", "large lists of retained messages may be stored")
def large_answers_may_be_stored(patch: Patch) -> None:
    edit_every_answer(
        patch,
        lambda scope, headers, status: headers.pop("cache-control", None) if "content-length" not in headers else None,
    )


@mutant("rest", "Location is relative to the service, not to /topics (RFC 9110, 10.2.2)")
def location_without_slash(patch: Patch) -> None:
    edit_response(
        patch, "create_topic", lambda response: response.headers.update({"location": response.headers["location"][1:]})
    )


@mutant("rest", "Location names the list, not the topic")
def location_of_list(patch: Patch) -> None:
    edit_response(patch, "create_topic", lambda response: response.headers.update({"location": "/topics"}))


@mutant("rest", "Location is in lower case")
def location_in_lower_case(patch: Patch) -> None:
    edit_response(
        patch,
        "create_topic",
        lambda response: response.headers.update({"location": response.headers["location"].lower()}),
    )


@mutant("rest", "Location lacks the prefix that a proxy has taken away")
def location_without_prefix(patch: Patch) -> None:
    def edit(response: Response) -> None:
        location = response.headers["location"]
        response.headers["location"] = location[location.rindex("/topics/") :]

    edit_response(patch, "create_topic", edit)


@mutant("rest", "answers have no Date (RFC 9110, 6.6.1)")
def no_date(patch: Patch) -> None:
    patch.setattr(
        "uvicorn.config.Config.date_header", property(lambda self: False, lambda self, value: None), raising=False
    )


@mutant("rest", "the Date of answers stands still (RFC 9110, 6.6.1)")
def date_stands_still(patch: Patch) -> None:
    start = time.time()
    patch.setattr("uvicorn.server.time", type("Clock", (), {"time": staticmethod(lambda: start)}))


@mutant("rest", "JSON is said to be in ISO 8859-1 (RFC 8259, 8.1, 11: it is UTF-8, and has no charset)")
def json_in_latin(patch: Patch) -> None:
    edit_every_answer(
        patch,
        lambda scope, headers, status: (
            headers.update({"content-type": "application/json; charset=iso-8859-1"})
            if headers.get("content-type") == "application/json"
            else None
        ),
    )


# Bodies. openapi.yaml: "Bodies are JSON in UTF-8 with Content-Type: application/json"; "Bodies are not encoded (415)
# and come with their length or chunked (501 otherwise)"


def edit_media_type(patch: Patch, edit: Any) -> None:
    """Have `edit` change the values of Content-Type before they are judged."""
    wrap(patch, validation, "check_content_type", lambda original, values: original(edit(values)))


@mutant("rest", "application/json with charset=utf-8 is refused")
def charset_refused(patch: Patch) -> None:
    edit_media_type(patch, lambda values: ["text/plain"] if "charset" in "".join(values).lower() else values)


@mutant("rest", "Application/JSON is refused, as it is not in lower case (RFC 9110, 8.3.1)")
def media_type_case_sensitive(patch: Patch) -> None:
    edit_media_type(patch, lambda values: ["text/plain"] if "".join(values) != "".join(values).lower() else values)


@mutant("rest", "a charset in quotes is refused (RFC 9110, 5.6.6)")
def quoted_charset_refused(patch: Patch) -> None:
    edit_media_type(patch, lambda values: ["text/plain"] if '"' in "".join(values) else values)


@mutant("rest", "a charset other than UTF-8 is taken")
def other_charset_taken(patch: Patch) -> None:
    edit_media_type(patch, lambda values: [values[0].partition(";")[0]] if values else values)


@mutant("rest", "what begins with application/json is taken for it")
def media_type_by_prefix(patch: Patch) -> None:
    edit_media_type(
        patch, lambda values: ["application/json"] if "".join(values).startswith("application/json") else values
    )


@mutant("rest", "application/problem+json, and what else ends with +json, is taken")
def media_type_by_suffix(patch: Patch) -> None:
    edit_media_type(patch, lambda values: ["application/json"] if "".join(values).endswith("+json") else values)


@mutant("rest", "a body without a Content-Type is taken")
def missing_media_type_taken(patch: Patch) -> None:
    edit_media_type(patch, lambda values: values or ["application/json"])


@mutant("rest", "text/json is taken")
def text_json_taken(patch: Patch) -> None:
    edit_media_type(patch, lambda values: ["application/json"] if values == ["text/json"] else values)


@mutant("rest", "Content-Encoding is not looked at: gzip is judged as JSON")
def content_encoding_ignored(patch: Patch) -> None:
    patch.setattr(validation, "check_content_encoding", lambda values: None)


@mutant("rest", "a Transfer-Encoding other than chunked is answered with 400 (openapi.yaml: 501)")
def other_coding_is_bad_request(patch: Patch) -> None:
    def coding_problem(original: Any, self: HttpConnection) -> Any:
        found = original(self)
        return found and (HTTPStatus.BAD_REQUEST, found[1])

    wrap(patch, HttpConnection, "_coding_problem", coding_problem)


@mutant("rest", "Transfer-Encoding: Chunked is refused, as it is not in lower case (RFC 9112, 7)")
def chunked_case_sensitive(patch: Patch) -> None:
    def coding_problem(original: Any, self: HttpConnection) -> Any:
        codings = b",".join(self._values(b"transfer-encoding"))
        if codings != codings.lower():
            return HTTPStatus.NOT_IMPLEMENTED, "the only Transfer-Encoding is chunked"
        return original(self)

    wrap(patch, HttpConnection, "_coding_problem", coding_problem)


@mutant("rest", "a body in chunks is refused with 411")
def chunked_refused(patch: Patch) -> None:
    async def read(original: Any, self: Any, receive: Receive, scope: Scope) -> bytes:
        if b"transfer-encoding" in dict(scope["headers"]):
            raise ProblemError(HTTPStatus.LENGTH_REQUIRED, "a body needs its length")
        return bytes(await original(self, receive, scope))

    wrap(patch, validation.Bodies, "read", read)


@mutant("rest", "Expect: 100-continue is answered with nothing (RFC 9110, 10.1.1)")
def no_100_continue(patch: Patch) -> None:
    def on_headers_complete(original: Any, self: HttpConnection) -> None:
        self.expect_100_continue = False
        original(self)

    wrap(patch, HttpConnection, "on_headers_complete", on_headers_complete)


@mutant("rest", "a body that does not come in time is given up without an answer (408)", request_timeout=2)
def late_body_unanswered(patch: Patch) -> None:
    wrap(patch, HttpConnection, "_give_up_body", lambda original, self: self.transport.abort())


@mutant("rest", "a body that does not come in time is answered with 400 (408)", request_timeout=2)
def late_body_is_bad_request(patch: Patch) -> None:
    def refuse(original: Any, self: HttpConnection, status: HTTPStatus, detail: str) -> None:
        original(self, HTTPStatus.BAD_REQUEST if status == HTTPStatus.REQUEST_TIMEOUT else status, detail)

    wrap(patch, HttpConnection, "_refuse", refuse)


@mutant("rest", "after 408 the connection stays open (openapi.yaml: The connection is closed)", request_timeout=2)
def open_after_408(patch: Patch) -> None:
    wrap(
        patch,
        HttpConnection,
        "_end",
        lambda original, self, timeout=None: None if self._body_comes and self._over else original(self, timeout),
    )


# Heads


@mutant("rest", "a request without Host is taken (RFC 9112, 3.2)")
def missing_host_taken(patch: Patch) -> None:
    wrap(
        patch,
        HttpConnection,
        "_host_problem",
        lambda original, self: original(self) if self._values(b"host") else None,
    )


@mutant("rest", "a request with two Host fields is taken (RFC 9112, 3.2)")
def two_hosts_taken(patch: Patch) -> None:
    wrap(
        patch,
        HttpConnection,
        "_host_problem",
        lambda original, self: None if len(self._values(b"host")) > 1 else original(self),
    )


@mutant("rest", "a request whose target is a whole URL is refused (RFC 9112, 3.2.2)")
def absolute_target_refused(patch: Patch) -> None:
    def host_problem(original: Any, self: HttpConnection) -> Any:
        if self.url.lower().startswith(b"http://"):
            return HTTPStatus.BAD_REQUEST, "the target of a request is a path"
        return original(self)

    wrap(patch, HttpConnection, "_host_problem", host_problem)


@mutant("rest", "Connection: close is not heeded (RFC 9112, 9.6)")
def connection_close_ignored(patch: Patch) -> None:
    def on_headers_complete(original: Any, self: HttpConnection) -> None:
        original(self)
        if not self.parser.should_upgrade() and self.parser.get_http_version() == "1.1":
            self.cycle.keep_alive = True

    wrap(patch, HttpConnection, "on_headers_complete", on_headers_complete)


@mutant("rest", "a connection is closed after each answer, without Connection: close (RFC 9112, 9.3, 9.6)")
def closed_after_each_answer(patch: Patch) -> None:
    def on_response_complete(original: Any, self: HttpConnection) -> None:
        original(self)
        if not self.pipeline:
            self.transport.close()

    wrap(patch, HttpConnection, "on_response_complete", on_response_complete)


@mutant("rest", "of requests that are sent at once the last is answered first (RFC 9112, 9.3.2)")
def pipelined_last_first(patch: Patch) -> None:
    def on_response_complete(original: Any, self: HttpConnection) -> None:
        self.pipeline.reverse()
        original(self)
        self.pipeline.reverse()

    wrap(patch, HttpConnection, "on_response_complete", on_response_complete)


@mutant("rest", "at most two requests may wait on a connection: more are lost (RFC 9112, 9.3.2)")
def pipelined_third_lost(patch: Patch) -> None:
    def on_response_complete(original: Any, self: HttpConnection) -> None:
        while len(self.pipeline) > 2:
            self.pipeline.popleft()
            self._unanswered -= 1
        original(self)

    wrap(patch, HttpConnection, "on_response_complete", on_response_complete)


@mutant("rest", "after a problem document the connection is closed, without Connection: close")
def closed_after_problem(patch: Patch) -> None:
    def on_response_complete(original: Any, self: HttpConnection) -> None:
        status = getattr(self.cycle, "status", 0)
        original(self)
        if status >= 400 and not self.pipeline:
            self.transport.close()

    async def send(original: Any, self: Any, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await original(self, message)

    wrap(patch, HttpConnection, "on_response_complete", on_response_complete)
    wrap(patch, RequestResponseCycle, "send", send)


# Targets


@mutant("rest", "an unreserved character that is percent-encoded is another (RFC 3986, 6.2.2.2)")
def percent_encoding_not_decoded(patch: Patch) -> None:
    def sent_path(original: Any, scope: Scope) -> str:
        raw: bytes = scope.get("raw_path") or b""
        return raw.decode("latin-1") if b"%" in raw else str(original(scope))

    wrap(patch, routing, "sent_path", sent_path)


@mutant("rest", "a path is percent-decoded twice (RFC 3986, 2.4)")
def path_decoded_twice(patch: Patch) -> None:
    edit_scope(patch, lambda path: unquote(unquote(path)))


@mutant("rest", "%2F parts a path (RFC 3986, 2.2)")
def encoded_slash_parts_path(patch: Patch) -> None:
    edit_scope(patch, lambda path: path.replace("%2F", "/"))


@mutant("rest", "a slash behind a path does not matter")
def trailing_slash_ignored(patch: Patch) -> None:
    edit_scope(patch, lambda path: path.rstrip("/") or "/")


@mutant("rest", "two slashes are one")
def double_slash_is_one(patch: Patch) -> None:
    edit_scope(patch, lambda path: path.replace("//", "/"))


@mutant("rest", "paths are in any case (RFC 3986, 6.2.2.1)")
def paths_in_any_case(patch: Patch) -> None:
    def edit(path: str) -> str:
        first, slash, rest = path[1:].partition("/")
        return f"/{first.lower()}{slash}{rest}"

    edit_scope(patch, edit)


@mutant("rest", "a path that goes on behind that of an operation is that operation's")
def path_by_prefix(patch: Patch) -> None:
    edit_scope(patch, lambda path: "/health" if path.startswith("/health/") else path)


def edit_query(patch: Patch, edit: Any) -> None:
    """Have `edit` change queries before they are judged; it gets the operation too."""
    wrap(patch, RestOperation, "check_query", lambda original, self, query: original(self, edit(self, query)))


@mutant("rest", "of a query parameter that is given twice the last counts")
def last_of_repeated_query(patch: Patch) -> None:
    edit_query(
        patch, lambda self, query: "&".join({part.partition("=")[0]: part for part in query.split("&")}.values())
    )


@mutant("rest", "unknown query parameters are ignored where there are no known ones")
def unknown_query_ignored(patch: Patch) -> None:
    edit_query(patch, lambda self, query: query if any(each.place == "query" for each in self.parameters) else "")


@mutant("rest", "unknown query parameters are ignored where a body comes")
def unknown_query_beside_body_ignored(patch: Patch) -> None:
    edit_query(patch, lambda self, query: query if self.body is None else "")


@mutant("rest", "an unknown query parameter without a value is ignored")
def unknown_query_without_value_ignored(patch: Patch) -> None:
    patch.setattr(requests, "parse_qsl", lambda query, keep_blank_values: parse_qsl(query))


@mutant("rest", "last_n is whatever int() reads: +5, 05, 1_0")
def last_n_as_python_reads_it(patch: Patch) -> None:
    def check(original: Any, self: Parameter, text: str) -> Any:
        if self.type == "integer":
            try:
                text = str(int(text))
            except ValueError:
                raise InvalidRequest(f"{self.name} must be an integer") from None
        return original(self, text)

    wrap(patch, Parameter, "check", check)


@mutant("rest", "a last_n below 0 counts as absent")
def negative_last_n_ignored(patch: Patch) -> None:
    edit_query(patch, lambda self, query: "" if query.startswith("last_n=-") else query)


@mutant("rest", "the names of query parameters are in any case")
def query_in_any_case(patch: Patch) -> None:
    edit_query(patch, lambda self, query: query.lower())


# Problem documents (RFC 9457). openapi.yaml: "Every error is a problem document"


@mutant("rest", "a problem's title has the topic's name (RFC 9457, 3.1.3)")
def problem_title_varies(patch: Patch) -> None:
    edit_problem(
        patch,
        lambda document: document.update(title=document["detail"]) if document["type"] != "about:blank" else None,
    )


@mutant("rest", "the title of about:blank is not the status's phrase (RFC 9457, 4.2.1)")
def blank_problem_with_another_title(patch: Patch) -> None:
    edit_problem(patch, lambda document: document.update(title="Error") if document["type"] == "about:blank" else None)


@mutant("rest", "a problem's status is 400, whatever the answer's (RFC 9457, 3.1.2)")
def problem_status_is_400(patch: Patch) -> None:
    edit_problem(patch, lambda document: document.update(status=400))


@mutant("rest", "the problem for what is not there is topic-not-found, if it is no topic")
def nothing_there_as_topic_not_found(patch: Patch) -> None:
    edit_problem(
        patch,
        lambda document: (
            document.update(type="urn:specbus:problem:topic-not-found", title="Topic not found")
            if document["status"] == 404
            else None
        ),
    )


@mutant("rest", "a problem's type is about:blank where the document has one of its own")
def problem_types_lost(patch: Patch) -> None:
    edit_problem(
        patch,
        lambda document: (
            document.update(type="about:blank", title="Conflict" if document["status"] == 409 else "Not Found")
            if document["type"] != "about:blank"
            else None
        ),
    )


@mutant("rest", "the detail of a problem is its title")
def problem_detail_is_title(patch: Patch) -> None:
    edit_problem(patch, lambda document: document.update(detail=document["title"]))


@mutant("rest", "a 405 is called application/json")
def problem_405_is_json(patch: Patch) -> None:
    edit_every_answer(
        patch,
        lambda scope, headers, status: headers.update({"content-type": "application/json"}) if status == 405 else None,
    )


@mutant("rest", "what is no HTTP is answered without a body")
def broken_http_without_problem(patch: Patch) -> None:
    def answer(original: Any, status: HTTPStatus, detail: str, *more: Any) -> bytes:
        head = bytes(original(status, detail, *more)).partition(b"\r\n")[0]
        return head + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

    wrap(patch, http_connection, "_answer", answer)


@mutant("rest", "what is no HTTP is not answered (RFC 9112, 2.2)")
def broken_http_unanswered(patch: Patch) -> None:
    wrap(patch, HttpConnection, "send_400_response", lambda original, self, msg: self.transport.abort())


@mutant("rest", "a 426 does not say to what to upgrade (RFC 9110, 15.5.22)")
def upgrade_required_to_nothing(patch: Patch) -> None:
    edit_every_answer(patch, lambda scope, headers, status: headers.pop("upgrade", None))


@mutant("rest", "a POST at the WebSocket's path is answered with 404")
def websocket_path_not_found(patch: Patch) -> None:
    async def call(original: Any, self: Any, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/ws":
            raise ProblemError(HTTPStatus.NOT_FOUND, "there is nothing at /ws")
        await original(self, scope, receive, send)

    wrap(patch, elsewhere.Elsewhere, "__call__", call)


@mutant("rest", "problem documents have a byte order mark (RFC 8259, 8.1)")
def problem_with_bom(patch: Patch) -> None:
    def response(original: Any, self: ProblemError) -> Response:
        made: Response = original(self)
        return Response(b"\xef\xbb\xbf" + made.body, made.status_code, media_type=problem.MEDIA_TYPE)

    wrap(patch, problems.ProblemError, "response", response)


# CORS. openapi.yaml: "Pages of allowed origins may read the answers (CORS)."


def edit_cors(patch: Patch, **options: Any) -> None:
    """Have CORS be answered with other options of Starlette's middleware."""
    wrap(patch, web, "CORSMiddleware", lambda original, app, **given: original(app, **{**given, **options}))


@mutant("rest", "pages of allowed origins may not send X-API-Key", allowed_origins=ORIGIN)
def cors_without_key(patch: Patch) -> None:
    edit_cors(patch, allow_headers=["Content-Type"])


@mutant("rest", "pages of allowed origins may not delete topics", allowed_origins=ORIGIN)
def cors_without_delete(patch: Patch) -> None:
    edit_cors(patch, allow_methods=["GET", "HEAD", "POST"])


@mutant("rest", "pages of allowed origins may not send JSON", allowed_origins=ORIGIN)
def cors_without_content_type(patch: Patch) -> None:
    edit_cors(patch, allow_headers=["X-API-Key"])


@mutant("rest", "pages of allowed origins cannot read Location", allowed_origins=ORIGIN)
def cors_without_location(patch: Patch) -> None:
    edit_cors(patch, expose_headers=["Retry-After"])


@mutant("rest", "pages of all origins may read the answers", allowed_origins=ORIGIN)
def cors_for_all(patch: Patch) -> None:
    edit_every_answer(patch, lambda scope, headers, status: headers.update({"access-control-allow-origin": "*"}))


@mutant("rest", "any origin is answered with itself", allowed_origins=ORIGIN)
def cors_reflects_origin(patch: Patch) -> None:
    def edit(scope: Scope, headers: dict[str, str], status: int) -> None:
        if b"origin" in dict(scope["headers"]):
            headers["access-control-allow-origin"] = dict(scope["headers"])[b"origin"].decode()

    edit_every_answer(patch, edit)


@mutant("rest", "pages of allowed origins cannot read problem documents", allowed_origins=ORIGIN)
def cors_not_for_problems(patch: Patch) -> None:
    edit_every_answer(
        patch,
        lambda scope, headers, status: headers.pop("access-control-allow-origin", None) if status >= 400 else None,
    )


@mutant("rest", "answers to other origins do not say that they depend on Origin (Fetch, CORS)", allowed_origins=ORIGIN)
def cors_without_vary(patch: Patch) -> None:
    edit_every_answer(
        patch,
        lambda scope, headers, status: (
            headers.pop("vary", None) if "access-control-allow-origin" not in headers and scope["path"] != "/" else None
        ),
    )


@mutant(
    "rest", "a preflight wants the API key, which no browser sends with it", allowed_origins=ORIGIN, api_key="k" * 20
)
def preflight_wants_key(patch: Patch) -> None:
    def init(original: Any, self: App, *args: Any, **options: Any) -> None:
        original(self, *args, **options)
        asgi = self.asgi

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            headers = dict(scope["headers"])
            if scope["method"] == "OPTIONS" and b"x-api-key" not in headers:
                response = problems.ProblemError(
                    HTTPStatus.UNAUTHORIZED, "no key", headers={"WWW-Authenticate": "ApiKey"}
                )
                await response.response()(scope, receive, send)
            else:
                await asgi(scope, receive, send)

        self.asgi = guarded

    wrap(patch, App, "__init__", init)
