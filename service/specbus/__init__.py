"""Specbus: publish/subscribe whose OpenAPI and AsyncAPI documents are the program."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from specbus.app import create_app

__version__ = "0.1.0"
__all__ = ["__version__", "create_app"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: who wants the client or the version need not wait for the service.
    if name == "create_app":
        return importlib.import_module("specbus.app").create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
