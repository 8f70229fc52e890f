"""Where clients reach the service: what the documents that it serves say of that."""

import re
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers

_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
_PREFIX = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)*")
_SCHEME = re.compile("https?")
VARY = "X-Forwarded-Host, X-Forwarded-Proto, X-Forwarded-Prefix"
"""The fields beside Host that an answer with an address depends on (RFC 9110, 12.5.5)."""
_HERE = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?")
"""A host in a document that means the service itself, wherever it runs."""


@dataclass(frozen=True, slots=True)
class Address:
    """The service's address, as the client of a request sees it."""

    secure: bool
    host: str
    """With the port, if it is not the scheme's own; empty if it is not known."""
    prefix: str
    """The path below which the service is, without a slash at its end."""

    @classmethod
    def of(cls, scheme: str, headers: Headers, root_path: str) -> "Address":
        """The address that a request went to, by what a proxy says of it, if any, each field for itself if it is valid.

        It only goes into the answer to this request: a client that lies about it fools itself.
        """
        scheme = _valid(_SCHEME, _first(headers, "x-forwarded-proto").lower()) or scheme
        host = _valid(_HOST, _first(headers, "x-forwarded-host")) or _valid(_HOST, headers.get("host", ""))
        prefix = root_path or _valid(_PREFIX, _first(headers, "x-forwarded-prefix").rstrip("/"))
        return cls(scheme == "https", host, prefix)

    def in_openapi(self, document: dict[str, Any]) -> dict[str, Any]:
        """`document` with this address for the server "/", which is relative to the document's (OpenAPI 3.0.3)."""
        if not self.prefix:
            return document
        servers = [
            {**server, "url": self.prefix} if server["url"] in ("", "/") else server
            for server in document.get("servers", [{"url": "/"}])
        ]
        return {**document, "servers": servers}

    def in_asyncapi(self, document: dict[str, Any]) -> dict[str, Any]:
        """`document` with this address for servers on localhost."""
        if not self.host:
            return document
        servers = {
            name: self._server(server) if is_here(str(server.get("host", ""))) else server
            for name, server in document.get("servers", {}).items()
        }
        return {**document, **({"servers": servers} if servers else {})}

    def _server(self, server: dict[str, Any]) -> dict[str, Any]:
        path = self.prefix + str(server.get("pathname", "")).rstrip("/")
        return {
            **server,
            "host": self.host,
            "protocol": "wss" if self.secure else "ws",
            **({"pathname": path} if path else {}),
        }


def is_here(host: str) -> bool:
    """Whether `host`, in a document, means the service itself."""
    return _HERE.fullmatch(host) is not None


def _first(headers: Headers, name: str) -> str:
    """The first of a field's values: what the proxy nearest to the client says."""
    return headers.get(name, "").partition(",")[0].strip()


def _valid(pattern: re.Pattern[str], text: str) -> str:
    return text if pattern.fullmatch(text) else ""
