"""Problem documents (RFC 9457): what every refusal over HTTP has as its body, that of a WebSocket handshake too."""

from http import HTTPStatus

import msgspec

MEDIA_TYPE = "application/problem+json"
TRY_LATER = {"Retry-After": "5"}
"""What an answer has that says 503, as a limit is reached (RFC 9110, 10.2.3). In seconds."""


def encode(status: HTTPStatus, detail: str, kind: str | None = None, title: str | None = None) -> bytes:
    """The problem document, as JSON.

    Args:
        status: The status of the answer that has the document as its body.
        detail: What is wrong with this request, for a person.
        kind: The last part of the document's `type`; None where the status says it all (RFC 9457, 4.2.1).
        title: The title of that kind, which never varies between two problems of a kind (3.1.3).
    """
    document = {
        "type": f"urn:specbus:problem:{kind}" if kind else "about:blank",
        "title": title or status.phrase,
        "status": status.value,
        "detail": detail,
    }
    return msgspec.json.encode(document)
