"""Whether a server can be reached, answers, and takes the API key of a run."""

import time

import httpx
import websockets
from websockets.sync.client import connect

from specbus.verify import bounded
from specbus.verify.failures import CannotRun
from specbus.verify.target import Target

_REFUSALS = (401, 403)
_ACCEPTED = (101, *range(200, 300))
CONNECT_TIMEOUT = 5.0
"""Seconds for a connection: enough for any network, and less than most take to restart."""


def is_listening(target: Target) -> bool:
    """Whether the server takes connections. One that only takes its time does."""
    try:
        target.connection(CONNECT_TIMEOUT).close()
    except TimeoutError:
        return True
    except OSError:
        return False
    return True


def is_answering(target: Target) -> bool:
    """Whether the server answers a request or a handshake within the deadline for one answer."""
    asked = [_handshake_status]
    if target.options.profile.has_rest:
        asked.append(_request_status)
    return any(ask(target) is not None for ask in asked)


def check_key(target: Target) -> None:
    """Ask once over HTTP and once for a WebSocket. Raises CannotRun if it is the key for which that is refused.

    One side may not be there, or be open to all. Where one takes the key and the other does not, the checks say so.
    """
    statuses = {"the WebSocket's handshake": _handshake_status(target)}
    if target.options.profile.has_rest:
        path = _path_for_key(target)
        statuses[f"GET {path}"] = _request_status(target, path)
    refusals = {what: status for what, status in statuses.items() if status in _REFUSALS}
    if target.options.api_key is None:
        # Without a key, one open side tells nothing of the other; and a 403 may have any other reason.
        wants = next((what for what, status in refusals.items() if status == 401), None)
        if wants is None and refusals and not any(status in _ACCEPTED for status in statuses.values()):
            wants = next(iter(refusals))
        if wants:
            raise CannotRun(
                f"the server wants a key: {wants} is answered with {refusals[wants]}. Give it with --api-key"
            )
    elif refusals and not any(status in _ACCEPTED for status in statuses.values()):
        what, status = next(iter(refusals.items()))
        raise CannotRun(f"the server refuses this key (--api-key): {what} is answered with {status}")


def _path_for_key(target: Target) -> str:
    """The path of a request that changes nothing and for which the document wants a key, if there is such a one."""
    try:
        operations = [each for each in target.rest.operations if each.method == "GET" and "{" not in each.path]
    except Exception:  # the document may be missing: whoever needs it says so
        return "/"
    return next((each.path for each in operations if each.needs_key), operations[0].path if operations else "/")


def _request_status(target: Target, path: str = "/") -> int | None:
    """The status of an answer; None if there is none."""
    until = time.monotonic() + target.options.deadline
    try:
        with httpx.Client(base_url=target.options.url, headers=target.headers, **target.direct) as client:
            status = bounded.request(client, "GET", path, until).status_code
    except bounded.Unreadable:
        return None
    target.note_answer()
    return status


def _handshake_status(target: Target) -> int | None:
    """The status of the answer to a handshake; None if there is none."""
    try:
        with connect(target.ws_url, **{**target.ws_options, "open_timeout": target.options.deadline}):
            status = 101
    except websockets.InvalidStatus as error:
        status = error.response.status_code
    except (OSError, websockets.WebSocketException, EOFError, ValueError, LookupError):
        return None
    target.note_answer()
    return status
