"""The process in which Schemathesis runs: `python -P -m specbus.verify.fuzzing.worker`.

It reads one JSON object, a `Job`, from its standard input, and writes JSON objects, one a line, to its standard output:

    {"sent": "GET /topics"}         a request is under way
    {"ended": true, "late": false}  it is not any more; `late` if it was waited for in vain until the time was up,
                                    `answered` if an answer came
    {"error": LABEL, "text": TEXT}  something of the document could not be tried; most often, no answer came
    {"scenario": {...}}             what came of some cases: `findings.Scenario`
    {"finished": true}              all has been tried

Nothing is read from the current directory, no `schemathesis.toml` either.
"""

import base64
import dataclasses
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeAlias
from urllib.parse import quote, unquote

import schemathesis
from schemathesis.engine import Status, events, from_schema

from specbus.verify.fuzzing.findings import Failure, Interaction, Scenario
from specbus.verify.fuzzing.names import Names

Case: TypeAlias = "schemathesis.Case[Any]"
Emit: TypeAlias = Callable[[dict[str, Any]], None]


@dataclasses.dataclass(frozen=True)
class Job:
    """What the process is to do."""

    document: dict[str, Any]
    """The OpenAPI document, in one piece."""
    settings: dict[str, Any]
    """Those of Schemathesis, as in a `schemathesis.toml`."""
    prefix: str
    """What all names of topics in requests are to start with."""
    name_schema: dict[str, Any]
    """That of a topic's name."""
    parameters: list[str]
    """The path parameters that name a topic."""
    fields: list[str]
    """The fields of bodies that do."""
    others: list[str]
    """Names for the run, where names may not begin with the prefix."""


def run(job: Job, emit: Emit) -> None:
    """Do `job`, and `emit` what there is to tell."""
    config = schemathesis.Config.from_dict(job.settings)
    schema = schemathesis.openapi.from_dict(job.document, config=config)
    _watch_requests(job, emit)
    for event in from_schema(schema).execute():
        match event:
            case events.ScenarioFinished():
                emit({"scenario": dataclasses.asdict(_scenario(event.recorder, job.fields))})
            case events.NonFatalError():
                emit({"error": event.label, "text": str(event.value)})
            case events.FatalError():
                raise event.exception
    emit({"finished": True})


def _watch_requests(job: Job, emit: Emit) -> None:
    """Have all requests concern topics of this run, and `emit` when each begins and ends."""
    names = Names(job.prefix, job.name_schema, job.others)
    timeout = job.settings["request-timeout"]
    started = 0.0
    under_way = False

    def end() -> None:
        nonlocal under_way
        if under_way:
            emit({"ended": True, "late": time.monotonic() - started > 0.9 * timeout})
        under_way = False

    @schemathesis.hook
    def before_call(context: schemathesis.HookContext, case: Case, kwargs: dict[str, Any]) -> None:
        nonlocal started, under_way
        # No hook is told of an answer that breaks off.
        end()
        for parameter in job.parameters:
            if parameter in (case.path_parameters or {}):
                name = names.prefixed(unquote(str(case.path_parameters[parameter])))
                case.path_parameters = {**case.path_parameters, parameter: quote(name, safe="")}
        for field in job.fields:
            if isinstance(case.body, dict) and isinstance(given := case.body.get(field), str):
                case.body = {**case.body, field: names.prefixed(given)}
        emit({"sent": f"{case.method} {case.path}"})
        started = time.monotonic()
        under_way = True

    @schemathesis.hook
    def after_call(context: schemathesis.HookContext, case: Case, response: schemathesis.Response) -> None:
        nonlocal under_way
        if under_way:
            emit({"ended": True, "late": False, "answered": True})
        under_way = False

    @schemathesis.hook
    def after_network_error(context: schemathesis.HookContext, case: Case, request: object) -> None:
        end()


def _scenario(recorder: Any, fields: list[str]) -> Scenario:
    """What `findings` needs of what Schemathesis recorded (`schemathesis.engine.recorder.ScenarioRecorder`).

    `fields` are those of bodies that name a topic.
    """
    judged: Counter[str] = Counter()
    failures = []
    for case_id, checks in recorder.checks.items():
        for check in checks:
            judged[check.name] += 1
            if check.status == Status.FAILURE:
                failures.append(_failure(check.name, check.failure_info.failure, case_id, recorder))
    created = {
        name
        for interaction in recorder.interactions.values()
        if interaction.request.method == "POST" and interaction.response and interaction.response.status_code < 300
        if (name := _name_in(interaction.request.body, fields)) is not None
    }
    return Scenario(len(recorder.interactions), dict(judged), sorted(created), failures)


def _failure(check: str, failure: Any, case_id: str, recorder: Any) -> Failure:
    chain: list[str] = []
    link: str | None = case_id
    while link is not None and link in recorder.interactions and link not in chain:
        chain.insert(0, link)
        link = recorder.cases[link].parent_id
    node = recorder.cases[case_id]
    meta = node.value.meta
    return Failure(
        check=check,
        kind=type(failure).__name__,
        operation=str(failure.operation),
        title=failure.title,
        text=failure.message,
        method=node.value.method,
        path=node.value.path,
        description=str(getattr(meta.phase.data, "description", None) or "") if meta else "",
        is_transition_applied=node.is_transition_applied,
        interactions=[_interaction(recorder.interactions[each]) for each in chain],
    )


def _interaction(recorded: Any) -> Interaction:
    request, response = recorded.request, recorded.response
    return Interaction(
        method=request.method,
        url=request.uri,
        headers={name: ", ".join(values) for name, values in request.headers.items() if name not in _OF_THE_CLIENT},
        body=None if request.body is None else _base64(request.body),
        status=response and response.status_code,
        content_type=(response.headers.get("content-type") or [""])[0] if response else "",
        content=_base64(response.content or b"") if response else "",
    )


_OF_THE_CLIENT = frozenset(
    ("User-Agent", "Accept-Encoding", "Accept", "Connection", "Content-Length", "X-Schemathesis-TestCaseId")
)
"""Headers that no failure depends on."""


def _name_in(body: bytes | None, fields: list[str]) -> str | None:
    try:
        value = json.loads(body or b"")
    except ValueError:
        return None
    return next((str(value[name]) for name in fields if isinstance(value, dict) and name in value), None)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def main() -> None:
    """Read the job, do it."""
    # What anything else prints must not come between the lines.
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lock = threading.Lock()

    def emit(message: dict[str, Any]) -> None:
        with lock:
            try:
                output.write(json.dumps(message) + "\n")
                output.flush()
            except OSError:
                # Nobody reads any more. Schemathesis would take an exception here for a defect of a hook.
                os._exit(1)

    run(Job(**json.load(sys.stdin)), emit)


if __name__ == "__main__":
    main()
