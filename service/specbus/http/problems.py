"""Requests that end in a problem document: the only errors that the REST side answers with."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from specbus.wire import problem


class ProblemError(Exception):
    """A request that ends in a problem document."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        kind: str | None = None,
        title: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Take what `wire.problem.encode` takes, and the `headers` that the answer needs beside."""
        super().__init__(detail)
        self._status = status
        self._detail = detail
        self._kind = kind
        self._title = title
        self._headers = headers

    def response(self) -> Response:
        """The answer."""
        body = problem.encode(self._status, self._detail, self._kind, self._title)
        headers = {"Cache-Control": "no-store", **(self._headers or {})}
        return Response(body, self._status, headers=headers, media_type=problem.MEDIA_TYPE)
