"""The WebSocket checks, held against a document and servers that have nothing to do with this project."""

import contextlib
import copy
import io
import json
import logging
import re
import shlex
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from specbus.verify import generate
from specbus.verify.asyncapi import WebSocketDocument
from specbus.verify.checks import Check, Failure, Result, execute, without
from specbus.verify.failures import CannotRun
from specbus.verify.record import Step
from specbus.verify.report import write_html, write_junit
from specbus.verify.run import collect, own_server, target_of
from specbus.verify.session import Outcome
from specbus.verify.target import Options, Target
from tests.support.documents import SPECS
from tests.support.sample_server import DEFECTS, SAMPLE, Warehouse, running

Document = dict[str, Any]
DEADLINE = 10.0
"""Seconds for an answer, enough for a busy machine: only what is left unanswered takes them."""
UNANSWERED_DEADLINE = 1.0
UNANSWERING = {"NoReply", "NoRefusal", "HangsAfterABadFrame"}
"""Defects for which checks wait in vain."""


def results(server: type[Warehouse], specs: Path = SAMPLE, **options: Any) -> list[Result]:
    """What the WebSocket checks say of `server`."""
    with running(server(specs)) as url:
        options = {"examples": 5, "seed": 1, "deadline": DEADLINE, **options}
        with target_of(Options(url, specs, **options)) as target:
            return [execute(check, target) for check in collect(target, "websocket")]


def problems(results: list[Result]) -> dict[str, list[str]]:
    """What is wrong, by check."""
    assert [result.error for result in results if result.error] == []
    return {
        result.check.name: [failure.problem for failure in result.failures] for result in results if result.failures
    }


def deadline(defect: str) -> float:
    return UNANSWERED_DEADLINE if defect in UNANSWERING else DEADLINE


@pytest.fixture
def first_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """Report the first case that fails: that costs no time."""
    monkeypatch.setattr(generate, "_SHRINKING", 0.0)


# Documents


def no_mark(document: Document) -> None:
    """What answers an invalid frame is then the reply that all operations have."""
    del document["components"]["messages"]["Refused"]["x-on-invalid"]


def neither_mark_nor_reply(document: Document) -> None:
    no_mark(document)
    del document["operations"]["search"]["reply"]


def no_correlation(document: Document) -> None:
    del document["components"]["correlationIds"]
    for message in document["components"]["messages"].values():
        message.pop("correlationId", None)
    for schema in document["components"]["schemas"].values():
        schema.get("properties", {}).pop("slip", None)


def slip_is(schema: Document) -> Callable[[Document], None]:
    def edit(document: Document) -> None:
        document["components"]["schemas"]["Slip"] = schema

    return edit


def look_has_no_slip(document: Document) -> None:
    del document["components"]["messages"]["Look"]["correlationId"]
    del document["components"]["schemas"]["Look"]["properties"]["slip"]


def example_of_headers(document: Document) -> None:
    document["components"]["messages"]["Stock"]["examples"].append({"headers": {"via": "scanner"}})


def nothing(document: Document) -> None:
    pass


VARIANTS = {
    "as it is": nothing,
    "no mark on the refusal": no_mark,
    "no correlation ids": no_correlation,
    "integers as correlation ids": slip_is({"type": "integer", "minimum": 0}),
    "UUIDs as correlation ids": slip_is({"type": "string", "format": "uuid"}),
    "short correlation ids": slip_is({"type": "string", "maxLength": 4}),
    "a command without correlation id": look_has_no_slip,
    "an example without payload": example_of_headers,
}


def variant(folder: Path, name: str) -> Path:
    """The sample document, edited."""
    document = yaml.safe_load((SAMPLE / "asyncapi.yaml").read_text())
    VARIANTS[name](document)
    (folder / "asyncapi.yaml").write_text(yaml.safe_dump(document))
    (folder / "place.yaml").write_bytes((SAMPLE / "place.yaml").read_bytes())
    return folder


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_a_server_that_keeps_its_document_is_left_in_peace(seed: int) -> None:
    kept = results(Warehouse, examples=20, seed=seed)
    assert problems(kept) == {}
    assert [result.check.name for result in kept if result.cases == 0 and result.skipped is None] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", list(VARIANTS)[1:])
def test_so_it_is_with_another_document(name: str, tmp_path: Path) -> None:
    assert problems(results(Warehouse, variant(tmp_path, name))) == {}


def test_the_checks_are_those_of_the_document() -> None:
    names = [result.check.name for result in results(Warehouse, examples=1)]
    of_operations = [sentence.format(name) for sentence in (VALID, INVALID) for name in ("stock", "pick", "search")]
    assert names[:6] == of_operations
    assert names[-1] == SCHEMAS


def test_names_get_the_prefix_of_the_run_and_stay_as_valid_as_they_were(tmp_path: Path) -> None:
    specs = variant(tmp_path, "as it is")
    document = yaml.safe_load((specs / "asyncapi.yaml").read_text())
    document["components"]["schemas"]["Find"]["properties"]["text"]["x-test-prefix"] = True
    (specs / "asyncapi.yaml").write_text(yaml.safe_dump(document))
    assert problems(results(Warehouse, specs)) == {}
    operations = WebSocketDocument(specs / "asyncapi.yaml").operations
    search = next(operation for operation in operations if operation.name == "search").messages[0]

    def sent(text: Any) -> Any:
        return search.ours({"op": "find", "text": text}, "run-")["text"]

    assert [sent(text) for text in ("bolts", "run-bolts", "x" * 20, "", "x" * 21, None, 1)] == [
        *("run-bolts", "run-bolts", "run-" + "x" * 16),
        *("", "x" * 21, None, 1),
    ]
    assert search.ours([1], "run-") == [1]


# Defects

VALID = "a valid `{}` gets a reply that is declared, with its correlation id"
INVALID = "an invalid `{}` gets one refusal, and the connection lives"
BINARY = "a binary frame gets one refusal"
NOT_JSON = "text that is not JSON gets one refusal"
NO_OBJECT = "JSON that is no object gets one refusal"
DEEP = "deep nesting gets one refusal"
HUGE = "a huge frame is refused or ends its connection with 1009"
NOT_UTF_8 = "text that is not UTF 8 is refused or ends its connection with 1007"
FRAGMENTS = "a fragmented message is one message"
PINGED = "a ping between the fragments of a message is answered and the message taken"
HOST = "a handshake without exactly one valid Host is a 400"
ESCAPED = "an escaped letter in the path of a handshake is that letter"
SPELT = "a frame may be written in any way that JSON has"
SLIPS = [f"the correlation id of a {name} comes back as it is" for name in ("Stock", "Pick", "Look", "Find")]
SLIP_OF_PICK, SLIP_OF_FIND = SLIPS[1], SLIPS[3]
SCHEMAS = "every frame from the server keeps its schema"

VALID_STOCK, VALID_PICK, VALID_SEARCH = map(VALID.format, ("stock", "pick", "search"))
INVALID_STOCK, INVALID_PICK, INVALID_SEARCH = map(INVALID.format, ("stock", "pick", "search"))
WHAT = {
    INVALID_STOCK: "an invalid Stock (…)",
    INVALID_PICK: "an invalid Pick (…)",
    INVALID_SEARCH: "an invalid Find (…)",
    BINARY: "a binary frame",
    NOT_JSON: "text that is not JSON",
    NO_OBJECT: "JSON that is no command",
    DEEP: "deep nesting",
}
"""How each check of refusals calls what it sends."""


def each(sentence: str) -> dict[str, str]:
    """`sentence` from each check of refusals."""
    return {name: sentence.format(what) for name, what in WHAT.items()}


def taken(name: str, what: str, reply: str) -> dict[str, str]:
    return {name: f"an invalid {what} (…) is answered with {reply} instead of Refused"}


CLOSED = "the server closed the connection with 4000 (no)"
UNANSWERED = "after it, a valid Look is not answered"
STOCK_TAKEN = taken(INVALID_STOCK, "Stock", "Stocked")
NOT_AS_INVALID = 'is refused, but not as invalid: why.code: "malformed" was expected'
NO_REPEAT = "the reply does not repeat slip: …"
FOUND: dict[str, dict[str, str]] = {
    "LooksAtNoHost": {HOST: "a handshake with no Host is answered with 101, not 400"},
    "ComparesPathsAsTheyWereSent": {ESCAPED: "a handshake at /%66loor, which is /floor, is answered with 404, not 101"},
    "NoReply": {VALID_PICK: "a valid Pick gets no reply instead of one"}
    | dict.fromkeys([SPELT, SLIP_OF_PICK], "a Pick gets no reply instead of one"),
    "TwoReplies": {VALID_SEARCH: "a valid Find gets 2 replies instead of one"}
    | dict.fromkeys([SPELT, SLIP_OF_FIND], "a Find gets 2 replies instead of one"),
    "ReplyOfAnother": {VALID_PICK: "a valid Pick is answered with Found, which is not its reply"},
    "ValidIsRefused": {VALID_SEARCH: "a valid Find is refused"},
    "WrongSlip": {VALID_PICK: 'the reply does not repeat slip: "case-1" was sent, "case-10" came'}
    | {SPELT: NO_REPEAT, SLIP_OF_PICK: NO_REPEAT, SCHEMAS: "Picked breaks its schema: slip: …"},
    "NoSlip": {VALID_PICK: 'the reply does not repeat slip: "case-1" was sent, none came'}
    | {SPELT: NO_REPEAT, SLIP_OF_PICK: NO_REPEAT},
    "SlipNobodySent": {VALID_PICK: "the reply has a slip though none was sent"},
    "NoSlipInARefusal": dict.fromkeys(
        [INVALID_STOCK, INVALID_PICK, INVALID_SEARCH, *SLIPS], f"{NO_REPEAT} was sent, none came"
    ),
    "RefusalWithAnotherCode": each(f"{{}} {NOT_AS_INVALID}"),
    "TwoRefusals": each("{} gets 2 replies instead of one refusal")
    | dict.fromkeys(SLIPS, "a … gets 2 replies instead of one"),
    "NoRefusal": each("{} gets no reply instead of one refusal")
    | dict.fromkeys(SLIPS, "a … gets no reply instead of one"),
    "ClosesOnBadInput": each(CLOSED) | dict.fromkeys(SLIPS, CLOSED),
    "HangsAfterABadFrame": each(f"{UNANSWERED} with its slip") | dict.fromkeys(SLIPS, f"{UNANSWERED} with its slip"),
    "RefusesAllAfterABadFrame": each("after it, a valid Look is refused")
    | dict.fromkeys(SLIPS, "after it, a valid Look is refused"),
    "UndeclaredFrame": {SCHEMAS: 'the server sends a frame that asyncapi.yaml does not have ({"op": "welcome"})'},
    "ReplyBreaksItsSchema": {SCHEMAS: 'Found breaks its schema: places.0: "shelf" is a required property ({…})'},
    "NewsBreakTheirSchema": {SCHEMAS: 'Level breaks its schema: quantity: "many" is not of type "integer" ({…})'},
    "TakesBinaryFrames": {BINARY: "a binary frame is answered with Found instead of Refused"},
    "IgnoresBinaryFrames": {BINARY: "a binary frame gets no reply instead of one refusal"},
    "ReadsNoFurtherThanTheObject": {
        NOT_JSON: "text that is not JSON is answered with Found instead of Refused",
        SPELT: "a Stock is refused for the way in which its JSON is written: …",
    },
    "UnpacksLists": {NO_OBJECT: "JSON that is no command is answered with Found instead of Refused"},
    "DiesOfDeepNesting": {DEEP: "the server closed the connection with 1011"},
    "DiesOfHugeFrames": {
        HUGE: "the server closed the connection with 1000 for a frame of 33554432 bytes, not with 1009"
    },
    "ForgivesWhatIsNotUtf8": {
        NOT_UTF_8: "text that is not UTF-8 is answered with Found instead of Refused",
        BINARY: "a binary frame is answered with Found instead of Refused",
    },
    "TakesFragmentsForFrames": {
        FRAGMENTS: "a Look in 2 fragments is not taken as one frame",
        PINGED: "a Look with a ping between its fragments is refused",
    },
    "UncheckedPattern": STOCK_TAKEN,
    "UnanchoredPattern": STOCK_TAKEN,
    "UncheckedMinimum": STOCK_TAKEN,
    "UncheckedMaximum": STOCK_TAKEN,
    "UncheckedType": STOCK_TAKEN,
    "UncheckedNestedField": STOCK_TAKEN,
    "UncheckedArray": STOCK_TAKEN,
    "UncheckedItems": STOCK_TAKEN,
    "UncheckedLength": taken(INVALID_SEARCH, "Find", "Found"),
    "UncheckedEnum": {INVALID_PICK: "an invalid Pick (priority …) is answered with Picked instead of Refused"},
    "UncheckedSlip": taken(INVALID_SEARCH, "Look", "Found") | {SCHEMAS: "Found breaks its schema: slip: …"},
    "OptionalFieldIsRequired": {
        VALID_PICK: "a valid Pick is refused",
        SLIP_OF_PICK: "a Pick with slip … is refused as invalid",
    },
    "RequiredFieldIsOptional": {
        INVALID_STOCK: "an invalid Stock (place missing) is answered with Stocked instead of Refused"
    },
    # With such a field comes what is no JSON, a NaN.
    "UnknownFieldsAreTaken": taken(INVALID_SEARCH, "Look", "Found")
    | {NOT_JSON: "text that is not JSON is answered with Found instead of Refused"},
    "UnknownNestedFieldsAreTaken": STOCK_TAKEN,
}


def check_found(found: dict[str, list[str]], expected: dict[str, str]) -> None:
    """Check that those checks failed that should, each with its sentence, in which … is anything."""
    assert found.keys() == expected.keys()
    for name, (problem,) in found.items():
        assert re.fullmatch(re.escape(expected[name]).replace("…", ".*"), problem, re.DOTALL), problem


@pytest.mark.slow
@pytest.mark.parametrize("name", DEFECTS)
@pytest.mark.usefixtures("first_case")
def test_a_defect_is_found_and_named_and_no_other(name: str) -> None:
    check_found(problems(results(DEFECTS[name], deadline=deadline(name))), FOUND[name])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("NoReply", dict.fromkeys([VALID_PICK, SPELT], UNANSWERED)),
        ("TwoReplies", dict.fromkeys([VALID_SEARCH, SPELT], "a… Find gets … replies instead of one")),
        ("ReplyOfAnother", FOUND["ReplyOfAnother"]),
        ("NoRefusal", each(UNANSWERED)),
        ("ClosesOnBadInput", each(CLOSED)),
        ("HangsAfterABadFrame", each(UNANSWERED)),
        ("UncheckedMinimum", STOCK_TAKEN),
    ],
)
@pytest.mark.usefixtures("first_case")
def test_a_defect_is_found_without_correlation_ids_too(name: str, expected: dict[str, str], tmp_path: Path) -> None:
    specs = variant(tmp_path, "no correlation ids")
    check_found(problems(results(DEFECTS[name], specs, deadline=deadline(name))), expected)


def test_the_case_shown_is_a_short_one() -> None:
    (broken,) = [result for result in results(DEFECTS["ValidIsRefused"], examples=20) if not result.kept]
    (failure,) = broken.failures
    sent, good, refusal, answer = failure.steps
    assert json.loads(sent.removeprefix("a -> "))["text"] == "000000"
    assert '"look"' in good
    assert '"malformed"' in refusal
    assert '"found"' in answer
    assert failure.rule == "asyncapi.yaml#/operations/search/reply"


# What a failure tells


def test_the_program_of_a_failure_shows_it() -> None:
    specs, server = SAMPLE, DEFECTS["RequiredFieldIsOptional"](SAMPLE)
    with running(server) as url, target_of(Options(url, specs, examples=1, deadline=DEADLINE)) as target:
        (check,) = [check for check in collect(target, "websocket") if check.name == INVALID_STOCK]
        (failure,) = execute(check, target).failures
        assert url.removeprefix("http://") in failure.reproduce
        with contextlib.redirect_stdout(io.StringIO()) as output:
            exec(failure.reproduce, {})
    received = [step.partition(" <- ")[2] for step in failure.steps if " <- " in step]
    kinds = [json.loads(line)["op"] for line in output.getvalue().splitlines()]
    assert kinds == [json.loads(frame)["op"] for frame in received] == ["level", "stocked", "found"]


TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
PEERS = st.sampled_from(["a", "b", "reader0", "slow"])
BODIES = st.none() | TEXT | st.binary(max_size=20)
LONG = st.integers(2001, 5000).flatmap(lambda size: st.sampled_from(["x" * size, "[" * size, b"\xff" * size]))
FRAMES = st.builds(Step, PEERS, TEXT | st.binary(max_size=20) | LONG, st.none()) | st.builds(
    Step, PEERS, st.none(), TEXT
)
PATHS = st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=20).map("/{}".format)
CALLS = st.builds(
    Step, st.just("rest"), BODIES, TEXT, st.tuples(st.sampled_from(["GET", "POST", "DELETE", "PATCH"]), PATHS)
)


def test_what_a_connections_thread_stumbles_over_is_no_line_of_the_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # as where nobody has set up logging
    with running(Warehouse(SAMPLE)) as url, Target(Options(url, SAMPLE)) as target:
        connection = target.peer().raw
        with connection.protocol_mutex:
            connection.protocol.receive_eof()  # as behind a pipe that is broken; what comes then has no place
        connection.socket.sendall(b"\x89\x80\0\0\0\0")  # a ping, which the server answers
        connection.recv_events_thread.join(10)
        assert not connection.recv_events_thread.is_alive()
    assert capsys.readouterr().err == ""


@pytest.fixture(scope="module")
def targets() -> dict[str | None, Target]:
    """Targets that nobody speaks to, without and with a key."""
    return {key: Target(Options("http://127.0.0.1:9", SAMPLE, api_key=key)) for key in (None, "secret")}


@pytest.mark.parametrize("key", [None, "secret"])
@given(steps=st.lists(FRAMES, min_size=1, max_size=30).flatmap(lambda frames: st.permutations(frames)))
@example(steps=[Step("a", "[" * 100_000, None)])
@example(steps=[Step("rest", None, "200 {}", ("GET", "/topics")), Step("a", "{}", None), Step("a", None, "{}")])
@example(steps=[Step("rest", 'it\'s "it"', "200 {}", ("POST", "/it's")), Step("a", "it's \\ \n", None)])
def test_the_program_that_reproduces_a_failure_compiles(
    targets: dict[str | None, Target], key: str | None, steps: list[Step]
) -> None:
    program = targets[key].reproduction(steps)
    names = compile(program, "program", "exec").co_names
    assert "connect" in names
    assert {step.who for step in steps[-24:] if not step.call} <= set(names)
    assert "secret" not in program


@given(steps=st.lists(CALLS, min_size=1, max_size=5))
def test_the_curl_lines_that_reproduce_a_failure_are_what_a_shell_reads(
    targets: dict[str | None, Target], steps: list[Step]
) -> None:
    for key, target in targets.items():
        words = shlex.split(target.reproduction(steps))
        expected: list[str] = []
        for step in steps[-3:]:
            assert step.call
            method, path = step.call
            expected += ["curl", "-i", "-X", method, f"http://127.0.0.1:9{path}"]
            expected += ["-H", "X-API-Key: KEY"] if key else []
            assert not isinstance(step.sent, tuple)
            if step.sent is not None:
                body = step.sent if isinstance(step.sent, str) else step.sent.decode(errors="replace")
                expected += ["-H", "Content-Type: application/json", "-d", body]
        assert words == expected


def result_of(*texts: str) -> list[Result]:
    """A failed check that says `texts`."""
    check = Check("websocket", f"check {texts[0]}", texts[1], lambda target: None)
    failure = Failure(texts[0], texts[1], [texts[2], texts[3]], texts[4])
    return [Result(check, 3, 0.5, [failure], error=texts[5]), Result(copy.copy(check))]


TEXTS = st.lists(st.text(min_size=1, max_size=40), min_size=6, max_size=6)
MARKUP = ["<b>&amp;</b>", "]]>", "'\"", "<script>alert(1)</script>", "{{ options }}", "\ud800\x00\x1b[31m\ufffe"]


@given(texts=TEXTS)
@example(texts=MARKUP)
def test_any_text_gives_a_junit_report_that_is_xml(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "junit.xml"
    write_junit(path, Outcome(result_of(*texts)))
    root = ElementTree.parse(path).getroot()
    (suite,) = root
    assert {key: suite.get(key) for key in ("name", "tests", "failures", "errors")} == {
        "name": "websocket",
        "tests": "2",
        "failures": "1",
        "errors": "1",
    }
    failed, kept = suite
    assert [each.tag for each in failed] == ["failure", "error"]
    assert list(kept) == []


def test_a_junit_report_has_all_that_a_failure_tells(tmp_path: Path) -> None:
    texts = ["no reply\tcame", "a.yaml#/x", "a -> <&>", "a <- \x00", "curl 'http://x'", "Traceback"]
    write_junit(tmp_path / "junit.xml", Outcome(result_of(*texts)))
    ((case, _),) = ElementTree.parse(tmp_path / "junit.xml").getroot()
    failure, error = case
    assert (case.get("classname"), case.get("name"), case.get("time")) == (
        "contract.websocket",
        "check no reply\tcame",
        "0.500",
    )
    assert failure.get("message") == "no reply\tcame"
    assert failure.text == "rule: a.yaml#/x\na -> <&>\na <- \ufffd\n\ncurl 'http://x'"
    assert error.text == "Traceback"


class Page(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


OPTIONS = Options("http://127.0.0.1:9", SAMPLE)


@given(texts=TEXTS)
@example(texts=MARKUP)
def test_any_text_stays_text_in_the_html_report(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "report.html"
    write_html(path, Outcome(result_of(*["plain"] * 6)), OPTIONS)
    plain = Page(path)
    write_html(path, Outcome(result_of(*texts)), OPTIONS)
    assert Page(path).tags == plain.tags


def test_the_html_report_shows_what_a_failure_tells(tmp_path: Path) -> None:
    write_html(tmp_path / "report.html", Outcome(result_of(*MARKUP[:5], "the traceback")), OPTIONS)
    page = Page(tmp_path / "report.html")
    for text in [*MARKUP[:5], "the traceback", "This check itself failed and says nothing of the server."]:
        assert text in page.text
    assert "script" not in page.tags


# What cannot be run


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda document: document.pop("operations"), "needs 'operations'"),
        (lambda document: document["operations"]["pick"].update(messages=[]), "#/operations/pick: needs messages"),
        (
            neither_mark_nor_reply,
            "needs 'a message with x-on-invalid, to tell what answers an invalid frame'",
        ),
    ],
)
def test_a_document_that_lacks_something_is_told_in_one_line(
    edit: Callable[[Document], Any], problem: str, tmp_path: Path
) -> None:
    specs = variant(tmp_path, "as it is")
    document = yaml.safe_load((specs / "asyncapi.yaml").read_text())
    edit(document)
    (specs / "asyncapi.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(CannotRun) as caught:
        target_of(Options("http://127.0.0.1:9", specs))
    assert str(caught.value) == f"{specs}: {problem}"


# What is left out, and a server of one's own


def check(name: str) -> Check:
    return Check("rest", name, "", lambda _: None)


@pytest.mark.parametrize(
    ("pattern", "left_out"),
    [
        ("a TRACE is refused [405]", ["a TRACE is refused [405]"]),
        ("*trace*", ["a TRACE is refused [405]", "TRACE"]),
        ("trace", ["TRACE"]),
        ("TRAC?", ["TRACE"]),
        ("*[405]", ["a TRACE is refused [405]"]),
    ],
)
def test_checks_are_left_out_by_name_and_told_as_skipped(pattern: str, left_out: list[str]) -> None:
    made = without([check("a TRACE is refused [405]"), check("TRACE"), check("others")], [pattern])
    with running(Warehouse(SAMPLE)) as url, target_of(Options(url, SAMPLE)) as target:
        found = {result.check.name: result.skipped for result in (execute(each, target) for each in made)}
    assert found == {each.name: f"left out by --skip {pattern!r}" if each.name in left_out else None for each in made}


def test_a_name_that_no_check_has_is_told() -> None:
    with pytest.raises(CannotRun, match="--skip: no check is called 'tracé'"):
        without([check("TRACE")], ["TRACE", "tracé"])


def test_a_server_of_ones_own_has_the_key_and_no_other_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PUBSUB_API_KEY": "another", "PUBSUB_ROOT_PATH": "/bus", "PUBSUB_MAX_TOPICS": "1"}.items():
        monkeypatch.setenv(name, value)
    with own_server(SPECS, "key") as url:
        document = httpx.get(f"{url}/openapi.json", headers={"X-API-Key": "key"}).json()
    assert document["info"]["x-limits"]["max_topics"] > 1
