"""Problem documents (RFC 9457): the only errors that the REST side answers with."""

from http import HTTPStatus
from typing import Literal

import msgspec
from starlette.responses import Response

Kind = Literal["topic-exists", "topic-limit", "topic-not-found"]


class ProblemError(Exception):
    """A request that ends in a problem document."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        kind: Kind | None = None,
        title: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """`kind` is the last part of the document's `type`, `title` goes with it; without it the status says it all."""
        super().__init__(detail)
        self.status = status
        self._document = {
            "type": f"urn:specbus:problem:{kind}" if kind else "about:blank",
            "title": title or status.phrase,
            "status": status.value,
            "detail": detail,
        }
        self._headers = headers

    def response(self) -> Response:
        """The problem document."""
        return Response(
            msgspec.json.encode(self._document),
            self.status,
            headers=self._headers,
            media_type="application/problem+json",
        )
