"""One run of Schemathesis: its process started, watched, and ended when it is not worth waiting for any longer."""

import contextlib
import json
import os
import queue
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from specbus.verify.failures import Broken, CouldNotCheck, Skipped, TimeUp
from specbus.verify.fuzzing.findings import Findings, Scenario
from specbus.verify.fuzzing.settings import settings
from specbus.verify.processes import child
from specbus.verify.rest.document import FILE, KEY_HEADER
from specbus.verify.target import Target
from specbus.verify.topics import CREATE

WORKER = (sys.executable, "-P", "-m", "specbus.verify.fuzzing.worker")
MAX_HANGING = 4
"""Operations that may let a request hang before the run is ended: each such request costs a deadline."""
_OTHERS = 20
"""Names that stand in for those that may not begin with the prefix."""
IDLE_TIMEOUT = 60.0
"""Seconds without a request or a word after which the process is taken to hang."""


class Run:
    """A run of Schemathesis against a target, made when it is first asked for."""

    def __init__(self, worker: Sequence[str] = WORKER, idle_timeout: float = IDLE_TIMEOUT) -> None:
        """`worker` is the command that starts the process."""
        self._worker = worker
        self._idle_timeout = idle_timeout
        self._findings: Findings | None = None
        self._failure: str | None = None

    def findings(self, target: Target) -> Findings:
        """What it found, each time. Raises CouldNotCheck if it did not come to an end."""
        if self._failure:
            raise CouldNotCheck(self._failure)
        if self._findings is None:
            try:
                if not target.answers:
                    # Nothing at all has been answered so far. A process of its own would wait in vain, too.
                    target.call("GET", "/")
                before = _topics(target)
                self._findings = self._run(target)
            except (CouldNotCheck, Broken) as error:
                self._failure = str(error)
                raise
            # Names that must be refused could not all get the prefix.
            made = self._findings.created - before
            target.topics.note_made(*made)
            for name in _topics(target) & made if made and self._findings.cut_short is None else ():
                if not name.startswith(target.prefix):
                    with contextlib.suppress(Broken, Skipped):
                        target.topics.delete(name)
            target.start_case()
        return self._findings

    def _run(self, target: Target) -> Findings:
        options = target.options
        url = options.url.rstrip("/")
        findings = Findings(target.rest, url, key=bool(options.api_key))
        job = {
            "document": _asked(target),
            "settings": settings(
                url=url,
                headers={KEY_HEADER: options.api_key} if options.api_key else {},
                seed=options.seed,
                examples=options.examples,
                timeout=options.deadline,
                # Its client does not ask OpenSSL, which reads SSL_CERT_FILE.
                ca=options.ca or ssl.get_default_verify_paths().cafile,
            ),
            # None of these is a name that `Target.topic` gives.
            "prefix": f"{target.prefix}made-up-",
            "name_schema": target.rest.name_schema,
            **_naming(target),
        }
        with tempfile.TemporaryDirectory(prefix="specbus-verify-") as folder:
            errors = Path(folder) / "errors"
            with errors.open("w") as file, self._start(folder, file) as process:
                lines: queue.SimpleQueue[str] = queue.SimpleQueue()
                thread = threading.Thread(target=_talk, args=(process, json.dumps(job), lines), daemon=True)
                thread.start()
                try:
                    finished = self._watch(lines, target, findings)
                    if not findings.unanswered.get("") and findings.cut_short is None:
                        # It has said its last word, and exits.
                        with contextlib.suppress(subprocess.TimeoutExpired):
                            process.wait(10)
                finally:
                    process.kill()
                    thread.join()
            if not finished:
                last = errors.read_text(errors="replace").strip().rpartition("\n")[2]
                raise CouldNotCheck(_death(process.returncode) + (f": {last}" if last else ""))
        return findings

    def _start(self, folder: str, errors: IO[str]) -> "contextlib.AbstractContextManager[subprocess.Popen[str]]":
        return child(
            self._worker,
            env=_environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
        )

    def _watch(self, lines: "queue.SimpleQueue[str]", target: Target, findings: Findings) -> bool:
        """Read what the process says; whether it has come to an end, or need not.

        Raises CouldNotCheck if the process hangs, and not the server.
        """
        request = ""
        late: set[str] = set()
        last = time.monotonic()
        # The client of Schemathesis waits for each piece of an answer anew.
        longest = 2 * target.options.deadline + 5
        while True:
            try:
                stopped = None
                line = lines.get(timeout=0.1)
            except queue.Empty:
                waited = time.monotonic() - last
                try:
                    target.timeout()
                except TimeUp as end:
                    findings.cut_short = f"{end}, with Schemathesis still at work"
                    return True
                if request and waited > longest:
                    stopped = f"{request} is not answered in full, even after {longest:g} s"
                if not request and waited > self._idle_timeout:
                    raise CouldNotCheck(f"Schemathesis has done nothing for {self._idle_timeout:g} s") from None
            else:
                last = time.monotonic()
                if not line:
                    return False
                message = json.loads(line)
                if "finished" in message:
                    return True
                if "sent" in message:
                    request = message["sent"]
                elif "ended" in message:
                    if message.get("answered"):
                        target.note_answer()
                    elif message["late"]:
                        late.add(request)
                    request = ""
                elif "error" in message:
                    findings.add_error(message["error"], message["text"])
                else:
                    findings.add(Scenario.read(message["scenario"]))
                if len(late) >= MAX_HANGING:
                    stopped = f"the server lets requests hang: {', '.join(sorted(late))}"
            if stopped:
                findings.unanswered[""] = Broken(stopped, rule=FILE, steps=[])
                return True


def _talk(process: "subprocess.Popen[str]", job: str, lines: "queue.SimpleQueue[str]") -> None:
    """Write the job, then put each line of the answer into `lines`; an empty one at its end."""
    if process.stdin and process.stdout:
        with contextlib.suppress(OSError):
            process.stdin.write(job)
            process.stdin.close()
        for line in process.stdout:
            lines.put(line)
    lines.put("")


def _death(status: int) -> str:
    how = f"with exit status {status}" if status >= 0 else f"by {signal.Signals(-status).name}"
    return f"Schemathesis ended before its time, {how}"


def _environment(folder: str) -> dict[str, str]:
    """The environment without proxies and what would set Schemathesis in another way; Hypothesis writes to `folder`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SCHEMATHESIS_", "HYPOTHESIS_")) and not name.lower().endswith("_proxy")
    }
    return {**kept, "HYPOTHESIS_STORAGE_DIRECTORY": folder}


def _naming(target: Target) -> dict[str, list[str]]:
    """Where requests name topics, and names for those that may not begin with the prefix."""
    operations = target.rest.operations
    parameters = {each.topic_parameter.name for each in operations if each.topic_parameter}
    fields = {each.name_field for each in operations if each.name_field and each.id == CREATE}
    others: list[str] = []
    with contextlib.suppress(Skipped):
        while len(others) < _OTHERS:
            others.append(target.topics.new_name())
    return {"parameters": sorted(parameters), "fields": sorted(fields), "others": others}


def _topics(target: Target) -> set[str]:
    try:
        return set(target.topics.listed())
    except (Broken, Skipped):
        return set()


def _asked(target: Target) -> dict[str, Any]:
    """The document without the operations that the profile of the run leaves out, and without links to them."""
    refusal, is_making = target.options.profile.refusal, target.topics.is_making
    document = target.rest.bundled
    paths: dict[str, Any] = {}
    left_out: set[Any] = set()
    for path, item in document["paths"].items():
        paths[path] = {
            key: value for key, value in item.items() if not refusal(makes_topics=is_making(key.upper(), path))
        }
        left_out |= {item[key].get("operationId") for key in item.keys() - paths[path].keys()}
    asked: dict[str, Any] = _without_links({**document, "paths": paths}, left_out) if left_out else document
    return asked


def _without_links(node: Any, operations: set[Any]) -> Any:
    if isinstance(node, list):
        return [_without_links(each, operations) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {}
    for key, value in node.items():
        if key == "links" and isinstance(value, dict):
            value = {name: link for name, link in value.items() if not _leads_to(link, operations)}
        kept[key] = _without_links(value, operations)
    return kept


def _leads_to(link: Any, operations: set[Any]) -> bool:
    return isinstance(link, dict) and link.get("operationId") in operations
