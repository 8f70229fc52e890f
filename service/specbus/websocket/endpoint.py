"""What all WebSocket connections share."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from specbus.auth import keys, schemes
from specbus.auth.origins import OWN_PAGES, Fields, WebRules
from specbus.bus.hub import Hub
from specbus.bus.limits import Limits
from specbus.bus.operations import Operations
from specbus.contract.commands import WebSocketContract
from specbus.contract.phrasing import quoted
from specbus.log import RateLimited
from specbus.spec import ContractError
from specbus.websocket.commands import OPTIONAL_FIELDS, REQUIRED_FIELDS, Commands
from specbus.websocket.handshake import Refused
from specbus.websocket.limits import Keepalive
from specbus.websocket.registry import Registry
from specbus.websocket.session import Handler
from specbus.wire import problem

_log = logging.getLogger(__name__)


class Endpoint:
    """The WebSocket of the service: its contract, who may connect, and who has."""

    def __init__(
        self,
        document: Path,
        operations: Operations,
        hub: Hub,
        limits: Limits,
        keepalive: Keepalive,
        *,
        api_key: str | None = None,
        web: WebRules = OWN_PAGES,
        close_deadline: float = 10.0,
        debug: bool = False,
    ) -> None:
        """Load the AsyncAPI document at `document`.

        Args:
            document: The path of `asyncapi.yaml`.
            operations: What the commands do.
            hub: Where connections subscribe.
            limits: Of connections and messages.
            keepalive: The heartbeats, and how dead clients are found.
            api_key: What a client must send in X-API-Key; None for any client.
            web: What is asked of clients in browsers.
            close_deadline: Seconds in which a stop sends what waits for a client.
            debug: Whether to check what is sent, too.

        Raises ContractError.

        """
        self.hub = hub
        self.limits = limits
        self.close_deadline = close_deadline
        self.debug = debug
        self.registry = Registry(keepalive)
        self._api_key = api_key
        self._web = web
        self._limit_reached = RateLimited(_log, "limit reached")
        commands = Commands(operations)
        self.contract: WebSocketContract[Handler] = WebSocketContract(document, commands.by_operation())
        try:
            schemes.check_asyncapi(self.contract.document)
        except ContractError as error:
            raise ContractError(f"{document.name}: {error}") from None
        for operation, field, type_ in REQUIRED_FIELDS:
            if not self.contract.promises(operation, field, type_):
                raise ContractError(f'{document.name}: operation "{operation}": its {field} must be a required {type_}')
        for operation, field, type_ in OPTIONAL_FIELDS:
            if not self.contract.is_only(operation, field, type_):
                raise ContractError(f'{document.name}: operation "{operation}": its {field} must be of type {type_}')
        if not self.contract.keeps_text("publish", "message"):
            raise ContractError(f'{document.name}: operation "publish": its message must have x-verbatim: true')
        commands.follow(self.contract)

    @property
    def document(self) -> Mapping[str, Any]:
        """The AsyncAPI document, in one piece."""
        return self.contract.document

    @property
    def path(self) -> str:
        """Where clients connect."""
        return self.contract.address

    def check(self, path: str, fields: Fields, peer: str) -> None:
        """Raise Refused unless a client may connect.

        Args:
            path: The path that it asks for.
            fields: The header fields of its handshake.
            peer: Its address, for the log.

        """
        if path != self.path:
            raise Refused(HTTPStatus.NOT_FOUND, f"there is no WebSocket at {quoted(path)}; it is at {self.path}")
        if refusal := self._web.wrong_host(fields) or self._web.wrong_origin(fields):
            raise Refused(HTTPStatus.FORBIDDEN, refusal)
        if not keys.accepts(self._api_key, fields("x-api-key")):
            keys.note_refused(fields("x-api-key"), peer)
            raise Refused(HTTPStatus.UNAUTHORIZED, keys.REFUSAL, keys.CHALLENGE)
        most = self.limits.max_connections
        if len(self.registry) >= most:
            self._limit_reached("max_connections", peer=peer)
            detail = f"the service may have at most {most} connections"
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, detail, problem.TRY_LATER)
