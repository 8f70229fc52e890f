"""The API key that a service may ask for, on both its sides."""

import hmac
import logging
from collections.abc import Sequence

from specbus.log import RateLimited

REFUSAL = "the API key in X-API-Key is missing or wrong"
CHALLENGE = {"WWW-Authenticate": 'ApiKey realm="specbus"'}
"""What a refusal has among its headers (RFC 9110, 15.5.2)."""

_refused = RateLimited(logging.getLogger(__name__), "credential refused", by="credential")


def note_refused(given: Sequence[str], peer: str) -> None:
    """Log that a request was refused whose X-API-Key fields are `given`, from the address `peer`."""
    _refused("X-API-Key" if given else "none", peer=peer)


def accepts(key: str | None, given: Sequence[str]) -> bool:
    """Whether a request may pass whose X-API-Key fields are `given`; any may if `key` is None.

    HTTP libraries decode fields as ISO-8859-1, which loses nothing. The key's own bytes are UTF-8.
    """
    return key is None or (len(given) == 1 and hmac.compare_digest(given[0].encode("latin-1"), key.encode()))
