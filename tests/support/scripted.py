"""HTTP servers that answer each request as a function says."""

import json
import re
import socket
from collections.abc import Callable
from typing import Any

from tests.support.answering import Answer

Script = Callable[[str, str, bytes], bytes]
"""The whole of an answer, given a request's method, path and body."""


def scripted(script: Script) -> Answer:
    """A server that answers one request with each connection."""

    def answer(connection: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := connection.recv(65_536)):
                return
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        told = re.search(rb"^content-length: *([0-9]+)\r?$", head, re.IGNORECASE | re.MULTILINE)
        length = int(told[1]) if told else 0
        while len(body) < length and (more := connection.recv(65_536)):
            body += more
        method, path, *_ = head.decode("latin-1").split(" ")
        connection.sendall(script(method, path, body))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65_536):
            pass

    return answer


def answered(status: int, value: Any = None, *fields: str) -> bytes:
    """An answer with JSON, or bytes, in it; `fields` are more lines of its head."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    lines = [f"HTTP/1.1 {status} Reason", f"Content-Length: {len(body)}", "Content-Type: application/json", *fields]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body
