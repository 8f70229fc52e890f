"""Schemathesis against a running server: every operation, phase and check, from the document that the server serves."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Server

Serve = Callable[..., Server]
HEADERS = {"X-API-Key": "secret"}
PHASES = ["examples", "coverage", "fuzzing", "stateful"]


def without_security(document: dict[str, Any]) -> dict[str, Any]:
    """`document` without its keys: with them, Schemathesis would not look whether what it created is there."""
    document["components"].pop("securitySchemes")
    document.pop("security")
    return document


def run(server: Server, document: dict[str, Any], folder: Path, *options: str) -> tuple[dict[str, Any], Counter[str]]:
    """The report of Schemathesis, and how often it followed each of the document's links."""
    (folder / "openapi.json").write_text(json.dumps(document))
    schemathesis = Path(sys.executable).parent / "schemathesis"
    completed = subprocess.run(
        [
            *(
                str(schemathesis),
                "run",
                "openapi.json",
                "--url",
                server.url,
                "--checks=all",
                f"--phases={','.join(PHASES)}",
            ),
            *("--max-examples=30", "--continue-on-failure", "--suppress-health-check=all"),
            *("--report=json,ndjson", "--report-json-path=report.json", "--report-ndjson-path=events.ndjson", *options),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    events = [json.loads(line) for line in (folder / "events.ndjson").read_text().splitlines()]
    scenarios = [event["ScenarioFinished"]["recorder"] for event in events if "ScenarioFinished" in event]
    transitions = [case.get("transition") for scenario in scenarios for case in scenario.get("cases", {}).values()]
    links = Counter(link["id"] for link in transitions if link and not link["is_inferred"])
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report, links


@pytest.mark.parametrize("keyed", [False, True], ids=["open", "with an API key"])
def test_schemathesis_finds_nothing_wrong(serve: Serve, tmp_path: Path, keyed: bool) -> None:
    server = serve(api_key="secret") if keyed else serve()
    document = httpx.get(f"{server.url}/openapi.json", headers=HEADERS).json()
    document = document if keyed else without_security(document)
    options = [f"--header={name}: {value}" for name, value in HEADERS.items()] if keyed else []
    report, links = run(server, document, tmp_path, *options)

    methods = [method for path in document["paths"].values() for method in path if method != "parameters"]
    assert report["operations"]["tested"] == report["operations"]["total"] == len(methods)
    assert {name: phase["status"] for name, phase in report["phases"].items()} == dict.fromkeys(PHASES, "success")
    assert {name: found for name, found in report["warnings"].items() if found} == {}
    assert (report["failures"], report["errors"], report["complete"]) == ([], [], True)
    assert links, "no link was followed: the stateful phase tested nothing"
