"""Specbus: publish/subscribe whose OpenAPI and AsyncAPI documents are the program.

What an application that embeds the service needs is here. All else in the package may change in any version.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from specbus.app import create_app
    from specbus.bus.limits import Limits, OverflowPolicy
    from specbus.settings import Auth, Log, Server, Settings, SettingsError
    from specbus.websocket.limits import Keepalive

__version__ = "0.1.0"

__all__ = [
    "Auth",
    "Keepalive",
    "Limits",
    "Log",
    "OverflowPolicy",
    "Server",
    "Settings",
    "SettingsError",
    "__version__",
    "create_app",
]

_MODULES = {
    "Auth": "settings",
    "Keepalive": "websocket.limits",
    "Limits": "bus.limits",
    "Log": "settings",
    "OverflowPolicy": "bus.limits",
    "Server": "settings",
    "Settings": "settings",
    "SettingsError": "settings",
    "create_app": "app",
}
"""Where each public name is. It is imported on first use, so that importing a part of the package stays cheap."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
