"""The index: its links lead to what they name."""

import httpx

from specbus.verify.failures import Broken
from specbus.verify.rest.cases import check_case
from specbus.verify.rest.client import Client, json_of, member
from specbus.verify.rest.document import place

INDEX = "getIndex"
"""The operationId of what gives the links."""
_FORMATS = ("openapi", "asyncapi")
"""Links that are named for the format of a document, whose own field of that name says that it is one."""


def links(client: Client, **headers: str) -> dict[str, str]:
    """The links of the index, by their names. Raises Broken, and Skipped if there is no index."""
    operation = client.target.topics.operation(INDEX)
    found = member(client.ask_for(operation, operation.path_of(), headers=headers), "links")
    return {name: link for name, link in found.items() if isinstance(link, str)} if isinstance(found, dict) else {}


@check_case(place("paths", "/", "get", "description"))
def the_links_of_the_index_lead_to_what_they_name(client: Client) -> None:
    target = client.target
    own = httpx.URL(target.options.url)
    base = own.path.rstrip("/")
    for name, link in links(client).items():
        try:
            url = own.join(link)
        except (httpx.InvalidURL, ValueError):
            raise Broken(f"the index's link {name} is {link!r}, which is no URL") from None
        path = url.raw_path.decode().removeprefix(base)
        # What only takes handshakes may have nothing for others; and what is elsewhere, or a pattern, is not asked.
        if (url.host, url.port) != (own.host, own.port) or path == target.document.address or "%7B" in path.upper():
            continue
        response = client.ask("GET", path)
        if response.status_code in (404, 405, 410):
            raise Broken(f"the index's link {name} leads to {path}, where GET is answered with {response.status_code}")
        document = json_of(response)
        if name in _FORMATS and isinstance(document, dict) and name not in document:
            others = [other for other in _FORMATS if other in document]
            if others:
                raise Broken(f"the index's link {name} leads to the {others[0]} document")
