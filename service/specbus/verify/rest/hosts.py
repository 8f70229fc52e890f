"""The names by which the server may be reached (`Host`): where it takes not all of them, no request with another."""

import httpx

from specbus.verify.failures import Broken, Skipped
from specbus.verify.raw import handshake, told
from specbus.verify.rest.cases import check_case
from specbus.verify.rest.client import Client
from specbus.verify.rest.document import JSON_TYPE, HttpOperation, place
from specbus.verify.target import Target

_OTHER = "other-site.invalid"
"""A name that nobody has (RFC 6761, 6.4)."""
_FREE = "the server may be reached by any name"


def _near_misses(target: Target) -> list[str]:
    """Names that only begin, or end, as the one by which the run reaches the server, and others.

    All that end in a dot and that name may be meant to be its own, and so may those in the domain that it is in.
    """
    url = httpx.URL(target.options.url)
    # What stands in brackets is an address (RFC 3986, 3.2.2), of which there are no such.
    host = url.netloc.decode().removesuffix(f":{url.port}")
    port = f":{url.port}" if url.port else ""
    names = [] if host[0] == "[" else [f"{host}.{_OTHER}", f"{host}{_OTHER}", f"{host}-{_OTHER}"]
    if host.replace(".", "").isdecimal() or "." not in host:
        names += [f"evil{host}", f"evil-{host}"]
    return [f"{name}{port}" for name in [_OTHER, f"{_OTHER}.{_OTHER}", *names]]


def _as(client: Client, operation: HttpOperation, host: str) -> httpx.Response:
    """The answer to a request by the name `host`."""
    declared = {} if operation.body_schema is None else {"Content-Type": JSON_TYPE}
    return client.perform(operation, headers={**declared, "Host": host})


@check_case(place("info", "description"))
def what_is_not_to_be_reached_by_a_name_is_a_403_whatever_is_asked(client: Client) -> None:
    target, operations = client.target, client.document.operations
    statuses = {str(each): _as(client, each, _OTHER).status_code for each in operations if "403" in each.responses}
    refused = [asked for asked, status in statuses.items() if status == 403]
    if not refused:
        raise Skipped(_FREE)
    for asked, status in statuses.items():
        if status != 403:
            raise Broken(f"{asked} with Host: {_OTHER} is answered with {status}, though {refused[0]} with 403")
    for name in _near_misses(target):
        with client.raw(handshake(target, hosts=[name])) as exchange:
            answer = exchange.answer()
        if answer and answer.status == 101:
            raise Broken(
                f"a handshake with Host: {name} is {told(answer)}, not 403", rule="asyncapi.yaml#/info/description"
            )
        for operation in [each for each in operations if each.method == "GET" and not each.names_topic]:
            for method in ("GET", "HEAD"):
                status = client.ask(
                    method, operation.path_of(), headers={**operation.headers(), "Host": name}
                ).status_code
                if 200 <= status < 300:
                    raise Broken(f"{method} {operation.path} with Host: {name} is answered with {status}, not 403")
