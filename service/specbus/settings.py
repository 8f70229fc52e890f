"""The settings: read once, at the top, and handed down."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from specbus.bus.broker import OverflowPolicy

PREFIX = "PUBSUB_"
SPECS = (Path(__file__).parent / "specs").resolve()
"""The documents that come with the package; in a checkout a link to `specs/`."""

Count = Annotated[int, Field(ge=1)]
Size = Annotated[int, Field(ge=0)]
_UPPER = BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value)
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class SettingsError(Exception):
    """A wrong setting. The text is one line that names it."""


def _not_empty(key: SecretStr) -> SecretStr:
    # Field(min_length=1) would have pydantic speak of items.
    if not key.get_secret_value():
        raise PydanticCustomError("string_too_short", "String should have at least 1 character")
    return key


class Settings(BaseSettings):
    """What can be set, each as `PUBSUB_NAME` in the environment and as `specbus serve --name`.

    Durations are in seconds, sizes in bytes, queues and histories in messages.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0 for all (the container's)")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 lets the system choose")
    specs: Path = Field(SPECS, description="Folder of openapi.yaml and asyncapi.yaml to run from")
    docs: bool = Field(True, description="Serve the pages: references at /docs, console at /console")
    root_path: str | None = Field(
        None,
        pattern=r"^(/[A-Za-z0-9._~-]+)+$",
        description="Path below which a proxy has the service, such as /bus, and which it takes away",
    )
    api_key: Annotated[SecretStr, AfterValidator(_not_empty)] | None = Field(
        None,
        description="Key that clients must send in X-API-Key; none is asked for when unset",
    )
    max_queue_size: Count = Field(100, description="Messages that may wait for a subscription that does not keep up")
    overflow_policy: OverflowPolicy = Field(
        OverflowPolicy.DROP_OLDEST,
        description="When a queue is full: drop_oldest, or disconnect the subscriber",
    )
    history_size: Size = Field(100, description="Messages that a topic retains for replay")
    max_frame_bytes: Count = Field(1_048_576, description="Largest frame or request body, in bytes")
    max_topics: Count = Field(10_000, description="Most topics")
    max_subscriptions: Count = Field(1_000, description="Most subscriptions of one connection")
    max_connections: Count = Field(20_000, description="Most WebSocket connections")
    heartbeat_interval: Seconds = Field(30.0, description="Seconds between info ping frames; 0 for none")
    ping_interval: Seconds = Field(20.0, description="Seconds between WebSocket pings; 0 for none")
    ping_timeout: Seconds = Field(20.0, gt=0, description="Seconds in which a WebSocket ping must be answered")
    shutdown_deadline: Seconds = Field(10.0, description="Seconds that a stop may take to flush what is queued")
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], _UPPER] = Field(
        "INFO", description="Least level that is logged"
    )
    log_format: Literal["text", "json"] = Field("text", description="Form of the log lines, on standard error")
    debug: bool = Field(
        False, description="Check what the service sends against the contract too; violations are logged"
    )


def load(given: Mapping[str, str | bool] | None = None) -> Settings:
    """The settings from the environment, overridden by `given`, values or their texts by name. Raises SettingsError."""
    try:
        return Settings(**(given or {}))  # type: ignore[arg-type] # pydantic converts the texts
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        source = f"--{name.replace('_', '-')}" if given and name in given else PREFIX + name.upper()
        reason = re.sub(r"^\w+ should( have)?", "must have" if "have" in first["msg"] else "must", first["msg"])
        shown = "" if name == "api_key" else f", not {first['input']!r}"
        raise SettingsError(f"{source}: {reason}{shown}") from None
