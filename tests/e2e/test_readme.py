"""README's tour, run as written."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.documents import ROOT, SPECS
from tests.support.program import environment
from tests.support.server import Server

README = (ROOT / "README.md").read_text()
SHELL = re.compile(r"^```sh\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
STEP = re.compile(SHELL.pattern + r"\n```json\n(.*?)^```\n", re.MULTILINE | re.DOTALL)


def shell(script: str, folder: Path, **variables: str) -> str:
    """What `script` prints, errors too, run by a shell as a reader would with the environment activated."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment(PATH=path, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stdout
    return ran.stdout


def section(title: str) -> str:
    """README's section of that title."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^##)", README, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_the_tour_prints_what_the_readme_shows(serve: Callable[..., Server]) -> None:
    server = serve()
    steps = STEP.findall(section("A tour"))
    assert len(steps) == 3
    for script, shown in steps:
        printed = shell(script.replace("http://127.0.0.1:8080", server.url), ROOT, PUBSUB_URL=server.url)
        pattern = re.escape(shown).replace("…", r"[0-9A-Za-z_:.-]+")  # a UUID, a time or an epoch
        assert re.fullmatch(pattern, printed), printed


def test_the_changed_contract_holds_on_the_rest_side(serve: Callable[..., Server], tmp_path: Path) -> None:
    copy, edit, start = SHELL.findall(section("Change the contract"))[0].splitlines()
    (tmp_path / "specs").symlink_to(SPECS)
    shell(f"{copy.replace('cp -r specs', 'cp -rL specs')}\n{edit}", tmp_path)
    assert start == "tools/dev serve --specs my-specs"
    server = serve(specs=tmp_path / "my-specs")
    answer = httpx.post(f"{server.url}/topics", json={"name": "a-long-name"})
    assert answer.json()["detail"] == "name must have at most 8 characters"


@pytest.mark.parametrize(
    "line", [line for line in README.partition("\n## Layout\n")[2].splitlines() if re.match(r"\| `[a-z.]+/?`? ", line)]
)
def test_the_layout_names_what_is_there(line: str) -> None:
    name = line.split("`")[1]
    assert (ROOT / name).exists()


def test_the_settings_are_told_as_they_are() -> None:
    ran: Any = subprocess.run(
        [sys.executable, "-m", "tools.generate", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stdout) == (0, "")
