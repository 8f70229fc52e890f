"""Which web pages may use the service, and by which names it may be reached.

A browser lets any page send requests to any address, that of this machine included. It says in Origin which site the
page is of (RFC 6454, 7), and in Host which name led to the address: one that a site has pointed at it, too ("DNS
rebinding"), for which the browser takes page and service for one site. No page can set either field.
"""

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import urlsplit

Fields: TypeAlias = Callable[[str], Sequence[str]]
"""The values of a request's header field, by its name in lower case."""

_PORTS = {"http": 80, "https": 443}
_ORIGIN = re.compile(r"null|\*|https?://([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
_HOST = re.compile(r"(\*|(\*\.)?[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])")
"""What an operator may list; `http/connection` has what a Host field may be, which is more (RFC 3986, 3.2.2), and
`http/public_url` what may go into a document of ours, which is less."""
_EVERY_LOOPBACK_ADDRESS = "127.0.0.1"
"""Who lists it means the machine itself, whichever of its loopback addresses a client has taken."""
_LOOPBACK_NAMES = frozenset({"localhost", "*.localhost", _EVERY_LOOPBACK_ADDRESS})


def origins(text: str) -> frozenset[str]:
    """The origins that `text` lists, parted by commas or blanks. Raises ValueError, in words, for others."""
    return _listed(text, _ORIGIN, "must be origins such as https://app.example.org, or *")


def hosts(text: str) -> frozenset[str]:
    """The names of hosts that `text` lists, parted by commas or blanks. Raises ValueError, in words, for others."""
    return _listed(text, _HOST, "must be names such as bus.example.org or *.example.org, without a port, or *")


def hosts_on(address: str) -> frozenset[str] | None:
    """The names by which a service may be reached that listens on `address`, if none are set. None for all.

    On a loopback address nobody but this machine's programs reach it, its browsers among them: by loopback names only.
    """
    if address.lower() == "localhost" or _is_loopback(address):
        return _LOOPBACK_NAMES
    return None


@dataclass(frozen=True, slots=True)
class WebRules:
    """What is asked of requests that come from browsers.

    Args:
        origins: Of pages of other sites that may use the service; `*` for all.
        hosts: The names by which it may be reached, `*.` before a domain for all below it; None, or `*`, for any.

    """

    origins: frozenset[str] = field(default_factory=frozenset)
    hosts: frozenset[str] | None = None

    def lists(self, origin: str) -> bool:
        """Whether pages of `origin` may use the service, though it is another site's."""
        return "*" in self.origins or origin.lower() in self.origins

    def wrong_host(self, fields: Fields) -> str | None:
        """What is wrong with the name that a request was sent to; None if nothing is."""
        if self.hosts is None or "*" in self.hosts:
            return None
        for value in fields("host"):
            name = _authority(value, None)[0]
            if not any(_matches(name, each) for each in self.hosts):
                return f"the service is not to be reached as {_shown(name)}; PUBSUB_ALLOWED_HOSTS says by which names"
        return None

    def wrong_origin(self, fields: Fields) -> str | None:
        """Why the page that a request is of may not use the service; None if it may, or if the request is of none."""
        given = fields("origin")
        if not given or (len(given) == 1 and (self.lists(given[0]) or _is_own(given[0], fields))):
            return None
        return f"pages of {_shown(', '.join(given))} may not use the service; PUBSUB_ALLOWED_ORIGINS says which may"


OWN_PAGES = WebRules()
"""No other site's pages; by any name."""


def _listed(text: str, form: re.Pattern[str], rule: str) -> frozenset[str]:
    """What `text` lists, in lower case. Raises ValueError with `rule` for what has not this form."""
    listed = [each for each in re.split(r"[,\s]+", text) if each]
    if not all(map(form.fullmatch, listed)):
        raise ValueError(rule)
    return frozenset(each.lower() for each in listed)


def _is_own(origin: str, fields: Fields) -> bool:
    """Whether `origin` is where the request went: by Host, or as a proxy says, which no page can."""
    try:
        split = urlsplit(origin)
    except ValueError:
        return False
    port = _PORTS.get(split.scheme)
    if port is None or not split.netloc:
        return False
    forwarded = [value.partition(",")[0].strip() for value in fields("x-forwarded-host")]
    return _authority(split.netloc, port) in [_authority(value, port) for value in (*fields("host"), *forwarded)]


def _authority(text: str, default_port: int | None) -> tuple[str, str]:
    """Host and port."""
    host, colon, port = text.strip().lower().rpartition(":")
    if not colon or not port.isdecimal():
        host, port = text.strip().lower().removesuffix(":"), str(default_port)
    return host.removesuffix("."), port


def _matches(name: str, pattern: str) -> bool:
    if pattern == _EVERY_LOOPBACK_ADDRESS:
        return _is_loopback(name)
    return name.endswith(pattern[1:]) and len(name) >= len(pattern) if pattern[0] == "*" else name == pattern


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


def _shown(text: str) -> str:
    """`text`, which may be anything, as it may stand in a sentence."""
    return ascii(text[:128])
