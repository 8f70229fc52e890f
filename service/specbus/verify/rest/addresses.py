"""The addresses in what the server serves: those at which it was asked, and those that a proxy tells."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import httpx

from specbus.verify.failures import Broken, Skipped
from specbus.verify.rest.cases import check_case
from specbus.verify.rest.client import Client
from specbus.verify.rest.document import JSON_TYPE
from specbus.verify.rest.index import links
from specbus.verify.rest.served import ASYNCAPI, OPENAPI, served
from specbus.verify.topics import CREATE

_HERE = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?")
"""A host in a document that means the server itself, wherever it runs."""
_LOOPBACK = ("localhost", "127.0.0.1")
_PORTS = {"ws": "80", "wss": "443"}
_PREFIX = "/prefix-of-a-proxy"
_ROOTS = ("", "/")
_SERVERS = "asyncapi.yaml#/servers"


def _servers(client: Client) -> list[str]:
    """The names of the servers in the AsyncAPI document that are where the server itself is. Raises Skipped."""
    servers = client.target.document.written.get("servers", {})
    names = [name for name, server in servers.items() if _HERE.fullmatch(str(server.get("host")))]
    if not names:
        raise Skipped("the AsyncAPI document has no server on localhost, which would be the server itself")
    return names


def _places(client: Client, **headers: str) -> Iterator[tuple[str, str, str, str]]:
    """For each server that is the server itself: its name, protocol, host with the port, and path. Raises Broken."""
    servers = served(client, ASYNCAPI, **headers).get("servers")
    for name in _servers(client):
        server: Any = servers.get(name) if isinstance(servers, dict) else None
        if not isinstance(server, dict):
            raise Broken(f"the AsyncAPI document that is served has no server {name}")
        protocol, host = str(server.get("protocol")), str(server.get("host")).lower()
        path = str(server.get("pathname", ""))
        yield name, protocol, _with_port(host, protocol), "" if path in _ROOTS else path


def _with_port(host: str, protocol: str) -> str:
    return host if re.search(r":[0-9]+\Z", host) else f"{host}:{_PORTS.get(protocol)}"


@check_case(_SERVERS)
def the_served_AsyncAPI_document_has_the_address_at_which_it_was_asked_for(client: Client) -> None:
    url = httpx.URL(client.target.options.url)
    protocol = "wss" if url.scheme == "https" else "ws"
    asked = url.netloc.decode().lower()
    # What ends TLS may not say so; and what takes a path away, neither.
    told = {"X-Forwarded-Proto": "https"} if protocol == "wss" else {}
    paths = ("", url.path.rstrip("/"))
    # The names of the machine itself are one as good as the other, unless a proxy says which one counts.
    others = [name for name in _LOOPBACK if url.host in _LOOPBACK and name != url.host]
    hosts = [asked, *(f"{name}:{url.port}" if url.port else name for name in others), asked]
    for host in hosts:
        headers = told if host == asked else {**told, "Host": host}
        try:
            places = list(_places(client, **headers))
        except Broken:
            if host == asked:
                raise
            continue
        for name, found, at, path in places:
            wanted = {_with_port(each, protocol) for each in (host, asked)}
            if (found, path in paths) != (protocol, True) or at not in wanted:
                here, there = f"{protocol}://{host}{paths[-1]}", f"{found}://{at}{path}"
                raise Broken(f"asked for at {here}, the AsyncAPI document says that the server {name} is at {there}")


@check_case(_SERVERS)
def a_prefix_that_a_proxy_tells_is_in_all_addresses_or_in_none(client: Client) -> None:
    """Who takes a path away and says so in X-Forwarded-Prefix need not be heard; who is heard once, is heard always."""
    for _ in range(2):
        told = _prefixed(client, {"X-Forwarded-Prefix": _PREFIX})
        if len(set(told.values())) == 2:
            with_it, without = (
                ", ".join(what for what, has in told.items() if has is given) for given in (True, False)
            )
            raise Broken(f"with X-Forwarded-Prefix: {_PREFIX}, {with_it} begin with it, but {without} do not")
        for what, has in _prefixed(client, {}).items():
            if has:
                raise Broken(f"{what} begins with {_PREFIX}, which an earlier request had in X-Forwarded-Prefix")


def _prefixed(client: Client, headers: dict[str, str]) -> dict[str, bool]:
    """Of the addresses that the server tells, whether each begins with the prefix."""
    told: dict[str, str] = {}
    openapi = client.document.written.get("servers", [{"url": "/"}])
    servers = served(client, OPENAPI, **headers).get("servers", [{"url": "/"}])
    if isinstance(servers, list) and len(servers) == len(openapi):
        for ours, theirs in zip(openapi, servers, strict=True):
            if ours.get("url") in _ROOTS and isinstance(theirs, dict):
                told["the server in the OpenAPI document"] = str(theirs.get("url"))
    told |= {f"the server {name} in the AsyncAPI document": path for name, _, _, path in _places(client, **headers)}
    create = client.target.topics.operation(CREATE)
    response = client.perform(create, headers={"Content-Type": JSON_TYPE, **headers})
    location = response.headers.get("location", "")
    # A relative one is the same with any prefix.
    if response.is_success and location.startswith("/"):
        told["the Location of a new topic"] = location
    with contextlib.suppress(Skipped):
        told |= {f"the index's link {name}": link for name, link in links(client, **headers).items() if link[:1] == "/"}
    return {what: address == _PREFIX or address.startswith(f"{_PREFIX}/") for what, address in told.items()}
