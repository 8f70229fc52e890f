"""What a run of Schemathesis brought to light."""

import base64
import json
import re
import textwrap
from collections import Counter
from dataclasses import dataclass
from typing import Any

from specbus.verify.failures import Broken
from specbus.verify.record import Step
from specbus.verify.rest.commands import curl
from specbus.verify.rest.document import FILE, JSON_TYPE, KEY_HEADER, HttpOperation, RestDocument, place

JUDGEMENTS = {
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
"""The checks of Schemathesis, and what they are about."""


@dataclass(frozen=True)
class Interaction:
    """A request and its answer. Bodies are in base64."""

    method: str
    url: str
    headers: dict[str, str]
    body: str | None
    status: int | None
    """None if no answer came."""
    content_type: str
    content: str


@dataclass(frozen=True)
class Failure:
    """A check of Schemathesis that failed."""

    check: str
    kind: str
    """Of failure: one check has several."""
    operation: str
    """`METHOD /path` of the document."""
    title: str
    text: str
    method: str
    path: str
    description: str
    """Of what was made up for the request."""
    is_transition_applied: bool
    """Whether the request is about what the one before it created."""
    interactions: list[Interaction]
    """Those that it takes to show it, in order."""


@dataclass(frozen=True)
class Scenario:
    """What came of some cases that belong together."""

    requests: int
    judged: dict[str, int]
    """How often each check of Schemathesis was made."""
    created: list[str]
    """Names of topics that were created."""
    failures: list[Failure]

    @classmethod
    def read(cls, data: dict[str, Any]) -> "Scenario":
        """A scenario from its JSON."""
        failures = [
            Failure(**{**failure, "interactions": [Interaction(**each) for each in failure["interactions"]]})
            for failure in data["failures"]
        ]
        return cls(**{**data, "failures": failures})


class Findings:
    """What has been found so far: of each kind of failure of an operation, the one that takes least to show it."""

    def __init__(self, document: RestDocument, url: str, *, key: bool) -> None:
        """`url` is that of the server, without a slash at its end; `key` says whether an API key is sent."""
        self._document = document
        self._url = url
        self._key = key
        self._broken: dict[tuple[str, str, str], tuple[int, Broken]] = {}
        """By check, operation and kind: what it takes to show it, and the failure."""
        self.judged: Counter[str] = Counter()
        """How often each check of Schemathesis was made."""
        self.unanswered: dict[str, Broken] = {}
        """By operation."""
        self.requests = 0
        self.cut_short: str | None = None
        """Why it did not come to an end, where that is nothing of the server's."""
        self.created: set[str] = set()
        """Names of topics that were created."""

    def of(self, judgement: str) -> list[Broken]:
        """What a check of Schemathesis found."""
        return [broken for (name, _, _), (_, broken) in self._broken.items() if name == judgement]

    def others(self) -> list[Broken]:
        """What those checks found that `JUDGEMENTS` does not have, and what came in the place of answers."""
        found = [broken for (name, _, _), (_, broken) in self._broken.items() if name not in JUDGEMENTS]
        return [*self.unanswered.values(), *found]

    def add_error(self, label: str, text: str) -> None:
        """Take note that something, most often an operation, could not be tried."""
        method, _, path = label.partition(" ")
        operation = self._document.operation(method, path)
        # Where the server went away, the last requests stand below.
        told, _, requests = re.sub(r"^HTTPConnectionPool\(.*?\): ", "", text).partition("\n\n")
        what = told.partition(" Last requests ")[0]
        problem = f"{label} is not answered: {what}" if operation else what
        rule = operation.place() if operation else FILE
        broken = Broken(problem, rule=rule, steps=[], reproduce=textwrap.dedent(requests).strip())
        self.unanswered.setdefault(label, broken)

    def add(self, scenario: Scenario) -> None:
        """Take note of what came of some cases."""
        self.requests += scenario.requests
        self.judged.update(scenario.judged)
        self.created.update(scenario.created)
        for failure in scenario.failures:
            self._add_failure(failure)

    def _add_failure(self, failure: Failure) -> None:
        if failure.check == "ensure_resource_availability" and not failure.is_transition_applied:
            return  # about another topic than the one that was created: Schemathesis put in one of its own choice
        size = sum(_size(interaction) for interaction in failure.interactions)
        key = failure.check, failure.operation, failure.kind
        if key in self._broken and self._broken[key][0] <= size:
            return
        last = failure.interactions[-1] if failure.interactions else None
        status = last.status if last else None
        media_type = (last.content_type if last else "").partition(";")[0].strip() or JSON_TYPE
        operation = self._document.operation(failure.method, failure.path)
        broken = Broken(
            f"{failure.method} {failure.path} is answered with {status}: {_sentence(failure)}",
            rule=_rule(failure.check, operation, failure.path, status, media_type),
            steps=[self._step(interaction) for interaction in failure.interactions],
            reproduce="\n".join(self._command(interaction) for interaction in failure.interactions),
        )
        self._broken[key] = size, broken

    def _step(self, interaction: Interaction) -> Step:
        received = "no answer"
        if interaction.status is not None:
            received = f"{interaction.status} {base64.b64decode(interaction.content).decode(errors='replace')}"
        call = interaction.method, interaction.url.removeprefix(self._url)
        return Step("rest", base64.b64decode(interaction.body or "") or None, received, call)

    def _command(self, interaction: Interaction) -> str:
        headers = {name: value for name, value in interaction.headers.items() if name != KEY_HEADER}
        body = None if interaction.body is None else base64.b64decode(interaction.body)
        return curl(interaction.method, interaction.url, body, headers, key=self._key)


def _size(interaction: Interaction) -> int:
    return len(json.dumps([interaction.method, interaction.url, interaction.headers, interaction.body]))


def _sentence(failure: Failure) -> str:
    """What Schemathesis says, in one sentence."""
    title = failure.title[:1].lower() + failure.title[1:]
    if failure.kind == "AcceptedNegativeData":
        return f"{title} ({failure.description})" if failure.description else title
    lines = [line for line in failure.text.splitlines() if line and not line.startswith("    ")]
    lines = [re.sub(r"\s+", " ", line).rstrip(" .:") for line in lines if not line.startswith("Validated against")]
    return f"{title} - {'; '.join(lines[:2])[:400]}" if lines else title


def _rule(judgement: str, operation: HttpOperation | None, path: str, status: int | None, media_type: str) -> str:
    """Where the rule of a check of Schemathesis stands."""
    if operation is None or judgement in ("unsupported_method", "allow_header_conformance"):
        return place("paths", path)
    answer = ["responses"]
    if str(status) in operation.responses:
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
