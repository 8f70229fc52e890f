"""The settings, in the groups in which the parts of the program take them. Each default stands once, in its group.

Settings are read once, when the program starts, and handed down: no other module looks at the environment.
"""

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from annotated_types import DocInfo, Ge, Le, MinLen, doc
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import PydanticCustomError

from specbus.auth import origins
from specbus.bus.limits import Limits
from specbus.http.limits import HttpLimits
from specbus.spec import SPECS as SPECS
from specbus.websocket.limits import Keepalive

PREFIX = "PUBSUB_"

_UPPER = BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value)


class SettingsError(Exception):
    """A wrong setting. The text is one line that names it."""


def _in_words(parse: Callable[[str], object]) -> AfterValidator:
    """A validator that has `parse` read the text, and says what that says."""

    def check(text: str) -> str:
        try:
            parse(text)
        except ValueError as error:
            raise PydanticCustomError("listed", "{said}", {"said": str(error)}) from None
        return text

    return AfterValidator(check)


def _not_empty(key: SecretStr) -> SecretStr:
    # Field(min_length=1) would have pydantic speak of items.
    if not key.get_secret_value():
        raise PydanticCustomError("string_too_short", "String should have at least 1 character")
    return key


@dataclass(frozen=True, slots=True)
class Server:
    """Where the service listens, how it is reached, and how long it may take to stop."""

    host: Annotated[
        str, MinLen(1), doc("Address to listen on; 0.0.0.0 for all (the container's), :: for those of IPv6 too")
    ] = "127.0.0.1"
    port: Annotated[int, Ge(0), Le(65535), doc("Port to listen on; 0 lets the system choose")] = 8080
    root_path: Annotated[
        str | None,
        Field(pattern=r"^(/[A-Za-z0-9._~-]+)+$"),
        doc("Path prefix that a reverse proxy strips, such as /bus"),
    ] = None
    shutdown_deadline: Annotated[float, Ge(0), doc("Seconds that a stop may take to flush what is queued")] = 10.0


@dataclass(frozen=True, slots=True)
class Auth:
    """Who may use the service."""

    api_key: Annotated[
        Annotated[SecretStr, AfterValidator(_not_empty)] | None,
        doc("Key that clients must send in X-API-Key; none is asked for when unset"),
    ] = None
    allowed_origins: Annotated[
        Annotated[str, _in_words(origins.origins)] | None,
        doc("Origins whose web pages may use the service beside its own, such as https://app.example.org; * for all"),
    ] = None
    allowed_hosts: Annotated[
        Annotated[str, _in_words(origins.hosts)] | None,
        doc("Names that Host may have; when unset any, but on a loopback address loopback names only"),
    ] = None


@dataclass(frozen=True, slots=True)
class Log:
    """What is logged, and in which form."""

    level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], _UPPER, doc("Lowest level that is logged")
    ] = "INFO"
    format: Annotated[Literal["text", "json"], doc("Form of the log lines, on standard error")] = "text"


class Settings(BaseModel):
    """All that can be set.

    `Settings()` has the defaults; `load` reads the environment too, where each setting is `PUBSUB_NAME`. Durations are
    in seconds, sizes in bytes, queues and histories in messages.
    """

    # In the groups too: pydantic applies it to plain dataclasses that are fields of a model.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, revalidate_instances="always")

    specs: Annotated[Path, doc("Folder of openapi.yaml and asyncapi.yaml to run from")] = SPECS
    docs: Annotated[bool, doc("Serve the pages: references at /docs, console at /console")] = True
    debug: Annotated[bool, doc("Validate what the service sends against the contract too; violations are logged")] = (
        False
    )
    server: Server = Server()
    auth: Auth = Auth()
    limits: Limits = Limits()
    http: HttpLimits = HttpLimits()
    keepalive: Keepalive = Keepalive()
    log: Log = Log()


_NAME_PREFIXES = {"log": "log_"}
"""What the names of a group's settings begin with, where their names in the group would not do outside."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, as the environment and the command line have it."""

    name: str
    """As `max_topics`: the option is `--max-topics`, the variable PUBSUB_MAX_TOPICS."""
    path: tuple[str, ...]
    """Where its value is in `Settings`: the name of its group, if it has one, and its name there."""
    type: Any
    default: Any
    description: str

    @property
    def option(self) -> str:
        """Its option of the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return PREFIX + self.name.upper()


def _settings() -> Iterator[Setting]:
    defaults = Settings()
    for field, hint in get_type_hints(Settings, include_extras=True).items():
        if is_dataclass(hint):
            group = getattr(defaults, field)
            hints = get_type_hints(hint, include_extras=True)
            for name in (part.name for part in fields(hint)):
                yield _setting(_NAME_PREFIXES.get(field, "") + name, (field, name), hints[name], getattr(group, name))
        elif get_origin(hint) is Annotated:
            yield _setting(field, (field,), hint, getattr(defaults, field))


def _setting(name: str, path: tuple[str, ...], hint: Any, default: Any) -> Setting:
    type_, *metadata = get_args(hint)
    (description,) = (item.documentation for item in metadata if isinstance(item, DocInfo))
    return Setting(name, path, type_, default, description)


SETTINGS = {setting.name: setting for setting in _settings()}
"""Each setting by its name, in the order of the groups."""


_OF_CLIENTS = f"{PREFIX}URL"
"""A variable that the client commands read, beside that of the key."""
_KUBERNETES = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PORT|PROTO|ADDR))?)")
"""What Kubernetes sets in each container for each Service, beside NAME_PORT: for one called `pubsub` it begins as ours
do (Kubernetes, "Service", "Environment variables")."""
_KUBERNETES_PORT = re.compile(r"(tcp|udp|sctp)://.*")
"""The value of NAME_PORT."""


def _is_set(variable: str) -> bool:
    """Whether there is a variable of that name that is meant for us. An empty one is what Compose makes of `${X:-}`."""
    value = os.environ.get(variable, "")
    return value != "" and not (variable.endswith("_PORT") and _KUBERNETES_PORT.fullmatch(value))


def without_effect() -> Iterator[tuple[str, str]]:
    """The variables in the environment that look like settings and are none, each with the reason."""
    known = sorted([*(one.variable for one in SETTINGS.values()), _OF_CLIENTS])
    for name in sorted(os.environ):
        if not name.upper().startswith(PREFIX) or not os.environ[name]:
            continue
        if name in known:
            if not _is_set(name):
                yield name, "its value is one that Kubernetes sets for a Service; the option or the default holds"
        elif _is_set(name) and not _KUBERNETES.fullmatch(name):
            nearest = difflib.get_close_matches(name.upper(), known, 1, 0.75)
            yield name, f"there is no such setting{f': is {nearest[0]} meant?' if nearest else ''}"


def load(given: Mapping[str, Any] | None = None) -> Settings:
    """The settings from the environment, overridden by `given`, values or their texts by name.

    An empty variable is one that is not set.

    Raises:
        SettingsError: A value is wrong, or a name in `given` is not that of a setting.
    """
    environment = {name: os.environ[one.variable] for name, one in SETTINGS.items() if _is_set(one.variable)}
    given = given or {}
    if unknown := given.keys() - SETTINGS.keys():
        raise SettingsError(f"--{min(unknown).replace('_', '-')}: there is no such setting")
    values: dict[str, Any] = {}
    for name, value in {**environment, **given}.items():
        *group, key = SETTINGS[name].path
        (values.setdefault(group[0], {}) if group else values)[key] = value
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_line(error, given)) from None


def _line(error: ValidationError, given: Mapping[str, Any]) -> str:
    """What is wrong with the first wrong setting, and where its value came from."""
    first = error.errors()[0]
    setting = next(one for one in SETTINGS.values() if one.path == first["loc"][: len(one.path)])
    source = setting.option if setting.name in given else setting.variable
    reason = re.sub(r"^\w+ should( have)?", "must have" if "have" in first["msg"] else "must", first["msg"])
    shown = "" if setting.name == "api_key" else f", not {first['input']!r}"
    return f"{source}: {reason}{shown}"
