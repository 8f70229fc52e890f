"""Each of the examples, run as its head says."""

import functools
import http.server
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.support.chaos import Chaos
from tests.support.documents import PYTHON_SDK, ROOT, TYPESCRIPT_SDK
from tests.support.http import payloads_of, publish_text
from tests.support.program import NODE, Running, environment, until
from tests.support.server import Server, create

pytestmark = pytest.mark.slow

EXAMPLES = ROOT / "examples"


@pytest.fixture
def launch() -> Iterator[Callable[..., Running]]:
    """Start programs; they are gone at the end."""
    processes = []

    def launch(url: str, *command: Any, **options: Any) -> Running:
        env = environment(PUBSUB_URL=url, PYTHONPATH=str(PYTHON_SDK))
        pipes: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        processes.append(process := subprocess.Popen(command, text=True, env=env, **pipes, **options))
        return Running(process)

    yield launch
    for process in processes:
        process.kill()
        process.communicate()


def test_each_example_is_in_the_list() -> None:
    listed = re.findall(r"\]\(([a-z.-]+)\)", (EXAMPLES / "README.md").read_text())
    assert sorted(listed) == sorted(file.name for file in EXAMPLES.iterdir() if file.name != "README.md")


def test_totals_of_retained_and_new_orders(server: Server, launch: Callable[..., Running]) -> None:
    create(server, "orders")
    publish_text(server, '{"customer": "Amara", "amount": "12.90"}', '{"customer": "Bao", "amount": "5"}')
    totals = launch(server.url, sys.executable, EXAMPLES / "totals.py")
    assert (totals.line(), totals.line()) == ("Amara has spent 12.90\n", "Bao has spent 5\n")
    publish_text(server, '{"customer": "Amara", "amount": "0.10"}')
    assert totals.line() == "Amara has spent 13.00\n"
    assert totals.end(signal.SIGINT) == (0, "", "")


def test_a_worker_misses_nothing_and_does_nothing_twice(
    server: Server, proxy: Callable[[Server], Chaos], launch: Callable[..., Running], tmp_path: Path
) -> None:
    chaos = proxy(server)
    create(server, "orders")
    command = (sys.executable, EXAMPLES / "worker.py", tmp_path / "jobs.db")
    publish_text(server, "1", "2")
    worker = launch(chaos.url, *command)
    assert [worker.line(), worker.line()] == ["1\n", "2\n"]
    publish_text(server, "3")
    assert worker.line() == "3\n"
    # The line breaks, and messages come meanwhile.
    chaos.refuse()
    chaos.drop("rst")
    publish_text(server, "4", "5")
    chaos.accept()
    assert sorted([worker.line(), worker.line()]) == ["4\n", "5\n"]
    # The worker is killed, and messages come meanwhile.
    worker.process.kill()
    publish_text(server, "6")
    worker = launch(chaos.url, *command)
    assert worker.line() == "6\n"
    # More come than the topic retains.
    worker.process.kill()
    publish_text(server, *map(str, range(7, 7 + 101)))
    worker = launch(chaos.url, *command)
    assert [worker.line() for _ in range(100)] == [f"{number}\n" for number in range(8, 108)]
    assert worker.note_like("lost") == "messages may be lost: more came than the topic retains\n"
    assert worker.end(signal.SIGTERM)[:2] == (0, "")


def test_alerts_on_what_is_too_hot(server: Server, launch: Callable[..., Running], tmp_path: Path) -> None:
    create(server, "sensors", "alerts")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "specbus-client").symlink_to(TYPESCRIPT_SDK)  # as `npm install` of a folder does
    shutil.copy(EXAMPLES / "alerts.ts", tmp_path)
    alerts = launch(server.url, NODE, "alerts.ts", cwd=tmp_path)
    assert alerts.note_like("connected")
    until(lambda: httpx.get(f"{server.url}/topics/sensors").json()["subscribers"] == 1)
    for celsius in (21, 31, 32, 29, 33):
        publish_text(server, json.dumps({"sensor": "cellar", "celsius": celsius}), topic="sensors")
    assert alerts.line() == "cellar is at 31 degrees\n"
    assert alerts.line() == "cellar is at 33 degrees\n"
    assert alerts.end(signal.SIGTERM)[:2] == (0, "")
    assert payloads_of(server, "alerts") == [
        {"sensor": "cellar", "celsius": 31, "limit": 30},
        {"sensor": "cellar", "celsius": 33, "limit": 30},
    ]


@contextmanager
def files(folder: Path) -> Iterator[str]:
    """A file server of `folder`; its URL."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{serving.server_port}"
        finally:
            serving.shutdown()
            thread.join()


@pytest.mark.slow
def test_a_page_publishes_and_shows(serve: Callable[..., Server], browser: Browser, tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "page.html", tmp_path)
    shutil.copytree(TYPESCRIPT_SDK / "dist", tmp_path / "specbus-client")
    with files(tmp_path) as url, browser.new_context() as context:
        server = serve(allowed_origins=url)
        create(server, "orders")
        publish_text(server, '"before"')
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{url}/page.html?url={server.url}")
        expect(page.get_by_role("status")).to_have_text("connected")
        expect(page.get_by_role("listitem")).to_have_text(['"before"'])
        page.get_by_label("Say").fill("<b>hello</b>")
        page.get_by_role("button", name="Publish").click()
        expect(page.get_by_role("listitem")).to_have_text(['"before"', '"<b>hello</b>"'])
        expect(page.get_by_role("alert")).to_have_text("")
        page.goto(f"{url}/page.html?url={server.url}&topic=prices")
        expect(page.get_by_role("alert")).to_contain_text('there is no topic "prices"')
        assert complaints == []


def test_a_cron_job_reports_the_disks(serve: Callable[..., Server], unused_url: str) -> None:
    server = serve(api_key="secret")
    key = {"X-API-Key": "secret"}
    httpx.post(f"{server.url}/topics", json={"name": "disks"}, headers=key).raise_for_status()

    def report(topic: str, **variables: str) -> tuple[int, str, str]:
        ran = subprocess.run(
            [EXAMPLES / "disk-report.sh", topic],
            env=environment(PUBSUB_URL=server.url, **variables),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return ran.returncode, ran.stdout, ran.stderr

    assert report("disks", PUBSUB_API_KEY="secret") == (0, "", "")
    events = httpx.get(f"{server.url}/topics/disks/messages", headers=key).json()["events"]
    mounts = [event["message"]["payload"]["mount"] for event in events]
    assert "/" in mounts
    assert all(0 <= event["message"]["payload"]["used_percent"] <= 100 for event in events)
    assert len({event["message"]["id"] for event in events}) == len(mounts)
    status, _, complaint = report("disks")
    assert (status, "401" in complaint) == (22, True)
    status, _, complaint = report("none", PUBSUB_API_KEY="secret")
    assert (status, "404" in complaint) == (22, True)
