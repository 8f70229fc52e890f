"""The contract's two documents as they are served: with the service's limits, and with its address."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from specbus.http.public_url import Address, is_here
from specbus.spec import ContractError

LIMITS = "x-limits"
"""The extension in `info` that tells the limits of the service that serves the document."""


class Documents:
    """The documents, encoded."""

    def __init__(self, openapi: dict[str, Any], asyncapi: dict[str, Any], limits: Mapping[str, Any]) -> None:
        """Make the documents ready to be served.

        Args:
            openapi: The OpenAPI document, in one piece.
            asyncapi: The AsyncAPI document, in one piece.
            limits: The service's limits, by the names of their settings.

        Raises:
            ContractError: A document has no `info`, or puts the service elsewhere than it is.

        """
        for file, document in (("openapi.yaml", openapi), ("asyncapi.yaml", asyncapi)):
            if not isinstance(document.get("info"), dict):
                raise ContractError(f"{file}: needs 'info'")
        for name, server in asyncapi.get("servers", {}).items():
            if is_here(str(server.get("host"))) and server.get("pathname", "/") not in ("", "/"):
                raise ContractError(f'asyncapi.yaml: #/servers/{name}/pathname must be "/", where the service is')
        self._openapi = _with_limits(openapi, limits)
        self._asyncapi = _with_limits(asyncapi, limits)
        # Encoded once for each address; few are in use, but a client can make up many.
        self.openapi = lru_cache(maxsize=8)(self._encoded_openapi)
        """The OpenAPI document as JSON, for a client that reaches the service at an address."""
        self.asyncapi = lru_cache(maxsize=8)(self._encoded_asyncapi)
        """The AsyncAPI document as JSON, likewise."""

    def _encoded_openapi(self, address: Address) -> bytes:
        return msgspec.json.encode(address.in_openapi(self._openapi))

    def _encoded_asyncapi(self, address: Address) -> bytes:
        return msgspec.json.encode(address.in_asyncapi(self._asyncapi))


def _with_limits(document: dict[str, Any], limits: Mapping[str, Any]) -> dict[str, Any]:
    return {**document, "info": {**document["info"], LIMITS: limits}}
