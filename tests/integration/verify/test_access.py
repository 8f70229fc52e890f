"""A key that is missing or wrong is told once, before the first check."""

import pytest

from specbus.verify.access import check_key
from specbus.verify.failures import CannotRun
from specbus.verify.profiles import PROFILES
from specbus.verify.target import Options, Target
from tests.support.answering import answering
from tests.support.documents import SPECS
from tests.support.sample_server import SAMPLE, Warehouse, running
from tests.support.scripted import answered, scripted
from tests.support.server import Server
from tests.support.server import running as running_server
from tests.support.verifying import verify

DEADLINE = 10.0


def refusal(rest: bytes, handshake: bytes, *, key: str | None = None, profile: str = "full") -> str | None:
    """What is said of a server that answers so over HTTP and to a handshake; None if nothing is."""

    def script(method: str, path: str, body: bytes) -> bytes:
        return handshake if path == "/ws" else rest

    with answering(scripted(script)) as url:
        options = Options(url, SPECS, key, deadline=DEADLINE, profile=PROFILES[profile])
        try:
            check_key(Target(options))
        except CannotRun as told:
            return str(told)
    return None


WANTS = "the server wants a key: {} is answered with {}. Give it with --api-key"
REFUSES = "the server refuses this key (--api-key): {} is answered with {}"
HANDSHAKE, REQUEST = "the WebSocket's handshake", "GET /"
OK, NO, FORBIDDEN, NOWHERE, NOTHING = answered(200), answered(401), answered(403), answered(404), b""


@pytest.mark.parametrize(
    ("rest", "handshake", "told"),
    [
        (NO, NO, WANTS.format(HANDSHAKE, 401)),
        (NO, NOWHERE, WANTS.format(REQUEST, 401)),
        (NOWHERE, NO, WANTS.format(HANDSHAKE, 401)),
        (NOTHING, NO, WANTS.format(HANDSHAKE, 401)),
        (OK, NO, WANTS.format(HANDSHAKE, 401)),
        (FORBIDDEN, NOWHERE, WANTS.format(REQUEST, 403)),
        (OK, FORBIDDEN, None),
        (OK, NOWHERE, None),
        (NOTHING, NOTHING, None),
    ],
)
def test_without_a_key(rest: bytes, handshake: bytes, told: str | None) -> None:
    assert refusal(rest, handshake) == told


@pytest.mark.parametrize(
    ("rest", "handshake", "told"),
    [
        (NO, NO, REFUSES.format(HANDSHAKE, 401)),
        (FORBIDDEN, NOWHERE, REFUSES.format(REQUEST, 403)),
        (NOTHING, NO, REFUSES.format(HANDSHAKE, 401)),
        # One side takes the key: that the other does not is for the checks to say.
        (OK, NO, None),
        (OK, NOWHERE, None),
    ],
)
def test_with_a_key(rest: bytes, handshake: bytes, told: str | None) -> None:
    assert refusal(rest, handshake, key="secret") == told


def test_where_nothing_is_asked_over_http_the_handshake_alone_counts() -> None:
    assert refusal(NO, NOWHERE, profile="websocket") is None
    assert refusal(OK, NO, profile="websocket") == WANTS.format(HANDSHAKE, 401)


def test_a_server_that_has_a_websocket_alone_is_not_taken_to_want_a_key() -> None:
    with running(Warehouse(SAMPLE)) as url:
        check_key(Target(Options(url, SAMPLE, deadline=DEADLINE)))


def test_it_is_one_line_and_nothing_else() -> None:
    with running_server(api_key="secret") as guarded:
        for arguments, said in (([], "wants a key"), (["--api-key=wrong"], "refuses this key")):
            status, output = verify(guarded.url, *arguments)
            *_, line = output.splitlines()
            assert (status, line.startswith(f"specbus verify: the server {said}")) == (2, True), output
            assert "Contract" not in output


def test_a_key_that_nobody_asks_for_is_taken(server: Server) -> None:
    check_key(Target(Options(server.url, SPECS, "secret", deadline=DEADLINE)))
