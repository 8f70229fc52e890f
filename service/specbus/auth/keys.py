"""The API key that a service may ask for, on both its sides."""

import hmac
from collections.abc import Sequence

REFUSAL = "the API key in X-API-Key is missing or wrong"
CHALLENGE = {"WWW-Authenticate": 'ApiKey realm="specbus"'}
"""What a refusal has among its headers (RFC 9110, 15.5.2)."""


def accepts(key: str | None, given: Sequence[str]) -> bool:
    """Whether a request may pass whose X-API-Key fields are `given`; any may if `key` is None.

    HTTP libraries decode fields as ISO-8859-1, which loses nothing. The key's own bytes are UTF-8.
    """
    return key is None or (len(given) == 1 and hmac.compare_digest(given[0].encode("latin-1"), key.encode()))
