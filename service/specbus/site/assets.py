"""The files that the pages need: our own, and those of the viewers, from their installed packages."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec

_MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


_VIEWERS = ("asyncapi_viewer", "swagger_ui_bundle")
"""The packages with the viewers' files, which the extra `docs` installs."""


class AssetsMissing(Exception):
    """The viewers are not installed. The text is one line that says how to install them."""

    def __init__(self) -> None:
        super().__init__("the pages need what `pip install 'specbus[docs]'` installs")


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is served."""

    content: bytes
    media_type: str

    @property
    def etag(self) -> str:
        """The entity tag (RFC 9110, 8.8.3)."""
        return etag(self.content)


def etag(content: bytes) -> str:
    """The entity tag of `content`."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def viewers_are_installed() -> bool:
    """Whether the pages have all that they need."""
    return all(find_spec(name) for name in _VIEWERS)


@cache
def assets() -> dict[str, Asset]:
    """All assets by name; read when first asked for, as a service whose pages nobody opens does not need them.

    Raises:
        AssetsMissing: The viewers are not installed.
    """
    if not viewers_are_installed():
        raise AssetsMissing
    return {
        file.name: Asset(file.read_bytes(), _MEDIA_TYPES[file.name.rpartition(".")[2]])
        for file in sorted([*_own(), *_swagger_ui(), *_asyncapi_viewer()], key=lambda file: file.name)
    }


@cache
def version() -> str:
    """A name for the assets as they are: a part of their addresses, so that they may be cached for ever."""
    digest = hashlib.sha256()
    for name, asset in assets().items():
        digest.update(f"{name}\0{asset.etag}\0".encode())
    return digest.hexdigest()[:12]


def _own() -> list[Traversable]:
    return [file for file in files(__package__).joinpath("static").iterdir() if not file.name.startswith(".")]


def _swagger_ui() -> list[Traversable]:
    # One folder in `vendor`, whose name has the version.
    (folder,) = files("swagger_ui_bundle").joinpath("vendor").iterdir()
    return [folder / "swagger-ui-bundle.js", folder / "swagger-ui.css"]


def _asyncapi_viewer() -> list[Traversable]:
    return [files("asyncapi_viewer").joinpath("static", "asyncapi-viewer.js")]
