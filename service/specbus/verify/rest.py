"""The REST side: Schemathesis with all that it has, and checks of what it does not try."""

import base64
import contextlib
import copy
import functools
import itertools
import json
import os
import re
import secrets
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote

import httpx

from specbus.spec.documents import bundle, resolved
from specbus.verify.asyncapi import Rules
from specbus.verify.checks import Check, check
from specbus.verify.rest_hooks import FIELD, VARIABLE
from specbus.verify.target import Broken, Step, Target

T = TypeVar("T")
Headers: TypeAlias = dict[str, str]
_FILE = "openapi.yaml"
_HERE = Path(__file__).parent
_JSON = "application/json"
_PROBLEM = "application/problem+json"
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_KEY = "X-API-Key"
_UUID = "550e8400-e29b-41d4-a716-446655440000"
_CLIENT_ERRORS = frozenset(range(400, 500))
_MOST = 3
"""How many failures of a check are looked for."""


def checks(target: Target) -> Iterator[Check]:
    """The checks that the target's document gives. Raises ContractError."""
    document = _document(target.options.specs)
    schemathesis = Schemathesis(document)
    yield Check("rest", "every request is answered (schemathesis)", _FILE, schemathesis.check_answers)
    for name, sentence in _JUDGEMENTS.items():
        yield Check("rest", f"{sentence} (schemathesis: {name})", _FILE, functools.partial(schemathesis.check, name))
    yield from _CHECKS
    if target.options.api_key:
        yield from _KEY_CHECKS


_CHECKS: list[Check] = []
_KEY_CHECKS: list[Check] = []


# The document


def _place(*steps: str) -> str:
    """File and JSON pointer (RFC 6901)."""
    return f"{_FILE}#/" + "/".join(step.replace("~", "~0").replace("/", "~1") for step in steps)


@dataclass(frozen=True, eq=False)
class Operation:
    """A method of a path."""

    method: str
    path: str
    node: dict[str, Any]
    """Without references."""
    parameters: list[dict[str, Any]]
    """Its own and the path's."""
    needs_key: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def place(self, *steps: str) -> str:
        """Where it stands."""
        return _place("paths", self.path, self.method.lower(), *steps)

    @property
    def names_topic(self) -> bool:
        """Whether its path is that of a topic."""
        return f"{{{FIELD}}}" in self.path

    @property
    def statuses(self) -> list[str]:
        """Those declared."""
        return list(self.node.get("responses", {}))

    @property
    def body_schema(self) -> dict[str, Any] | None:
        """Of the JSON that it takes."""
        content = self.node.get("requestBody", {}).get("content", {})
        schema: dict[str, Any] | None = content.get(_JSON, {}).get("schema")
        return schema

    def answer_schema(self, status: int, media_type: str) -> Any:
        """Of an answer; None if it has none."""
        return self.node.get("responses", {}).get(str(status), {}).get("content", {}).get(media_type, {}).get("schema")

    def body(self, name: str) -> Any:
        """A body to send, about the topic `name` if it names one."""
        value = copy.deepcopy(_sample(self.body_schema or {}))
        if isinstance(value, dict) and FIELD in value:
            value[FIELD] = name
        return value


class Document:
    """An OpenAPI document."""

    def __init__(self, folder: Path) -> None:
        self.bundled = bundle(folder / _FILE)
        """In one piece, and without security schemes: with them Schemathesis does not look whether what it created is
        there. The key checks are ours."""
        plain = resolved(self.bundled, self.bundled)
        self.operations = [
            Operation(
                method.upper(),
                path,
                item[method],
                [*item.get("parameters", []), *item[method].get("parameters", [])],
                any(item[method].get("security", plain.get("security", []))),
            )
            for path, item in plain["paths"].items()
            for method in _METHODS
            if method in item
        ]
        self.paths = {path: [each for each in self.operations if each.path == path] for path in plain["paths"]}
        self.name_schema: dict[str, Any] = next(
            (
                parameter["schema"]
                for operation in self.operations
                for parameter in operation.parameters
                if (parameter["in"], parameter["name"]) == ("path", FIELD)
            ),
            {},
        )
        """Of a topic's name."""
        for node in (self.bundled, *(item[key] for item in self.bundled["paths"].values() for key in item)):
            if isinstance(node, dict):
                node.pop("security", None)
        self.bundled.get("components", {}).pop("securitySchemes", None)

    def with_body(self) -> list[Operation]:
        """The operations that take JSON."""
        return [operation for operation in self.operations if operation.body_schema is not None]

    def of_topics(self) -> list[Operation]:
        """The operations on a topic."""
        return [operation for operation in self.operations if operation.names_topic]

    def operation(self, method: str, path: str) -> Operation | None:
        """The operation with that method of that path."""
        return next((each for each in self.paths.get(path, []) if each.method == method), None)


_document = functools.cache(Document)


def _sample(schema: dict[str, Any]) -> Any:
    """A value of `schema`: its example, or what can be made of its parts."""
    if "example" in schema:
        return schema["example"]
    if schema.get("enum"):
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: _sample(schema["properties"][name]) for name in schema.get("required", [])}
        case "array":
            return [_sample(schema.get("items", {}))] * schema.get("minItems", 0)
        case "string":
            return _UUID if schema.get("format") == "uuid" else "x" * max(1, schema.get("minLength", 0))
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return True
    return None


# Schemathesis

_JUDGEMENTS = {
    "not_a_server_error": "no request makes the server fail",
    "status_code_conformance": "every status is declared",
    "content_type_conformance": "every answer's Content-Type is declared",
    "response_headers_conformance": "every answer has its declared headers",
    "response_schema_conformance": "every answer keeps its schema",
    "positive_data_acceptance": "what keeps the document is accepted",
    "negative_data_rejection": "what breaks the document is refused",
    "missing_required_header": "a request without a required header is refused",
    "unsupported_method": "a method that a path does not have is refused",
    "allow_header_conformance": "Allow says what the document says",
    "use_after_free": "what was deleted is gone",
    "ensure_resource_availability": "what was created is there",
}
"""Its checks, and what they are about."""
_HANGING = 4
"""How many operations may let a request hang before the run is ended: each such request costs a deadline."""


class Schemathesis:
    """One run of Schemathesis, made when it is first asked for."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._findings: Findings | None = None
        self._failure: RuntimeError | None = None

    def check_answers(self, target: Target) -> None:
        """Raise what came in the place of answers."""
        findings = self._run_once(target)
        target.cases = findings.requests
        _raise([*findings.unanswered.values(), *findings.of(None)])

    def check(self, judgement: str, target: Target) -> None:
        """Raise what one of its checks found."""
        findings = self._run_once(target)
        target.cases = findings.judged[judgement]
        _raise(findings.of(judgement))

    def _run_once(self, target: Target) -> "Findings":
        if self._failure:
            raise self._failure
        if self._findings is None:
            before = _topics(target)
            with tempfile.TemporaryDirectory(prefix="contract-tests-") as name:
                try:
                    self._findings = self._run(target, Path(name))
                except RuntimeError as failure:
                    self._failure = failure
                    raise
            # Names that must be refused could not all get the prefix.
            for name in _topics(target) - before:
                if name in self._findings.names and not name.startswith(target.prefix):
                    with contextlib.suppress(Broken):
                        target.call("DELETE", f"/topics/{quote(name, safe='')}")
            target.forget()
        return self._findings

    def _run(self, target: Target, folder: Path) -> "Findings":
        (folder / "pending").touch()
        (folder / "unanswered").touch()
        (folder / _FILE).write_text(json.dumps(self._document.bundled))
        config = (_HERE / "schemathesis.toml").read_text()
        if target.options.api_key:
            config += f'\n[headers]\n{_KEY} = "${{CONTRACT_TESTS_KEY}}"\n'
        (folder / "schemathesis.toml").write_text(config)
        hooks = {
            # None of these is a name that `Target.topic` gives.
            "prefix": f"{target.prefix}made-up-",
            "schema": self._document.name_schema,
            "pending": str(folder / "pending"),
            "unanswered": str(folder / "unanswered"),
            "deadline": target.options.deadline,
        }
        environment = {
            "SCHEMATHESIS_HOOKS": str(_HERE / "rest_hooks.py"),
            VARIABLE: json.dumps(hooks),
            "CONTRACT_TESTS_KEY": target.options.api_key or "",
        }
        command = [
            *(str(Path(sys.executable).parent / "schemathesis"), "--config-file=schemathesis.toml", "run", _FILE),
            *(f"--url={target.options.url}", "--checks=all", f"--seed={target.options.seed}"),
            *(f"--max-examples={max(1, target.options.examples)}", f"--request-timeout={target.options.deadline}"),
            *("--report=ndjson", "--report-ndjson-path=events.ndjson"),
        ]
        with (folder / "output").open("w") as output:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                stopped = _watch(process, target, folder)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if not stopped and process.returncode not in (0, 1):
            raise RuntimeError(f"schemathesis did not run: {(folder / 'output').read_text()[-2000:]}")
        findings = Findings(self._document, target)
        findings.read(folder / "events.ndjson")
        if stopped:
            findings.unanswered[""] = Broken(stopped, rule=_FILE, steps=[])
        return findings


def _topics(target: Target) -> set[str]:
    try:
        return set(target.topics())
    except Broken:
        return set()


def _watch(process: "subprocess.Popen[bytes]", target: Target, folder: Path) -> str | None:
    """Wait for the process to end. Why it is not worth waiting for any longer, if so."""
    longest = 2 * target.options.deadline + 5
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
        try:
            target.patience()
        except Broken as broken:
            return f"{broken.problem}, with schemathesis still at work"
        pending = folder / "pending"
        # Written by another process: the file's time, not a monotonic one.
        if (request := pending.read_text()) and time.time() - pending.stat().st_mtime > longest:
            return f"{request} is not answered in full, even after {longest:g} s"
        hanging = sorted(set((folder / "unanswered").read_text().splitlines()))
        if len(hanging) >= _HANGING:
            return f"the server lets requests hang: {', '.join(hanging)}"
    return None


class Findings:
    """What a run of Schemathesis brought to light."""

    def __init__(self, document: Document, target: Target) -> None:
        self._document = document
        self._url = target.options.url.rstrip("/")
        self._key = bool(target.options.api_key)
        self._broken: dict[tuple[str, str, str], tuple[int, Broken]] = {}
        """By check, operation and kind: how much it takes to show it, and the least of it."""
        self.judged: Counter[str] = Counter()
        """Answers, by check."""
        self.unanswered: dict[str, Broken] = {}
        """By operation."""
        self.requests = 0
        self.names: set[str] = set()
        """Of topics that were created."""

    def of(self, judgement: str | None) -> list[Broken]:
        """What a check found; for None, those checks that have no name here."""
        return [
            broken
            for (name, _, _), (_, broken) in self._broken.items()
            if name == judgement or (judgement is None and name not in _JUDGEMENTS)
        ]

    def read(self, events: Path) -> None:
        """Read the report of a run, which may have been stopped."""
        if not events.exists():
            return
        with events.open(errors="replace") as lines:
            for line in lines:
                with contextlib.suppress(ValueError):  # the last line of a run that was stopped
                    event = json.loads(line)
                    self._read_scenario(event.get("ScenarioFinished", {}).get("recorder", {}))
                    self._read_error(event.get("NonFatalError") or event.get("FatalError"))

    def _read_error(self, error: dict[str, Any] | None) -> None:
        if not error:
            return
        label = str(error.get("label", ""))
        value = error.get("value") or error.get("exception") or {}
        what = re.sub(r"^HTTPConnectionPool\(.*?\): ", "", str(value.get("message", value)))
        method, _, path = label.partition(" ")
        operation = self._document.operation(method, path)
        self.unanswered.setdefault(
            label, Broken(f"{label} is not answered: {what}", rule=operation.place() if operation else _FILE, steps=[])
        )

    def _read_scenario(self, recorder: dict[str, Any]) -> None:
        interactions = recorder.get("interactions", {})
        self.requests += len(interactions)
        for interaction in interactions.values():
            self._note_created(interaction)
        for case_id, judgements in recorder.get("checks", {}).items():
            for judgement in judgements:
                self.judged[judgement["name"]] += 1
                if judgement["status"] == "failure":
                    self._note_failure(judgement["name"], judgement["failure_info"]["failure"], case_id, recorder)

    def _note_created(self, interaction: dict[str, Any]) -> None:
        if (
            interaction["request"]["method"] == "POST"
            and (interaction.get("response") or {}).get("status_code", 0) < 300
        ):
            with contextlib.suppress(ValueError, AttributeError):
                self.names.add(str(json.loads(_content(interaction["request"].get("body"))).get(FIELD)))

    def _note_failure(self, name: str, failure: dict[str, Any], case_id: str, recorder: dict[str, Any]) -> None:
        if name == "ensure_resource_availability" and not recorder["cases"][case_id]["is_transition_applied"]:
            return  # about another topic than the one that was created: Schemathesis put in one of its own choice
        chain: list[str] = []
        link = case_id
        while link in recorder["interactions"] and link not in chain:
            chain.insert(0, link)
            link = str(recorder["cases"][link].get("parent_id"))
        interactions = [recorder["interactions"][each] for each in chain]
        size = sum(len(json.dumps(interaction["request"])) for interaction in interactions)
        label = str(failure["operation"])
        key = name, label, str(failure["type"])
        if key in self._broken and self._broken[key][0] <= size:
            return
        case = recorder["cases"].get(case_id, {}).get("value", {})
        asked = f"{case.get('method')} {case.get('path')}" if case else label
        operation = self._document.operation(case.get("method", ""), case.get("path", ""))
        response = (interactions[-1].get("response") if interactions else None) or {}
        status = response.get("status_code")
        media_type = str(response.get("headers", {}).get("content-type", [_JSON])[0]).partition(";")[0].strip()
        problem = f"{asked} is answered with {status}: {_sentence(failure, case)}"
        rule = _rule(name, operation, case.get("path", ""), status, media_type)
        steps = [self._step(interaction) for interaction in interactions]
        commands = "\n".join(self._command(interaction["request"]) for interaction in interactions)
        self._broken[key] = size, Broken(problem, rule=rule, steps=steps, reproduce=commands)

    def _step(self, interaction: dict[str, Any]) -> Step:
        request, response = interaction["request"], interaction.get("response")
        body = _content(request.get("body"))
        received = "no answer"
        if response:
            received = f"{response['status_code']} {_content(response.get('content')).decode(errors='replace')}"
        return Step("rest", body or None, received, (request["method"], request["uri"].removeprefix(self._url)))

    def _command(self, request: dict[str, Any]) -> str:
        headers = {name: ", ".join(values) for name, values in request.get("headers", {}).items() if name != _KEY}
        body = _content(request["body"]) if request.get("body") else None
        return _curl(request["method"], request["uri"], body, headers, key=self._key)


def _content(recorded: dict[str, str] | None) -> bytes:
    return base64.b64decode((recorded or {}).get("$base64", ""))


def _sentence(failure: dict[str, Any], case: dict[str, Any]) -> str:
    """What Schemathesis says, in one sentence."""
    kind = str(failure["type"])
    title = str(failure.get("title") or kind)
    title = title[:1].lower() + title[1:]
    if kind == "AcceptedNegativeData":
        phase = ((case.get("meta") or {}).get("phase") or {}).get("data") or {}
        return f"{title} ({phase['description']})" if phase.get("description") else title
    lines = [line for line in str(failure.get("message") or "").splitlines() if line and not line.startswith("    ")]
    lines = [re.sub(r"\s+", " ", line).rstrip(" .:") for line in lines if not line.startswith("Validated against")]
    return f"{title} - {'; '.join(lines[:2])[:400]}" if lines else title


def _rule(judgement: str, operation: Operation | None, path: str, status: int | None, media_type: str) -> str:
    """Where the rule of one of Schemathesis' checks stands."""
    if operation is None or judgement in ("unsupported_method", "allow_header_conformance"):
        return _place("paths", path)
    answer = ["responses"]
    if str(status) in operation.statuses:
        answer.append(str(status))
    match judgement:
        case "status_code_conformance" | "not_a_server_error":
            return operation.place("responses")
        case "content_type_conformance":
            return operation.place(*answer, "content")
        case "response_headers_conformance":
            return operation.place(*answer, "headers")
        case "response_schema_conformance":
            return operation.place(*answer, "content", media_type, "schema")
        case "negative_data_rejection" | "positive_data_acceptance" if operation.body_schema is not None:
            return operation.place("requestBody")
        case _:
            return operation.place()


# Requests of our own


class Unanswered(Broken):
    """Nothing came in the place of an answer."""


class Client:
    """The requests of one case, each kept as a command that repeats it."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.document = _document(target.options.specs)
        self._commands: list[str] = []

    @property
    def commands(self) -> str:
        """A shell script that does the same."""
        return "\n".join(self._commands)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Headers | None = None,
        *,
        chunked: bool = False,
    ) -> httpx.Response:
        """The answer to a request; to one with a body that is JSON, unless `headers` say otherwise."""
        if headers is None:
            headers = {} if body is None else {"Content-Type": _JSON}
        content: bytes | Iterator[bytes] | None = body
        if body is not None and chunked:
            content = iter([body[: len(body) // 2], body[len(body) // 2 :]])
        shown = {**headers, **({"Transfer-Encoding": "chunked"} if chunked else {})}
        url = self.target.options.url.rstrip("/") + path
        self._commands.append(_curl(method, url, body, shown, key=bool(self.target.options.api_key)))
        try:
            return self.target.call(method, path, headers=headers, content=content)
        except Broken as broken:
            raise Unanswered(broken.problem) from None
        except (httpx.InvalidURL, ValueError) as error:  # of what a server answers, a redirect or a charset
            raise Unanswered(f"the answer to {method} {path} cannot be read: {error}") from None

    def raw(self, data: bytes) -> bytes:
        """What the server sends when it gets `data`, until it closes or has sent a head and then nothing more."""
        url = httpx.URL(self.target.options.url)
        port = url.port or (443 if url.scheme == "https" else 80)
        self._commands.append(f"printf {_quoted(data.replace(b'%', b'%%'))} | nc {url.host} {port}")
        self.target.steps.append(Step("rest", data, None))
        answer = b""
        end = time.monotonic() + self.target.patience()
        try:
            with contextlib.closing(socket.create_connection((url.host, port), self.target.patience())) as plain:
                connection = (
                    ssl.create_default_context().wrap_socket(plain, server_hostname=url.host)
                    if (url.scheme == "https")
                    else plain
                )
                connection.sendall(data)
                while time.monotonic() < end:
                    connection.settimeout(0.3 if b"\r\n\r\n" in answer else end - time.monotonic())
                    if not (more := connection.recv(65536)):
                        break
                    answer += more
        except TimeoutError:
            pass
        except OSError as error:
            if not answer:
                raise Unanswered(f"nothing answers {_shown(data)}: {error}") from None
        if not answer:
            raise Unanswered(f"nothing answers {_shown(data)}")
        self.target.steps.append(Step("rest", None, answer[:400].decode(errors="replace")))
        return answer

    def note(self, command: str) -> None:
        """Keep the command of a request that was sent in another way."""
        self._commands.append(command)

    def name(self) -> str:
        """A name of a topic that is not there."""
        return f"{self.target.prefix}{secrets.token_hex(4)}"

    def topic(self, name: str = "") -> str:
        """The name of a new topic."""
        name = name or self.name()
        response = self.ask("POST", "/topics", json.dumps({FIELD: name}).encode())
        if not response.is_success:
            raise Broken(f"a topic cannot be created: POST /topics is answered with {response.status_code}")
        return name

    def publish(self, topic: str, number: int) -> None:
        """Publish a message whose id ends with `number`."""
        body = {"id": f"{_UUID[:-4]}{number:04}", "payload": {"number": number}}
        response = self.ask("POST", f"/topics/{topic}/messages", json.dumps(body).encode())
        if not response.is_success:
            raise Broken(f"a message cannot be published: POST /topics/{topic}/messages gives {response.status_code}")

    def retained(self, topic: str, query: str = "") -> list[Any]:
        """The messages that a topic retains."""
        events = _member(self.ask("GET", f"/topics/{topic}/messages{query}"), "events")
        if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
            raise Broken(f"GET /topics/{topic}/messages does not give a list of events")
        return [event.get("message") for event in events]

    def listed(self) -> list[Any]:
        """The names that the list of topics has."""
        topics = _member(self.ask("GET", "/topics"), "topics")
        if not isinstance(topics, list) or not all(isinstance(topic, dict) for topic in topics):
            raise Broken("GET /topics does not give a list of topics")
        return [topic.get(FIELD) for topic in topics]

    def path(self, operation: Operation) -> str:
        """A path of `operation`: of a new topic, if of a topic."""
        return operation.path.replace(f"{{{FIELD}}}", self.topic()) if operation.names_topic else operation.path

    def body(self, operation: Operation) -> bytes | None:
        """A body that `operation` must take."""
        return None if operation.body_schema is None else json.dumps(operation.body(self.name())).encode()

    def perform(
        self, operation: Operation, query: str = "", headers: Headers | None = None, *, chunked: bool = False
    ) -> httpx.Response:
        """The answer to a request that keeps the document but for what the arguments say."""
        path = self.path(operation) + query
        return self.ask(operation.method, path, self.body(operation), headers, chunked=chunked)


def _member(response: httpx.Response, name: str) -> Any:
    """What the JSON object of a successful answer has under `name`."""
    asked = f"{response.request.method} {response.request.url.raw_path.decode()}"
    if not response.is_success:
        raise Broken(f"{asked} is answered with {response.status_code}")
    value = _read(response)
    if not isinstance(value, dict) or name not in value:
        raise Broken(f"the answer to {asked} has no {name}")
    return value[name]


def _read(response: httpx.Response) -> Any:
    """The JSON of an answer; None if it is none."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None


def _media_type(response: httpx.Response) -> str:
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()


def _curl(method: str, url: str, body: bytes | None, headers: Headers, *, key: bool) -> str:
    """A shell command that sends a request."""
    words = ["curl -i", "-I" if method == "HEAD" else f"-X {method}", shlex.quote(url)]
    if body is not None and not any(name.lower() == "content-type" for name in headers):
        words.append("-H Content-Type:")  # or curl makes one up
    if key and _KEY not in headers:
        words.append(f"-H '{_KEY}: KEY'")
    words += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items()]
    if body is not None:
        words.append(f"--data-binary {_quoted(body)}")
    return " ".join(words)


def _quoted(data: bytes) -> str:
    """`data` as a word for bash; what is long and monotonous in it, by a command."""
    return "".join(_runs(data)) or "''"


def _runs(data: bytes) -> Iterator[str]:
    plain = b""
    for byte, run in itertools.groupby(data):
        length = len(list(run))
        if length < 100:
            plain += bytes([byte]) * length
            continue
        yield from _plain(plain)
        plain = b""
        yield f"$(printf '{chr(byte)}%.0s' {{1..{length}}})"
    yield from _plain(plain)


def _plain(data: bytes) -> Iterator[str]:
    if data.isascii() and data.decode().isprintable():
        yield shlex.quote(data.decode()) if data else ""
    else:
        yield "$'" + "".join(_escaped(byte) for byte in data) + "'"


def _escaped(byte: int) -> str:
    character = chr(byte)
    return character if 32 <= byte < 127 and character not in "'\\" else f"\\x{byte:02x}"


def _shown(data: bytes) -> str:
    return repr(data[:80])[1:]


def _raise(found: list[Broken]) -> None:
    if len(found) == 1:
        raise found[0]
    if found:
        raise ExceptionGroup("what is broken", found)


def _each(target: Target, values: Iterable[T], test: Callable[[Client, T], None]) -> None:
    """Have `test` look at each of `values`, as a case of its own."""
    found: dict[str, Broken] = {}
    for value in values:
        target.forget()
        target.cases += 1
        client = Client(target)
        try:
            test(client, value)
        except Broken as broken:
            broken.steps = list(target.steps) if broken.steps is None else broken.steps
            broken.reproduce = broken.reproduce or client.commands
            found.setdefault(broken.problem, broken)
            if len(found) == _MOST or isinstance(broken, Unanswered):
                break
    _raise(list(found.values()))


def _check(rule: str, into: list[Check] = _CHECKS) -> Callable[[Callable[[Client], None]], None]:
    """Have a function stand as a check with a single case."""

    def register(function: Callable[[Client], None]) -> None:
        @functools.wraps(function)
        def run(target: Target) -> None:
            _each(target, [None], lambda client, _: function(client))

        check("rest", rule, into)(run)

    return register


def _check_each(
    rule: str, values: Callable[[Document], Iterable[T]], into: list[Check] = _CHECKS
) -> Callable[[Callable[[Client, T], None]], None]:
    """Have a function stand as a check with a case for each of `values`."""

    def register(function: Callable[[Client, T], None]) -> None:
        @functools.wraps(function)
        def run(target: Target) -> None:
            _each(target, values(_document(target.options.specs)), function)

        check("rest", rule, into)(run)

    return register


# What is there, and what is not


@_check(_place("paths", "/topics", "post", "responses", "201", "links", "GetTopic"))
def a_created_topic_can_be_read(client: Client) -> None:
    name = client.topic()
    if _member(client.ask("GET", f"/topics/{name}"), FIELD) != name:
        raise Broken(f"GET /topics/{name} is about another topic")


@_check(_place("paths", "/topics", "get"))
def a_created_topic_is_listed(client: Client) -> None:
    name = client.topic()
    if client.listed().count(name) != 1:
        raise Broken(f"GET /topics has the new topic {client.listed().count(name)} times, not once")


@_check(_place("paths", "/topics", "get", "description"))
def topics_are_listed_in_the_order_of_their_creation(client: Client) -> None:
    name = client.name()
    made = [client.topic(f"{name}-{last}") for last in "zam"]
    listed = [each for each in client.listed() if each in made]
    # One that is missing is another check's.
    if listed != [each for each in made if each in listed]:
        raise Broken(f"GET /topics has them as {', '.join(listed)}, made as {', '.join(made)}")


@_check(_place("paths", "/topics/{name}", "delete"))
def a_deleted_topic_is_gone(client: Client) -> None:
    name = client.topic()
    deleted = client.ask("DELETE", f"/topics/{name}")
    if not deleted.is_success:
        raise Broken(f"DELETE /topics/{name} is answered with {deleted.status_code}")
    read = client.ask("GET", f"/topics/{name}")
    if read.status_code != 404:
        raise Broken(f"after its deletion, GET /topics/{name} is answered with {read.status_code}, not 404")
    if name in client.listed():
        raise Broken("GET /topics has a topic that was deleted")


@_check(_place("paths", "/topics", "post", "responses", "201", "headers", "Location"))
def Location_leads_to_the_new_topic(client: Client) -> None:
    name = client.name()
    created = client.ask("POST", "/topics", json.dumps({FIELD: name}).encode())
    if not created.is_success:
        return  # another check's
    location = created.headers.get("location")
    if location is None:
        raise Broken(f"the answer to POST /topics, a {created.status_code}, has no Location")
    try:
        url = created.request.url.join(location)
    except (httpx.InvalidURL, ValueError):
        raise Broken(f"Location is {location!r}, which is no URL") from None
    if (url.host, url.port) != (created.request.url.host, created.request.url.port):
        raise Broken(f"Location, {location!r}, leads to another server")
    base = httpx.URL(client.target.options.url).path.rstrip("/")
    read = client.ask("GET", url.raw_path.decode().removeprefix(base))
    if _member(read, FIELD) != name:
        raise Broken(f"Location, {location!r}, leads to another topic")


@_check(_place("paths", "/topics/{name}/messages", "post"))
def a_published_message_can_be_read(client: Client) -> None:
    name = client.topic()
    client.publish(name, 1)
    expected = [{"id": f"{_UUID[:-4]}0001", "payload": {"number": 1}}]
    if (found := client.retained(name)) != expected:
        raise Broken(f"the topic retains {json.dumps(found)[:300]}, not the message that was published")


@_check(_place("paths", "/topics/{name}/messages", "get", "parameters"))
def a_limited_read_gives_the_newest_messages(client: Client) -> None:
    name = client.topic()
    for number in (1, 2, 3):
        client.publish(name, number)
    for last_n, expected in (
        (2, ["0002", "0003"]),
        (0, []),
        (3, ["0001", "0002", "0003"]),
        (9, ["0001", "0002", "0003"]),
    ):
        messages = client.retained(name, f"?last_n={last_n}")
        ids = [str(message.get("id"))[-4:] if isinstance(message, dict) else None for message in messages]
        if ids != expected:
            raise Broken(f"of 3 messages, last_n={last_n} gives {len(ids)} or others than the newest: {ids}")


@_check_each(_place("paths"), lambda document: document.operations)
def every_operation_does_what_it_is_there_for(client: Client, operation: Operation) -> None:
    path = client.path(operation)
    if operation.names_topic:
        client.publish(path.split("/")[2], 1)
    response = client.ask(operation.method, path, client.body(operation))
    status, media_type = response.status_code, _media_type(response)
    if not response.is_success or str(status) not in operation.statuses:
        declared = ", ".join(each for each in operation.statuses if each.startswith("2"))
        raise Broken(f"{operation} is answered with {status}, not {declared}", rule=operation.place("responses"))
    schema = operation.answer_schema(status, media_type)
    rule = operation.place("responses", str(status), "content")
    if schema is None:
        raise Broken(f"{operation} is answered with {media_type or 'no Content-Type'}", rule=rule)
    if problem := Rules(schema).problem(_read(response)):
        raise Broken(f"the answer to {operation} breaks its schema: {problem[1]}", rule=rule)


# Bodies that must be taken


def _must_be_taken(operation: Operation, response: httpx.Response, how: str) -> None:
    if not response.is_success:
        rule = operation.place("requestBody", "content", _JSON)
        raise Broken(f"{operation} with {how} is answered with {response.status_code}", rule=rule)


@_check_each("RFC 9112, 7.1", Document.with_body)
def a_chunked_body_is_taken(client: Client, operation: Operation) -> None:
    _must_be_taken(operation, client.perform(operation, chunked=True), "a chunked body")


@_check_each(
    "RFC 9110, 8.3.1",
    lambda document: itertools.product(
        document.with_body(),
        ("application/json; charset=utf-8", 'application/json;charset="UTF-8"', "Application/JSON"),
    ),
)
def JSON_may_be_declared_in_any_way_that_HTTP_allows(client: Client, case: tuple[Operation, str]) -> None:
    operation, content_type = case
    response = client.perform(operation, headers={"Content-Type": content_type})
    _must_be_taken(operation, response, f"Content-Type: {content_type}")


# Mistakes


@dataclass(frozen=True)
class Mistake:
    """A request that must be refused."""

    what: str
    send: Callable[[Client], httpx.Response]
    rule: str
    statuses: frozenset[int] = _CLIENT_ERRORS


Mistakes: TypeAlias = Callable[[Document], Iterator[Mistake]]
_MISTAKES: list[Mistakes] = []


def _mistakes(rule: str, into: list[Check] = _CHECKS) -> Callable[[Mistakes], Mistakes]:
    """Have a function, whose name says so, give what must be refused."""

    def register(function: Mistakes) -> Mistakes:
        @functools.wraps(function)
        def run(target: Target) -> None:
            _each(target, function(_document(target.options.specs)), _must_be_refused)

        check("rest", rule, into)(run)
        if into is _CHECKS:
            _MISTAKES.append(function)
        return function

    return register


def _must_be_refused(client: Client, mistake: Mistake) -> None:
    status = mistake.send(client).status_code
    if status not in mistake.statuses:
        wanted = f"not {', '.join(map(str, mistake.statuses))}" if len(mistake.statuses) < 100 else "not refused"
        raise Broken(f"{mistake.what} is answered with {status}, {wanted}", rule=mistake.rule)


def _wrong_body(operation: Operation, what: str, body: bytes) -> Mistake:
    return Mistake(
        f"{operation} with {what}",
        lambda client: client.ask(operation.method, client.path(operation), body),
        operation.place("requestBody"),
    )


@_mistakes(_place("paths"))
def an_empty_body_is_refused(document: Document) -> Iterator[Mistake]:
    for operation in document.with_body():
        yield _wrong_body(operation, "an empty body", b"")


@_mistakes("RFC 8259")
def a_body_that_is_not_JSON_is_refused(document: Document) -> Iterator[Mistake]:
    for operation in document.with_body():
        for body in (b"{", b"NaN", b"nonsense", b"'a'", b"{} {}"):
            yield _wrong_body(operation, f"the body {body.decode()}", body)


@_mistakes("RFC 8259, 8.1")
def a_body_in_another_encoding_is_refused(document: Document) -> Iterator[Mistake]:
    for operation in document.with_body():
        for wrong in (b"\xff", b"\xc3", b"\xed\xa0\x80"):
            body = json.dumps(operation.body("@@")).encode().replace(b"@@", wrong)
            if wrong not in body:
                body = body.replace(b'": "', b'": "' + wrong, 1)
            yield _wrong_body(operation, f"a body that has the bytes {wrong.hex(' ')}", body)
        yield _wrong_body(operation, "a body in UTF-16", json.dumps(operation.body("x")).encode("utf-16"))


@_mistakes("RFC 8259, 9")
def a_body_that_is_nested_too_deep_is_refused(document: Document) -> Iterator[Mistake]:
    for operation in document.with_body():
        for what, body in (("closed", b"[" * 10_000 + b"]" * 10_000), ("left open", b"[" * 10_000)):
            yield _wrong_body(operation, f"10,000 nested arrays, {what}", body)


@_check_each("RFC 8259, 9", Document.with_body)
def deep_nesting_inside_a_body_does_no_harm(client: Client, operation: Operation) -> None:
    body = operation.body(client.name())
    for field in body if isinstance(body, dict) else ():
        text = json.dumps({**body, field: "@@"}).replace('"@@"', "[" * 10_000 + "]" * 10_000)
        response = client.ask(operation.method, client.path(operation), text.encode())
        if response.status_code >= 500:
            problem = f"{operation} with 10,000 nested arrays as {field} is answered with {response.status_code}"
            raise Broken(problem, rule=operation.place("requestBody"))


@_mistakes(_place("paths"))
def a_body_that_is_not_declared_as_JSON_is_refused(document: Document) -> Iterator[Mistake]:
    wrong = (
        *("application/json; charset=utf-16", "application/json; charset=latin-1", "text/plain"),
        *("application/x-www-form-urlencoded", "application/xml"),
    )
    for operation in document.with_body():
        statuses = frozenset([415]) if "415" in operation.statuses else _CLIENT_ERRORS
        rule = operation.place("responses", "415") if "415" in operation.statuses else operation.place("requestBody")
        for content_type in wrong:
            headers = {"Content-Type": content_type}
            send = functools.partial(_perform, operation=operation, headers=headers)
            yield Mistake(f"{operation} with Content-Type: {content_type}", send, rule, statuses)
        send = functools.partial(_perform, operation=operation, headers={})
        yield Mistake(f"{operation} without Content-Type", send, rule, statuses)


def _perform(client: Client, operation: Operation, **options: Any) -> httpx.Response:
    return client.perform(operation, **options)


@_mistakes(_place("info", "description"))
def an_unknown_query_parameter_is_refused(document: Document) -> Iterator[Mistake]:
    for operation in document.operations:
        send = functools.partial(_perform, operation=operation, query="?unknown-parameter=1")
        yield Mistake(f"{operation}?unknown-parameter=1", send, _place("info", "description"))


@_mistakes(_place("info", "description"))
def an_unknown_field_of_a_body_is_refused(document: Document) -> Iterator[Mistake]:
    def send(client: Client, operation: Operation) -> httpx.Response:
        body = {**operation.body(client.name()), "unknown-field": 1}
        return client.ask(operation.method, client.path(operation), json.dumps(body).encode())

    for operation in document.with_body():
        if (operation.body_schema or {}).get("additionalProperties") is False:
            rule = operation.place("requestBody", "content", _JSON, "schema", "additionalProperties")
            yield Mistake(f"{operation} with an unknown field", functools.partial(send, operation=operation), rule)


@_mistakes(_place("paths"))
def a_field_that_breaks_its_schema_is_refused(document: Document) -> Iterator[Mistake]:
    def send(client: Client, operation: Operation, change: dict[str, Any]) -> httpx.Response:
        body = {**operation.body(client.name()), **change}
        return client.ask(operation.method, client.path(operation), json.dumps(body).encode())

    for operation in document.with_body():
        schema = operation.body_schema or {}
        body = operation.body("x")
        wrong: tuple[Any, ...] = (None, True, 1, "", "x", _UUID + "0", f"{{{_UUID}}}", [], {})
        for name, value in itertools.product(body, wrong):
            # Nor must a topic be made whose name tells nobody to delete it: names have a check of their own.
            if name != FIELD and not Rules(schema).accepts({**body, name: value}):
                sender = functools.partial(send, operation=operation, change={name: value})
                rule = operation.place("requestBody", "content", _JSON, "schema", "properties", name)
                yield Mistake(f"{operation} with {json.dumps(value)} as {name}", sender, rule)


def _wrong_names(document: Document, prefix: str) -> list[str]:
    rules = Rules(document.name_schema)
    names = [prefix + end for end in ("\n", "\r\n", " ", "\x00", "\u00e9", "\u2028", "/", "%", "a b", "$", "+", ":")]
    names += [start + prefix for start in ("\n", ".", "-", " ", "~")]
    names.append(prefix + "x" * int(document.name_schema.get("maxLength", 0)))
    return [name for name in names if not rules.accepts(name)]


@_mistakes(_place("components", "schemas", "TopicName"))
def a_name_that_breaks_the_rule_for_names_is_refused(document: Document) -> Iterator[Mistake]:
    def send(client: Client, place: int, operation: Operation) -> httpx.Response:
        name = _wrong_names(document, client.name())[place]
        if not operation.names_topic:
            response = client.ask(operation.method, operation.path, json.dumps(operation.body(name)).encode())
            if response.is_success and not name.startswith(client.target.prefix):
                client.ask("DELETE", f"/topics/{quote(name, safe='')}")  # nobody else would
            return response
        path = operation.path.replace(f"{{{FIELD}}}", quote(name, safe=""))
        return client.ask(operation.method, path, client.body(operation))

    for operation in document.operations:
        in_body = isinstance(body := operation.body("x"), dict) and FIELD in body
        if operation.names_topic or in_body:
            for place, name in enumerate(_wrong_names(document, "NAME")):
                shown = json.dumps(name if len(name) < 20 else f"{name[:8]}...")
                rule = operation.place("parameters" if operation.names_topic else "requestBody")
                sender = functools.partial(send, place=place, operation=operation)
                yield Mistake(f"{operation} with {shown} as the topic's name", sender, rule)


@_mistakes(_place("paths"))
def a_query_parameter_that_is_no_integer_is_refused(document: Document) -> Iterator[Mistake]:
    for operation in document.operations:
        for parameter in operation.parameters:
            schema = parameter.get("schema", {})
            if parameter["in"] != "query" or schema.get("type") != "integer":
                continue
            wrong = ["1_0", "+1", "%2B1", "%201", "1%20", "1%0A", "0x1", "1e", "true", "null", "", "%D9%A1"]
            if "minimum" in schema:
                wrong.append(str(schema["minimum"] - 1))
            for text in wrong:
                query = f"?{parameter['name']}={text}"
                send = functools.partial(_perform, operation=operation, query=query)
                yield Mistake(f"{operation}{query}", send, operation.place("parameters"))


@_mistakes(_place("components", "responses", "TopicNotFound"))
def a_topic_that_does_not_exist_is_a_404(document: Document) -> Iterator[Mistake]:
    def send(client: Client, operation: Operation) -> httpx.Response:
        path = operation.path.replace(f"{{{FIELD}}}", client.name())
        return client.ask(operation.method, path, client.body(operation))

    for operation in document.of_topics():
        rule = operation.place("responses", "404")
        sender = functools.partial(send, operation=operation)
        yield Mistake(f"{operation} for a topic that does not exist", sender, rule, frozenset([404]))


@_mistakes(_place("paths", "/topics", "post", "responses", "409"))
def a_topic_that_exists_already_is_a_409(document: Document) -> Iterator[Mistake]:
    def send(client: Client) -> httpx.Response:
        return client.ask("POST", "/topics", json.dumps({FIELD: client.topic()}).encode())

    rule = _place("paths", "/topics", "post", "responses", "409")
    yield Mistake("POST /topics for a topic that exists", send, rule, frozenset([409]))


@_mistakes("RFC 9110, 15.5.5")
def a_path_that_does_not_exist_is_a_404(document: Document) -> Iterator[Mistake]:
    del document
    for path in ("/no-such-path", "/no-such-path/at/all", "/NO%20SUCH%0APATH"):
        send = functools.partial(_ask, path=path)
        yield Mistake(f"GET {path}", send, "RFC 9110, 15.5.5", frozenset([404]))


def _ask(client: Client, path: str) -> httpx.Response:
    return client.ask("GET", path)


def _undeclared(operations: list[Operation]) -> str:
    """A method that a path does not have."""
    methods = {operation.method for operation in operations}
    return next(method for method in ("PUT", "PATCH", "TRACE") if method not in methods)


@_mistakes("RFC 9110, 15.5.6")
def a_method_that_a_path_does_not_have_is_a_405(document: Document) -> Iterator[Mistake]:
    def send(client: Client, operations: list[Operation]) -> httpx.Response:
        return client.ask(_undeclared(operations), client.path(operations[0]))

    for path, operations in document.paths.items():
        rule = operations[0].place("responses", "405")
        sender = functools.partial(send, operations=operations)
        yield Mistake(f"{_undeclared(operations)} {path}", sender, rule, frozenset([405]))


# Headers, and what else HTTP asks for


def _check_allow(response: httpx.Response, operations: list[Operation], refused: str) -> None:
    """Whether Allow says what a path has."""
    what = f"a {response.status_code} to {response.request.method} {operations[0].path}"
    if "allow" not in response.headers:
        raise Broken(f"{what} has no Allow")
    allowed = {method.strip() for method in response.headers["allow"].split(",")}
    if missing := {operation.method for operation in operations} - allowed:
        raise Broken(f"{what} has Allow: {response.headers['allow']}, without {', '.join(sorted(missing))}")
    if refused in allowed:
        raise Broken(f"{what} has {refused} in Allow, which it refuses")


@_check_each("RFC 9110, 10.2.1", lambda document: document.paths.values())
def Allow_of_a_405_has_all_methods_of_the_path(client: Client, operations: list[Operation]) -> None:
    method = _undeclared(operations)
    response = client.ask(method, client.path(operations[0]))
    if response.status_code == 405:
        _check_allow(response, operations, method)


@_check_each("RFC 9110, 9.3.7", lambda document: document.paths.values())
def OPTIONS_if_it_is_offered_has_Allow(client: Client, operations: list[Operation]) -> None:
    response = client.ask("OPTIONS", client.path(operations[0]))
    if response.is_success:
        _check_allow(response, operations, "")


@_check_each("RFC 9110, 9.3.2", lambda document: [each for each in document.operations if each.method == "GET"])
def HEAD_is_like_GET_without_a_body(client: Client, operation: Operation) -> None:
    path = client.path(operation)
    got = client.ask("GET", path)
    url = httpx.URL(client.target.options.url)
    key = f"{_KEY}: {client.target.options.api_key}\r\n" if client.target.options.api_key else ""
    head = (
        f"HEAD {url.path.rstrip('/')}{path} HTTP/1.1\r\nHost: {url.netloc.decode()}\r\n{key}Connection: close\r\n\r\n"
    )
    answer = client.raw(head.encode())
    start, _, body = answer.partition(b"\r\n\r\n")
    lines = start.decode(errors="replace").split("\r\n")
    status = lines[0].split(" ")[1] if lines[0].startswith("HTTP/1.") and " " in lines[0] else lines[0][:40]
    if status != str(got.status_code):
        raise Broken(f"HEAD {operation.path} is answered with {status}, GET with {got.status_code}")
    if body:
        raise Broken(f"HEAD {operation.path} is answered with a body, of {len(body)} bytes")
    types = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("content-type:")]
    if types != got.headers.get_list("content-type"):
        raise Broken(f"HEAD {operation.path} has Content-Type {', '.join(types) or 'none'}, not that of GET")


@_check_each("RFC 9457, 3", lambda document: (mistake for mistakes in _MISTAKES for mistake in mistakes(document)))
def every_error_is_a_problem_document_with_its_status(client: Client, mistake: Mistake) -> None:
    response = mistake.send(client)
    if response.status_code < 400:
        return  # the check of this mistake says so
    what = f"the {response.status_code}"
    if (media_type := _media_type(response)) != _PROBLEM:
        raise Broken(f"{what} is {media_type or 'of no Content-Type'}, not {_PROBLEM}")
    problem = _read(response)
    if not isinstance(problem, dict):
        raise Broken(f"{what} is no JSON object, so no problem document")
    if problem.get("status") != response.status_code:
        raise Broken(f"{what} has a problem document whose status is {json.dumps(problem.get('status'))}")
    schema = next(
        (
            schema
            for each in client.document.operations
            if (schema := each.answer_schema(response.status_code, _PROBLEM))
        ),
        None,
    )
    if schema is not None and (broken := Rules(schema).problem(problem)):
        raise Broken(f"{what} has a problem document that breaks its schema: {broken[1]}")


_MALFORMED = (
    b"this is not HTTP\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\nno colon in this line\r\n\r\n",
    b"POST /topics HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: many\r\n\r\n{}",
)


@_check_each("RFC 9112, 3", lambda _: _MALFORMED)
def a_request_that_is_not_HTTP_is_a_400(client: Client, data: bytes) -> None:
    answer = client.raw(data)
    if not re.match(rb"HTTP/1\.[01] 400 ", answer):
        raise Broken(f"{_shown(data)} is answered with {_shown(answer.partition(bytes([13]))[0])}, not 400")


# The API key, where there is one


def _without_key(client: Client, operation: Operation, key: str | None) -> httpx.Response:
    """The answer to a request with a wrong key, or with none."""
    path = client.path(operation)
    url = client.target.options.url.rstrip("/") + path
    body = client.body(operation)
    headers = {**({"Content-Type": _JSON} if body else {}), **({_KEY: key} if key else {})}
    client.note(_curl(operation.method, url, body, headers, key=False))
    call = operation.method, path
    try:
        response = httpx.request(operation.method, url, content=body, headers=headers, timeout=client.target.patience())
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise Unanswered(f"{operation} is not answered: {error or type(error).__name__}") from None
    client.target.steps.append(Step("rest", body, f"{response.status_code} {response.text}", call))
    return response


def _keyless(document: Document) -> Iterator[tuple[Operation, str | None]]:
    for operation in document.operations:
        if operation.needs_key:
            yield from ((operation, None), (operation, "not-the-key"))


@_check_each(_place("components", "responses", "Unauthorized"), _keyless, _KEY_CHECKS)
def a_request_without_the_right_key_is_a_401(client: Client, case: tuple[Operation, str | None]) -> None:
    operation, key = case
    response = _without_key(client, operation, key)
    if response.status_code != 401:
        how = "with a wrong key" if key else "without a key"
        problem = f"{operation} {how} is answered with {response.status_code}, not 401"
        raise Broken(problem, rule=operation.place("responses", "401"))


@_check_each("RFC 9110, 11.6.1", _keyless, _KEY_CHECKS)
def a_401_says_how_to_authenticate(client: Client, case: tuple[Operation, str | None]) -> None:
    response = _without_key(client, *case)
    if response.status_code == 401 and not response.headers.get("www-authenticate"):
        raise Broken("a 401 has no WWW-Authenticate")


@_check_each("RFC 9457, 3", _keyless, _KEY_CHECKS)
def a_401_is_a_problem_document(client: Client, case: tuple[Operation, str | None]) -> None:
    response = _without_key(client, *case)
    if response.status_code == 401:
        problem = _read(response)
        if _media_type(response) != _PROBLEM or not isinstance(problem, dict) or problem.get("status") != 401:
            raise Broken("a 401 is no problem document with its status")


@_check_each(
    _place("paths"),
    lambda document: [each for each in document.operations if not each.needs_key],
    _KEY_CHECKS,
)
def what_needs_no_key_is_open(client: Client, operation: Operation) -> None:
    response = _without_key(client, operation, None)
    if response.status_code == 401:
        raise Broken(f"{operation} without a key is answered with 401", rule=operation.place("security"))
