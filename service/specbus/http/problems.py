"""Problem documents (RFC 9457): the only errors that the REST side answers with."""

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
        headers: dict[str, str] | None = None,
    ) -> None:
        """`kind` is the last part of the document's `type`, `title` goes with it; without it the status says it all."""
        super().__init__(detail)
        self.status = status
        self._document = problem.encode(status, detail, kind, title)
        self._headers = headers

    def response(self) -> Response:
        """The problem document."""
        return Response(
            self._document,
            self.status,
            headers=self._headers,
            media_type=problem.MEDIA_TYPE,
        )
