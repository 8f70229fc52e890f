"""The errors that a client raises."""

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """The base of all errors of a client."""


class ConnectError(ClientError, ConnectionError):
    """The server could not be reached, or refused the connection. Nothing was sent."""


class ClientClosed(ClientError):
    """The client is closed."""


class ReplyError(ClientError):
    """The server refused a command."""

    def __init__(self, code: str, message: str, request: Mapping[str, Any], reply: Mapping[str, Any]) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        """The error code; that of the close frame, as "1009", if the server closed the connection for this frame."""
        self.message = message
        """What went wrong, in words."""
        self.request = request
        """The frame that was refused."""
        self.reply = reply
        """The frame that said so."""


class ReplyTimeout(ClientError, TimeoutError):
    """No reply came in time.

    If `sent` is true, the command may have been carried out.
    """

    def __init__(self, seconds: float, request: Mapping[str, Any], *, sent: bool) -> None:
        what = "no answer came" if sent else "there was no connection, and nothing was sent,"
        super().__init__(f"{what} within {seconds:g} s")
        self.request = request
        self.sent = sent


class UnknownOutcome(ClientError):
    """The connection broke before the reply came: the command was carried out, or not. It is not resent."""

    def __init__(self, request: Mapping[str, Any], reason: str) -> None:
        super().__init__(f"the connection broke before the answer came ({reason}); it may have been carried out or not")
        self.request = request


class InvalidReply(ClientError):
    """What the server sent does not match its documents."""


class SubscriptionEnded(ClientError):
    """The server has ended the subscription."""

    def __init__(self, key: Any, frame: Mapping[str, Any]) -> None:
        super().__init__(f"the server has ended the subscription to {key}")
        self.key = key
        self.frame = frame
        """The frame that said so."""


class AlreadySubscribed(ClientError):
    """This client already has that subscription. Another client can have it too."""


class ProblemError(ClientError):
    """An HTTP request was refused, with a problem document (RFC 9457) if the server sent one."""

    def __init__(self, status: int, type: str, title: str, detail: str, retry_after: float | None = None) -> None:
        super().__init__(f"{title}: {detail}" if detail else title)
        self.status = status
        """The HTTP status."""
        self.type = type
        """The kind of problem, a URI."""
        self.title = title
        """The kind of problem in a few words."""
        self.detail = detail
        """What went wrong this time, in words."""
        self.retry_after = retry_after
        """Seconds after which the server wants to be asked again (RFC 9110, 10.2.3); None if it has not said."""
