"""The commands that talk to a service, as a person or a script uses them."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from specbus.cli.main import main
from tests.integration.cli.screen import terminal, variables
from tests.support.chaos import Chaos
from tests.support.documents import copied_specs, edit
from tests.support.http import payloads_of, publish_text
from tests.support.messages import UUID
from tests.support.program import DEADLINE, MODULE, Running, until
from tests.support.server import Server, connected, create

COMMANDS = {
    "topics": ("topics", "list"),
    "pub": ("pub", "orders", "1"),
    "sub": ("sub", "orders"),
    "ping": ("ping",),
    "top": ("top",),
}


def specbus(
    url: str, *arguments: str, given: str | bytes = b"", api_key: str | None = None, folder: Path | None = None
) -> tuple[int, str, str]:
    """Exit status, output and error output of `specbus` with `arguments`; `given` on its standard input."""
    ran = subprocess.run(
        [*MODULE, *arguments],
        env=variables(url, api_key),
        input=given.encode() if isinstance(given, str) else given,
        capture_output=True,
        timeout=DEADLINE,
        cwd=folder,
        check=False,
    )
    return ran.returncode, ran.stdout.decode(), ran.stderr.decode()


@pytest.fixture
def topic(server: Server) -> str:
    httpx.post(f"{server.url}/topics", json={"name": "orders"}).raise_for_status()
    return "orders"


def retained(server: Server) -> list[str]:
    """The payloads that the topic retains, as text."""
    text = httpx.get(f"{server.url}/topics/orders/messages").text
    return re.findall(r'"payload":\s*(.*?)\},"offset"', text)


def payloads(lines: str) -> list[Any]:
    return [json.loads(line)["message"]["payload"] for line in lines.splitlines()]


# All of them


def test_every_command_is_listed_and_tells_its_exit_statuses() -> None:
    listed = CliRunner().invoke(main, ["--help"]).stdout
    for name in (*COMMANDS, "demo"):
        assert re.search(rf"^  {name} +\S", listed, re.MULTILINE)
        text = CliRunner().invoke(main, [name, "--help"], prog_name="specbus").stdout
        assert text.startswith(f"Usage: specbus {name} ")
        assert "Exit status 0" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_a_server_that_is_not_there_is_one_line(name: str, unused_url: str) -> None:
    status, output, notes = specbus(unused_url, *COMMANDS[name])
    assert (status, output) == (3, "")
    assert re.fullmatch(rf"specbus: nothing answers at {unused_url}\b.*; is the server running\?\n", notes)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_missing_key_is_one_line(name: str, serve: Callable[..., Server]) -> None:
    server = serve(api_key="secret")
    httpx.post(f"{server.url}/topics", json={"name": "orders"}, headers={"X-API-Key": "secret"}).raise_for_status()
    status, output, notes = specbus(server.url, *COMMANDS[name])
    assert (status, output) == (1, "")
    assert re.fullmatch(r"specbus: the API key in X-API-Key is missing or wrong.*\n", notes)


def test_the_key_is_sent(serve: Callable[..., Server]) -> None:
    server = serve(api_key="secret")
    assert specbus(server.url, "topics", "create", "orders", api_key="secret")[:2] == (0, "created orders\n")
    assert specbus("http://127.0.0.1:1", "pub", "orders", "1", "--url", server.url, "--api-key", "secret")[0] == 0


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://127.0.0.1", "http://", "http://127.0.0.1:99999"])
def test_a_url_that_is_none_is_told(url: str) -> None:
    result = CliRunner().invoke(main, ["ping", "--url", url])
    assert result.exit_code == 2
    assert f"the URL must begin with http:// or ws:// and go on with HOST:PORT, not {url!r}" in result.stderr


def test_a_key_that_no_header_carries_is_told() -> None:
    result = CliRunner().invoke(main, ["topics", "list", "--api-key", "clé"])
    assert (result.exit_code, "the API key must be printable ASCII" in result.stderr) == (2, True)


def test_a_server_of_another_kind_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "stats").write_text("{}")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=tmp_path)) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        try:
            status, output, notes = specbus(f"http://127.0.0.1:{other.server_port}", "topics", "list")
        finally:
            other.shutdown()
            thread.join()
    assert (status, output, notes.count("\n")) == (1, "", 1)
    assert notes.startswith("specbus: the answer to GET /stats is not what the document says: ")


@pytest.mark.parametrize("arguments", [("topics", "list"), ("sub", "orders", "--last-n", "1", "--count", "1")])
def test_output_that_cannot_be_written_is_one_line(server: Server, topic: str, arguments: tuple[str, ...]) -> None:
    publish_text(server, "1")
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [*MODULE, *arguments],
            env=variables(server.url),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=DEADLINE,
            check=False,
        )
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (
        1,
        b"specbus: cannot write the output: No space left on device",
    )
    assert b"Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "notes"),
    [
        (("pub", "orders", "-"), b""),
        (("sub", "orders", "--last-n", "1", "--count", "1"), b"specbus: subscribed to orders\n"),
    ],
)
def test_standard_files_may_be_closed(server: Server, topic: str, arguments: tuple[str, ...], notes: bytes) -> None:
    publish_text(server, "1")
    shell = ["sh", "-c", '"$@" <&- >&-', "sh", *MODULE, *arguments]
    ran = subprocess.run(shell, env=variables(server.url), stderr=subprocess.PIPE, timeout=DEADLINE, check=False)
    assert (ran.returncode, ran.stderr) == (0, notes)


@pytest.mark.parametrize("missing", ["rich", "httpx"])
def test_an_installation_without_the_client_is_one_line(missing: str) -> None:
    script = f"import sys; sys.modules[{missing!r}] = None; from specbus.cli.main import main; main(['topics', 'list'])"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert ran.stderr.startswith("specbus: topics needs what `pip install 'specbus[client]'` installs (")


def completions(url: str, words: str) -> list[str]:
    """What bash is offered for the last of `words`."""
    ran = subprocess.run(
        [*MODULE],
        env=variables(url)
        | {"_SPECBUS_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert ran.stderr == ""
    return [line.partition(",")[2] for line in ran.stdout.splitlines() if line]


def test_commands_options_and_topics_are_completed(server: Server, topic: str, unused_url: str) -> None:
    assert completions(server.url, "specbus to") == ["top", "topics"]
    assert completions(server.url, "specbus topics sh") == ["show"]
    assert {"--last-n", "--count", "--timeout", "--url"} <= set(completions(server.url, "specbus sub --"))
    assert completions(server.url, "specbus pub o") == ["orders"]
    assert completions(unused_url, "specbus pub o") == []


# topics


def test_topics_are_created_listed_shown_and_deleted(server: Server) -> None:
    assert specbus(server.url, "topics", "list") == (0, "", "")
    assert specbus(server.url, "topics", "create", "orders", "prices") == (0, "created orders\ncreated prices\n", "")
    publish_text(server, "1", "2")
    assert specbus(server.url, "topics", "list") == (0, "orders\t2\t0\t0\t0\t2\nprices\t0\t0\t0\t0\t0\n", "")
    status, output, _ = specbus(server.url, "topics", "list", "--json")
    assert (status, json.loads(output)) == (0, httpx.get(f"{server.url}/stats").json())
    status, output, _ = specbus(server.url, "topics", "show", "orders")
    assert (status, dict(map(str.split, output.splitlines()))) == (
        0,
        {
            "name": "orders",
            "messages": "2",
            "subscribers": "0",
            "delivered": "0",
            "dropped": "0",
            "retained": "2",
            "evicted": "0",
        },
    )
    status, output, _ = specbus(server.url, "topics", "show", "orders", "--json")
    assert (status, json.loads(output)) == (0, httpx.get(f"{server.url}/topics/orders").json())
    assert specbus(server.url, "topics", "delete", "orders") == (0, "deleted orders\n", "")
    assert specbus(server.url, "topics", "list") == (0, "prices\t0\t0\t0\t0\t0\n", "")


@pytest.mark.parametrize("command", ["delete", "show"])
@pytest.mark.parametrize("name", ["..", ".", ""])
def test_a_name_that_stands_in_no_path_is_one_line(server: Server, command: str, name: str) -> None:
    line = f"specbus: name must not be {name!r}: in a path, that leads to another resource\n"
    assert specbus(server.url, "topics", command, name) == (2, "", line)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("create", "orders"), 'the topic "orders" exists'),
        (("create", "no spaces"), "name must match the pattern ^[A-Za-z0-9_][A-Za-z0-9._-]*$"),
        (("show", "prices"), 'there is no topic "prices"'),
        (("delete", "prices"), 'there is no topic "prices"'),
    ],
)
def test_what_cannot_be_done_to_topics_is_one_line(
    server: Server, topic: str, arguments: tuple[str, ...], line: str
) -> None:
    assert specbus(server.url, "topics", *arguments) == (1, "", f"specbus: {line}\n")


# pub


@pytest.mark.parametrize("payload", ["99.50", "1e400", '{"b": 1, "a": 2, "b": 3}', '"\\u00e9"', "null", "-0"])
def test_json_is_published_as_it_is_written(server: Server, topic: str, payload: str) -> None:
    assert specbus(server.url, "pub", topic, "--", payload) == (0, "", "specbus: 1 message published to orders\n")
    assert retained(server) == [payload]


def test_a_message_is_published_several_times(server: Server, topic: str) -> None:
    assert specbus(server.url, "pub", topic, "[1]", "--count", "3", "-q") == (0, "", "")
    assert retained(server) == ["[1]"] * 3
    ids = {event["message"]["id"] for event in httpx.get(f"{server.url}/topics/orders/messages").json()["events"]}
    assert len(ids) == 3


@pytest.mark.parametrize("argument", ["hello", "{'a': 1}", "{", "NaN", "[1] 2", ""])
def test_what_is_no_json_is_told_with_the_way_to_write_it(argument: str) -> None:
    result = CliRunner().invoke(main, ["pub", "orders", argument])
    assert result.exit_code == 2
    assert f"Error: {argument!r} is not JSON (" in result.stderr
    assert f"a string is written '{json.dumps(argument)}'" in result.stderr


def test_a_file_in_the_place_of_json_is_told(tmp_path: Path) -> None:
    file = tmp_path / "orders.ndjson"
    file.write_text("1\n")
    result = CliRunner().invoke(main, ["pub", "orders", str(file)])
    assert (result.exit_code, f"specbus pub TOPIC - < {file}" in result.stderr) == (2, True)


def test_lines_are_published_in_order(serve: Callable[..., Server]) -> None:
    server = serve(history_size=2000)
    httpx.post(f"{server.url}/topics", json={"name": "orders"}).raise_for_status()
    lines = [f'{{"n": {number}, "x": 1.{number:04}0}}' for number in range(1000)]
    given = "\n\n".join(lines)  # empty lines, and none at the end
    status, output, notes = specbus(server.url, "pub", "orders", "-", given=given)
    assert (status, output) == (0, "")
    assert re.fullmatch(r"specbus: 1,000 messages published to orders in [0-9.]+ s \([0-9,]+/s\)\n", notes)
    assert retained(server) == lines


def test_standard_input_may_be_a_file(server: Server, topic: str, tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("1\n2\n3\n")
    with (tmp_path / "lines").open() as file:
        ran = subprocess.run(
            [*MODULE, "pub", topic], stdin=file, env=variables(server.url), timeout=DEADLINE, check=False
        )
    assert ran.returncode == 0
    assert retained(server) == ["1", "2", "3"]


def test_only_so_many_lines_are_published(server: Server, topic: str, start: Callable[..., Running]) -> None:
    publisher = start(server.url, "pub", topic, "-", "--count", "2", stdin=subprocess.PIPE)
    assert publisher.process.stdin
    publisher.process.stdin.write("1\n2\n3\n")
    publisher.process.stdin.flush()
    assert publisher.process.wait(DEADLINE) == 0  # though more could come
    assert retained(server) == ["1", "2"]


def test_a_line_that_is_no_json_ends_it_after_those_before_if_that_is_asked_for(server: Server, topic: str) -> None:
    status, _, notes = specbus(server.url, "pub", topic, "-", "--strict", given="1\n2\n\nthree\n4\n")
    assert (status, retained(server)) == (1, ["1", "2"])
    summary, line = notes.splitlines()
    assert summary.startswith("specbus: 2 messages published to orders")
    assert line.startswith("specbus: line 4 is not JSON: ")


@pytest.fixture
def objects_only(serve: Callable[..., Server], tmp_path: Path) -> Server:
    """A server whose contract allows only objects as payloads."""
    specs = copied_specs(tmp_path)
    edit(specs / "schemas/message.yaml", "description: Any JSON value,", "type: object\n    description: Any,")
    server = serve(specs=str(specs))
    create(server, "orders")
    return server


def test_bad_lines_are_told_and_the_others_are_published(objects_only: Server) -> None:
    given = '{\n  "a": 1.50\n}\nthree\n{}\n"six"\n[7]\n{"b":8}'
    status, _, notes = specbus(objects_only.url, "pub", "orders", given=given)
    text = httpx.get(f"{objects_only.url}/topics/orders/messages").text
    assert re.findall(r'"payload":(.+?)\},"offset"', text, re.DOTALL) == ['{\n  "a": 1.50\n}', "{}", '{"b":8}']
    *told, summary = notes.splitlines()
    assert (status, len(told)) == (1, 3)
    assert told[0].startswith("specbus: line 4 is not JSON: expected")
    assert told[1].startswith("specbus: line 6: message.payload must be ")
    assert re.fullmatch(r"specbus: 3 messages published to orders in .*; 3 bad", summary)


def test_a_line_that_breaks_the_contract_ends_it_if_that_is_asked_for(objects_only: Server) -> None:
    arguments = ("pub", "orders", "--strict", "--in-flight", "1")
    status, _, notes = specbus(objects_only.url, *arguments, given='{}\n"two"\n{}\n')
    assert (status, payloads_of(objects_only, "orders")) == (1, [{}])
    assert notes.splitlines()[-1].startswith("specbus: message 2: message.payload must be ")


def test_what_is_refused_throughout_ends_it(server: Server) -> None:
    given = "1\n" * 1000
    status, _, notes = specbus(server.url, "pub", "no spaces", given=given)
    assert (status, notes.count("line ")) == (1, 10)


def test_texts_are_published_as_strings(server: Server, topic: str) -> None:
    given = b'a "b"\r\n\n99\n' + "é".encode() + b"\n\xff\n"
    status, _, notes = specbus(server.url, "pub", topic, "--text", given=given)
    assert (status, payloads_of(server, topic)) == (1, ['a "b"', "", "99", "é"])
    assert "specbus: line 5 is no text: byte 1 of it, 0xff, is not UTF-8\n" in notes
    assert specbus(server.url, "pub", topic, "--text", "{not json", "-q") == (0, "", "")
    assert payloads_of(server, topic)[-1] == "{not json"


def test_a_message_may_be_given_its_id(server: Server, topic: str) -> None:
    upper = UUID.upper()
    assert specbus(server.url, "pub", topic, "1", "--id", upper, "-q") == (0, "", "")
    assert specbus(server.url, "pub", topic, "--id", UUID, "-q", given="2\n3\n") == (0, "", "")
    events = httpx.get(f"{server.url}/topics/orders/messages").json()["events"]
    assert [(event["message"]["id"], event["message"]["payload"]) for event in events] == [(upper, 1), (UUID, 2)]
    line = "specbus: message.id must be a valid UUID\n"
    assert specbus(server.url, "pub", topic, "1", "--id", "mine") == (1, "", line)
    assert specbus(server.url, "pub", topic, "1", "--id", UUID, "--count", "2")[0] == 2


def test_bytes_that_are_no_text_are_told(server: Server, topic: str) -> None:
    status, _, notes = specbus(server.url, "pub", topic, "-", given=b'"\xff"\n')
    assert (status, notes.splitlines()[-1].startswith("specbus: line 1 is not JSON: ")) == (1, True)


def test_a_topic_that_does_not_exist_is_one_line(server: Server) -> None:
    line = 'specbus: there is no topic "orders"\n'
    assert specbus(server.url, "pub", "orders", "1") == (1, "", line)
    assert specbus(server.url, "sub", "orders") == (1, "", line)


def test_a_rate_is_kept(server: Server, topic: str) -> None:
    started = time.monotonic()
    assert specbus(server.url, "pub", topic, "1", "--count", "11", "--rate", "20")[0] == 0
    assert time.monotonic() - started > 0.5


def test_a_rate_is_kept_after_a_wait(server: Server, topic: str, start: Callable[..., Running]) -> None:
    publisher = start(server.url, "pub", topic, "-", "--rate", "20", stdin=subprocess.PIPE)
    assert publisher.process.stdin
    publisher.process.stdin.write("0\n")
    publisher.process.stdin.flush()
    until(lambda: payloads_of(server, topic) == [0])
    waited = time.monotonic() + 0.6  # in which 12 could have been sent
    until(lambda: time.monotonic() > waited)
    publisher.process.stdin.write("1\n" * 13)
    assert publisher.end()[0] == 0
    assert time.monotonic() - waited > 0.5


def test_a_refusal_ends_it_without_a_further_line(server: Server, start: Callable[..., Running]) -> None:
    publisher = start(server.url, "pub", "orders", "-", stdin=subprocess.PIPE)
    assert publisher.process.stdin
    publisher.process.stdin.write("1\n")
    publisher.process.stdin.flush()
    assert publisher.note() == 'specbus: there is no topic "orders"\n'
    assert publisher.process.wait(DEADLINE) == 1


def test_a_broken_connection_leaves_no_doubt_of_what_was_published(
    server: Server, topic: str, proxy: Callable[[Server], Chaos], start: Callable[..., Running]
) -> None:
    chaos = proxy(server)
    publisher = start(chaos.url, "pub", topic, "-", "--in-flight", "4", stdin=subprocess.PIPE)
    assert publisher.process.stdin
    publisher.process.stdin.write("1\n2\n")
    publisher.process.stdin.flush()
    stats = f"{server.url}/topics/orders"
    until(lambda: httpx.get(stats).json()["messages"] == 2)
    chaos.stall("down")
    publisher.process.stdin.write("3\n4\n")
    publisher.process.stdin.flush()
    until(lambda: httpx.get(stats).json()["messages"] == 4)
    chaos.refuse()
    chaos.drop("rst")
    publisher.process.stdin.write("5\n")
    status, _, notes = publisher.end()
    assert status == 3
    *_, summary, line = notes.splitlines()
    assert re.fullmatch(r"specbus: 2 messages published to orders in .*, 2 of unknown outcome(, 1 not)?", summary)
    assert line.startswith("specbus: message 3: the connection broke before the answer came")
    assert retained(server) == ["1", "2", "3", "4"]


def test_an_interrupted_publisher_says_how_far_it_came(
    server: Server, topic: str, start: Callable[..., Running]
) -> None:
    publisher = start(server.url, "pub", topic, "-", stdin=subprocess.PIPE)
    assert publisher.process.stdin
    publisher.process.stdin.write("1\n")
    publisher.process.stdin.flush()
    until(lambda: httpx.get(f"{server.url}/topics/orders").json()["messages"] == 1)
    status, output, notes = publisher.end(signal.SIGINT)
    assert (status, output, notes) == (130, "", "specbus: 1 message published to orders\n")


# sub


async def test_events_are_printed_as_they_came(server: Server, topic: str, start: Callable[..., Running]) -> None:
    texts = ["99.50", "1e400", '{"b":1,"a":2,"b":3}', '"\\u00e9"', '"é\\n"', '{\n "two":\r\n "lines"}']
    subscriber = start(server.url, "sub", topic, "--count", str(len(texts)))
    assert subscriber.note() == "specbus: subscribed to orders\n"
    async with connected(server) as other:
        await other.subscribe(topic)
        for text in texts:
            await other.send(f'{{"type":"publish","topic":"orders","message":{{"id":"{UUID}","payload":{text}}}}}')
        frames = [await other.receive_text() for _ in range(2 * len(texts))]
    status, output, notes = subscriber.end()
    assert (status, notes) == (0, "")
    events = [frame for frame in frames if '"event"' in frame]
    assert output == "".join(frame.replace("\n", " ").replace("\r", " ") + "\n" for frame in events)


def test_retained_events_are_printed_first(server: Server, topic: str) -> None:
    publish_text(server, "1", "2", "3")
    httpx.post(f"{server.url}/topics", json={"name": "prices"}).raise_for_status()
    publish_text(server, "4", topic="prices")
    status, output, _ = specbus(server.url, "sub", topic, "prices", "orders", "--last-n", "2", "--count", "3")
    assert (status, sorted(payloads(output))) == (0, [2, 3, 4])


def test_a_timeout_ends_it(server: Server, topic: str) -> None:
    publish_text(server, "1")
    status, output, notes = specbus(server.url, "sub", topic, "--last-n", "1", "--timeout", "0.2")
    assert (status, payloads(output), notes) == (0, [1], "specbus: subscribed to orders\n")
    status, _, notes = specbus(server.url, "sub", topic, "--last-n", "1", "--timeout", "0.2", "--count", "2")
    assert (status, notes.splitlines()[-1]) == (1, "specbus: 1 of 2 events came")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_its_end(server: Server, topic: str, start: Callable[..., Running], number: int) -> None:
    subscriber = start(server.url, "sub", topic)
    subscriber.note()
    publish_text(server, "1")
    assert payloads(subscriber.line()) == [1]
    assert subscriber.end(number) == (0, "", "")
    until(lambda: httpx.get(f"{server.url}/health").json()["connections"] == 0)


def test_a_closed_pipe_is_its_end_whether_or_not_there_is_something_to_write(
    server: Server, topic: str, start: Callable[..., Running]
) -> None:
    for event in ("1", None):
        subscriber = start(server.url, "sub", topic)
        subscriber.note()
        assert subscriber.process.stdout
        if event:
            publish_text(server, event)
            subscriber.line()
        subscriber.process.stdout.close()
        assert subscriber.process.wait(DEADLINE) == 0
        assert subscriber.note() == ""


def test_a_deleted_topic_is_told_and_ends_it(server: Server, topic: str, start: Callable[..., Running]) -> None:
    subscriber = start(server.url, "sub", topic)
    subscriber.note()
    publish_text(server, "1")
    httpx.delete(f"{server.url}/topics/orders").raise_for_status()
    status, output, notes = subscriber.end()
    assert (status, payloads(output), notes) == (0, [1], 'specbus: the topic "orders" was deleted\n')


def test_a_broken_connection_is_told_and_made_again(
    server: Server, topic: str, proxy: Callable[[Server], Chaos], start: Callable[..., Running]
) -> None:
    chaos = proxy(server)
    subscriber = start(chaos.url, "sub", topic)
    subscriber.note()
    publish_text(server, "1")
    assert payloads(subscriber.line()) == [1]
    chaos.drop("rst")
    assert re.search(r"connection lost \(.+\); reconnecting$", subscriber.note())
    assert subscriber.note() == "specbus: reconnected\n"
    assert subscriber.note() == "specbus: resubscribed to orders; events published in between may be missing\n"
    publish_text(server, "2")
    assert payloads(subscriber.line()) == [2]
    assert subscriber.end(signal.SIGTERM) == (0, "", "")


def test_it_comes_back_after_a_restart_once_the_topic_is_there_again(
    serve: Callable[..., Server], proxy: Callable[[Server], Chaos], start: Callable[..., Running]
) -> None:
    first, second = serve(), serve()
    chaos = proxy(first)
    httpx.post(f"{first.url}/topics", json={"name": "orders"}).raise_for_status()
    subscriber = start(chaos.url, "sub", "orders")
    subscriber.note()
    chaos.target(second.port)
    chaos.drop()
    subscriber.note_like("connection lost")
    assert subscriber.note_like("retrying") == 'specbus: there is no topic "orders"; retrying\n'
    httpx.post(f"{second.url}/topics", json={"name": "orders"}).raise_for_status()
    subscriber.note_like("resubscribed to orders")
    publish_text(second, "7")
    assert payloads(subscriber.line()) == [7]
    assert subscriber.end(signal.SIGTERM)[0] == 0


def test_what_is_dropped_here_is_told_and_adds_up(server: Server, topic: str, start: Callable[..., Running]) -> None:
    total = 10_000
    subscriber = start(server.url, "sub", topic, "--queue", "10")
    subscriber.note()
    lines = "\n".join(f'"{number:0200}"' for number in range(total))
    # Slower than the subscriber reads, so that its own queue is the one that overflows.
    assert specbus(server.url, "pub", topic, "-", "-q", "--in-flight", "50", given=lines)[0] == 0
    httpx.delete(f"{server.url}/topics/orders").raise_for_status()
    status, output, notes = subscriber.end()
    numbers = [int(payload) for payload in payloads(output)]
    assert (status, numbers) == (0, sorted(numbers))
    assert told(notes) + len(numbers) == total
    assert len(numbers) < total
    assert "dropped by this program, whose output is not read (see --queue)" in notes


def test_what_the_server_drops_is_told_and_adds_up(serve: Callable[..., Server], start: Callable[..., Running]) -> None:
    server, total = serve(max_queue_size=10), 2000
    httpx.post(f"{server.url}/topics", json={"name": "orders"}).raise_for_status()
    subscriber = start(server.url, "sub", "orders")
    subscriber.note()
    os.kill(subscriber.process.pid, signal.SIGSTOP)
    lines = "\n".join(f'"{number:010000}"' for number in range(total))  # more than the sockets hold
    assert specbus(server.url, "pub", "orders", "-", "-q", given=lines)[0] == 0
    os.kill(subscriber.process.pid, signal.SIGCONT)
    httpx.delete(f"{server.url}/topics/orders").raise_for_status()
    status, output, notes = subscriber.end()
    numbers = [int(payload.lstrip("0") or 0) for payload in payloads(output)]
    assert (status, numbers) == (0, sorted(numbers))
    assert told(notes) + len(numbers) == total
    assert "dropped by the server, whose queue was full" in notes


@pytest.mark.slow
def test_a_hundred_thousand_lines_go_through(
    server: Server, topic: str, start: Callable[..., Running], tmp_path: Path
) -> None:
    total = 100_000
    with (tmp_path / "events").open("w") as events:
        subscriber = start(server.url, "sub", topic, stdout=events)
    subscriber.note()
    publisher = subprocess.run(
        f"seq 1 {total} | {sys.executable} -P -m specbus pub {topic} -",
        shell=True,
        env=variables(server.url),
        capture_output=True,
        timeout=120,
        check=True,
    )
    assert publisher.stderr.startswith(b"specbus: 100,000 messages published to orders in ")
    httpx.delete(f"{server.url}/topics/{topic}").raise_for_status()
    status, _, notes = subscriber.end()
    numbers = payloads((tmp_path / "events").read_text())
    dropped = told(notes) if "dropped" in notes else 0
    assert (status, len(numbers) + dropped) == (0, total)
    assert numbers == list(range(1, total + 1)) if not dropped else numbers == sorted(numbers)


def told(notes: str) -> int:
    """How many events a subscriber says were dropped, in its last line and all along."""
    *lines, last = notes.splitlines()
    sums = sum(map(number, re.findall(r"([0-9,]+) events? of orders dropped", last)))
    assert sums == sum(map(number, re.findall(r"([0-9,]+) events? of orders dropped", "\n".join(lines))))
    return sums


def number(text: str) -> int:
    return int(text.replace(",", ""))


# ping, top, demo


def test_a_ping_tells_how_soon_the_answer_came(server: Server) -> None:
    status, output, notes = specbus(server.url, "ping", "--count", "2", "--interval", "0")
    assert (status, notes) == (0, "")
    assert re.fullmatch(
        rf"(pong from {server.url}: [0-9.]+ ms\n){{2}}min [0-9.]+, mean [0-9.]+, max [0-9.]+ ms\n", output
    )


def test_a_server_gone_silent_is_one_line(
    server: Server, proxy: Callable[[Server], Chaos], start: Callable[..., Running]
) -> None:
    chaos = proxy(server)
    pinging = start(chaos.url, "ping", "--count", "2", "--timeout", "0.3")
    pinging.line()
    chaos.stall("down")
    status, _, notes = pinging.end()
    assert (status, notes) == (3, "specbus: no answer came within 0.3 s\n")


def test_the_numbers_are_printed_once(server: Server, topic: str) -> None:
    publish_text(server, "1", "2")
    status, output, notes = specbus(server.url, "top", "--once", "--interval", "0.1")
    head, row = output.splitlines()
    assert (status, notes) == (0, "")
    assert head.split("\t") == [
        "topic", "msg/s", "delivered/s", "dropped/s", "messages", "dropped", "subscribers", "retained",
    ]  # fmt: skip
    assert row.split("\t") == ["orders", "0", "0", "0", "2", "0", "0", "2"]


def test_the_numbers_go_on_without_a_terminal_and_survive_the_server(
    server: Server, topic: str, proxy: Callable[[Server], Chaos], start: Callable[..., Running]
) -> None:
    chaos = proxy(server)
    top = start(chaos.url, "top", "--interval", "0.1")
    assert top.line().startswith("topic\t")
    assert top.line().startswith("orders\t")
    publish_text(server, "1")
    while not re.match(r"orders\t[1-9]", top.line()):
        pass
    chaos.refuse()
    chaos.drop("rst")
    assert re.search(r"^specbus: .+; retrying$", top.note())
    chaos.accept()
    assert top.line().startswith("orders\t")
    assert top.end(signal.SIGTERM)[0] == 0


def test_the_demo_shows_it_all_and_ends(start: Callable[..., Running]) -> None:
    demo = start("", "demo", "--duration", "3")
    url = re.findall(r"http://\S+(?=,)", demo.line())[0]
    assert httpx.get(f"{url}/health").json()["topics"] == 3
    status, output, notes = demo.end()
    assert (status, notes) == (0, "")
    last = re.fullmatch(
        r"([0-9,]+) published; fast: ([0-9,]+) events; slow: ([0-9,]+) events, ([0-9,]+) dropped",
        output.splitlines()[-1],
    )
    assert last
    published, fast, slow, _ = map(number, last.groups())
    assert 0 < slow < fast <= published + 3
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_demo_that_is_interrupted_leaves_no_server(start: Callable[..., Running], number: int) -> None:
    # As in a shell, whatever runs the tests ignores.
    demo = start("", "demo", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))
    url = re.findall(r"http://\S+(?=,)", demo.line())[0]
    assert demo.end(number)[0] == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health")


# On a terminal


def test_a_terminal_gets_a_table(server: Server, topic: str) -> None:
    with terminal(server.url, "topics", "list") as screen:
        assert screen.rest() == 0
        assert b"\x1b[" in screen.raw
        assert re.search(r"topic +messages +subscribers", screen.seen)


def test_a_terminal_gets_a_live_table(server: Server, topic: str) -> None:
    with terminal(server.url, "top", "--interval", "0.1") as screen:
        screen.see(rf"(?s){server.url}.*1 topics.*orders")
        publish_text(server, "1")
        screen.see(r"orders +[1-9]")
        assert screen.interrupt() == 0
        assert b"\x1b[?25h" in screen.raw  # the cursor is back


def test_a_terminal_gets_the_demo(tmp_path: Path) -> None:
    with terminal("", "demo") as screen:
        screen.see(r"(?s)specbus demo.*orders.*prices.*sensors.*fast.*slow")
        screen.see(r"[1-9]\d* dropped")
        assert screen.interrupt() == 0
        assert re.search(r"[0-9,]+ published; fast: .* dropped\s*$", screen.seen)


def test_a_small_terminal_gets_the_whole_demo() -> None:
    with terminal("", "demo", columns=80, lines=24) as screen:
        screen.see(r"(?s)fast: every topic.*slow: prices.*how many events it\s+missed")
        assert screen.interrupt() == 0


def test_a_terminal_gets_progress(server: Server, topic: str) -> None:
    with terminal(server.url, "pub", topic, "1", "--count", "300", "--rate", "300") as screen:
        screen.see(r"to orders")
        assert screen.rest() == 0
        assert "300 messages published" in screen.seen
