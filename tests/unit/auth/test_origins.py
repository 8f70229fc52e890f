"""Which pages may use the service, and by which names it is reached: from the documents' section "Web pages"."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specbus.auth.origins import Fields, WebRules, hosts, hosts_on, origins


def fields(**given: str | list[str]) -> Fields:
    """A request's header fields."""
    values = {name.replace("_", "-"): [value] if isinstance(value, str) else value for name, value in given.items()}
    return lambda name: values.get(name, [])


RULES = WebRules(origins("https://app.example.org http://localhost:5173"))


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://bus.example.org", "bus.example.org"),
        ("http://bus.example.org", "bus.example.org:80"),
        ("http://bus.example.org:80", "bus.example.org"),
        ("https://bus.example.org", "bus.example.org:443"),
        ("https://BUS.example.org", "bus.EXAMPLE.org."),
        ("http://bus.example.org:8080", "bus.example.org:8080"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://[::1]:8080", "[::1]:8080"),
        ("http://[::1]", "[::1]"),
        ("https://app.example.org", "bus.example.org"),
        ("https://APP.example.org", "bus.example.org"),
        ("http://localhost:5173", "bus.example.org"),
    ],
)
def test_the_services_own_pages_and_those_of_listed_origins_may(origin: str, host: str) -> None:
    assert RULES.wrong_origin(fields(origin=origin, host=host)) is None


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "http://bus.example.org:8080",
        "http://bus.example.org.evil.example",
        "http://evil.example/bus.example.org",
        "http://evilbus.example.org",
        "http://app.example.org",
        "https://app.example.org:8443",
        "https://sub.app.example.org",
        "http://localhost",
        "http://bus.example.org@evil.example",
        "ftp://bus.example.org",
        "bus.example.org",
        "//bus.example.org",
        "http://[::1",
        "http://",
        "http://bus.example.org http://evil.example",
        "chrome-extension://bus.example.org",
    ],
)
def test_pages_of_others_may_not_and_are_told_so(origin: str) -> None:
    problem = RULES.wrong_origin(fields(origin=origin, host="bus.example.org"))
    assert problem == f"pages of {origin!r} may not use the service; PUBSUB_ALLOWED_ORIGINS says which may"


def test_a_request_with_two_origins_is_of_none_that_may() -> None:
    assert RULES.wrong_origin(fields(origin=["https://app.example.org"] * 2, host="bus.example.org"))


def test_a_request_without_an_origin_is_of_no_page() -> None:
    assert RULES.wrong_origin(fields(host="bus.example.org")) is None


def test_what_a_proxy_says_that_the_client_asked_for_is_the_services_own() -> None:
    behind = {"host": "10.0.0.7:8080", "x_forwarded_host": "bus.example.org, inner"}
    assert RULES.wrong_origin(fields(origin="https://bus.example.org", **behind)) is None
    assert RULES.wrong_origin(fields(origin="https://inner", **behind))


@pytest.mark.parametrize("text", ["*", "https://app.example.org, *"])
def test_a_star_is_for_all_pages(text: str) -> None:
    assert WebRules(origins(text)).wrong_origin(fields(origin="https://evil.example", host="h")) is None


@pytest.mark.parametrize(
    ("listed", "host"),
    [
        ("bus.example.org", "bus.example.org"),
        ("bus.example.org", "BUS.example.org.:8080"),
        ("*.example.org", "a.b.example.org:80"),
        ("10.0.0.1 [::1]", "[::1]:8080"),
        ("*", "anything"),
    ],
)
def test_a_listed_name_may_be_used_with_any_port(listed: str, host: str) -> None:
    assert WebRules(hosts=hosts(listed)).wrong_host(fields(host=host)) is None


@pytest.mark.parametrize(
    ("listed", "host"),
    [
        ("bus.example.org", "example.org"),
        ("bus.example.org", "bus.example.org.evil.example"),
        ("bus.example.org", "evil.example:80"),
        ("bus.example.org", ""),
        ("*.example.org", "example.org"),
        ("*.example.org", "evilexample.org"),
        ("*.example.org", ".example.org"),
        ("10.0.0.1", "10.0.0.10"),
    ],
)
def test_by_another_name_it_is_not_reached(listed: str, host: str) -> None:
    shown = host.rpartition(":")[0] if ":" in host else host
    problem = WebRules(hosts=hosts(listed)).wrong_host(fields(host=host))
    assert problem == f"the service is not to be reached as {shown!r}; PUBSUB_ALLOWED_HOSTS says by which names"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.53", "::1", "localhost"])
def test_on_a_loopback_address_it_is_reached_by_loopback_names(address: str) -> None:
    rules = WebRules(hosts=hosts_on(address))
    for host in (
        "localhost",
        "localhost:8080",
        "127.0.0.1:8080",
        "127.1.2.3",
        "[::1]:8080",
        "bus.localhost",
        "LOCALHOST",
    ):
        assert rules.wrong_host(fields(host=host)) is None
    for host in (
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "[::2]",
        "127.evil.example",
    ):
        assert rules.wrong_host(fields(host=host))


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.0.0.1", "bus.example.org"])
def test_on_any_other_address_it_is_reached_by_any_name(address: str) -> None:
    assert WebRules(hosts=hosts_on(address)).wrong_host(fields(host="bus.example.org")) is None


@given(st.text(), st.text())
def test_whatever_the_fields_say_there_is_a_verdict_of_one_line(origin: str, host: str) -> None:
    rules = WebRules(origins("https://app.example.org"), hosts("bus.example.org"))
    for problem in (rules.wrong_origin(fields(origin=origin, host=host)), rules.wrong_host(fields(host=host))):
        assert problem is None or set(problem) <= set(string.printable) - set("\n\r\v\f")
