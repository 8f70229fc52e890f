"""Problem documents (RFC 9457): what every refusal over HTTP has as its body, that of a WebSocket handshake too."""

from http import HTTPStatus
from typing import Literal, TypeAlias

import msgspec

MEDIA_TYPE = "application/problem+json"

Kind: TypeAlias = Literal["topic-exists", "topic-limit", "topic-not-found"]
"""A problem that a program may want to tell from others of the same status: the last part of its `type`."""

TITLES: dict[Kind, str] = {
    "topic-exists": "Topic exists",
    "topic-limit": "Too many topics",
    "topic-not-found": "Topic not found",
}
"""The title of each kind; it never varies between two problems of a kind (RFC 9457, 3.1.3)."""


def encode(status: HTTPStatus, detail: str, kind: Kind | None = None) -> bytes:
    """The problem document, as JSON.

    Args:
        status: The status of the answer that has the document as its body.
        detail: What is wrong with this request, for a person.
        kind: The document's `type` and `title`; None where the status says it all (RFC 9457, 4.2.1).
    """
    document = {
        "type": f"urn:specbus:problem:{kind}" if kind else "about:blank",
        "title": TITLES[kind] if kind else status.phrase,
        "status": status.value,
        "detail": detail,
    }
    return msgspec.json.encode(document)
