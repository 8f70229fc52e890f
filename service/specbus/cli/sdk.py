"""`specbus sdk`: a client written from documents."""

import keyword
import os
import re
import shlex
import sys
from contextlib import suppress
from pathlib import Path, PurePath
from types import ModuleType
from typing import Any

import click
import httpx

from specbus.sdk import contract, python, typescript
from specbus.sdk.contract import Json
from specbus.settings import SettingsError, load
from specbus.spec.documents import ContractError, bundle

_LANGUAGES: dict[str, tuple[ModuleType, str]] = {
    "python": (python, "pip install"),
    "typescript": (typescript, "npm install"),
}
"""What writes a package, and what installs it."""
_DOCUMENTS = ("openapi", "asyncapi")
_LIST = ".specbus-sdk"
"""The file that lists the others of a package, by which the next run knows what is ours."""
_SIDE = {"api", "http", "rest", "websocket", "ws"}
"""Words of a title that name a side of the service, not the service."""
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_SCOPE = re.compile(r"@[a-z0-9][a-z0-9-]*/")
_USED = {"httpx", "pydantic", "websockets"}
"""What a Python client imports, beside the standard library."""
_SECONDS = 10.0
"""Longest that a server may take to answer."""


class Failed(click.ClickException):
    """What was asked for cannot be done. The text is the line that a person reads."""

    def show(self, file: Any = None) -> None:
        """Print the line."""
        click.echo(f"specbus: {self.message}", err=True)


class Wrong(Failed):
    """The command line is wrong."""

    exit_code = 2


class Unreachable(Failed):
    """The server does not answer."""

    exit_code = 3


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("language", type=click.Choice(list(_LANGUAGES)))
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, metavar="DIR", help="Folder to write to."
)
@click.option("--from", "url", metavar="URL", help="Running server whose documents to take.")
@click.option("--specs", type=click.Path(path_type=Path), metavar="DIR", help="Folder of openapi.yaml, asyncapi.yaml.")
@click.option("--name", help="Name of the package.  [default: the documents' title, as in specbus-client]")
@click.option("--api-key", envvar="PUBSUB_API_KEY", show_envvar=True, metavar="KEY", help="Key that the server wants.")
def sdk(language: str, out: Path, url: str | None, specs: Path | None, name: str | None, api_key: str | None) -> None:
    """Write a client of a service as a package, in python or typescript.

    The documents are those of a running server (--from), of a folder (--specs), or else those that `specbus serve`
    would run from; one of the two may be missing. The package's name is the title in lower case, with hyphens, without
    words such as API, REST and WebSocket, and with "-client" behind it, unless --name says otherwise.

    What an earlier run wrote to the folder is replaced; other files are left alone. Exit status 1: there is no client
    to be made, or it cannot be written. 2: the command line is wrong. 3: the server cannot be reached.
    """
    if url is not None and specs is not None:
        raise Wrong("--from and --specs exclude each other")
    module, install = _LANGUAGES[language]
    if name is not None:
        _check_name(name, language)
    package = _Package(out, language)
    package.check()
    try:
        read = contract.read(*(_of_server(url, api_key) if url is not None else _of_folder(specs or load().specs)))
        files: dict[str, str] = module.generate(read, name or default_name(read.title))
    except SettingsError as error:
        raise Wrong(str(error)) from None
    except (ContractError, typescript.ToolchainError) as error:
        raise Failed(str(error)) from None
    try:
        package.write(files)
    except OSError as error:
        raise Failed(f"cannot write to {out}: {error.strerror}") from None
    click.echo(f"{len(files)} files written to {out}; to install it: {install} {as_local(out)}")


def _of_folder(specs: Path) -> list[Json | None]:
    """The documents in a folder. Raises ContractError."""
    files = [specs / f"{name}.yaml" for name in _DOCUMENTS]
    if not any(file.is_file() for file in files):
        raise ContractError(f"{specs} has neither openapi.yaml nor asyncapi.yaml")
    return [bundle(file) if file.is_file() else None for file in files]


def _of_server(url: str, api_key: str | None) -> list[Json | None]:
    """The documents of the server at `url`, one of which it may not have. Raises Failed, Wrong, Unreachable."""
    try:
        base = httpx.URL(url)
    except httpx.InvalidURL:
        base = httpx.URL("")
    if base.scheme not in ("http", "https") or not base.host or base.query or base.fragment:
        raise Wrong(f"--from: {url!r} is no URL of the form http://HOST[:PORT][/PATH]")
    headers = {b"X-API-Key": api_key.encode()} if api_key else {}
    with httpx.Client(headers=headers, timeout=_SECONDS) as client:
        found = [_document(client, f"{url.rstrip('/')}/{name}.json") for name in _DOCUMENTS]
    if found == [None, None]:
        raise Failed(f"{url.rstrip('/')} has neither /openapi.json nor /asyncapi.json")
    return found


def _document(client: httpx.Client, url: str) -> Json | None:
    """The document at `url`; None if there is none. Raises Failed, Unreachable."""
    try:
        answer = client.get(url)
    except httpx.TimeoutException:
        raise Unreachable(f"{url} is not answered in {_SECONDS:g} s") from None
    except (httpx.HTTPError, UnicodeError) as error:  # the latter of names that DNS has no form for
        raise Unreachable(f"cannot reach {url}: {' '.join(str(error).split())}; is the server running?") from None
    if answer.status_code == httpx.codes.NOT_FOUND:
        return None
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise Failed(f"{url} is refused: the API key is missing or wrong (--api-key)")
    if answer.status_code != httpx.codes.OK:
        # A redirect is not followed: the key is for this server alone.
        where = f", to {answer.headers['Location']}" if "Location" in answer.headers else ""
        raise Failed(f"{url} is answered with {answer.status_code} {answer.reason_phrase}{where}")
    try:
        document: Json = answer.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise Failed(f"{url} is no JSON object")
    return document


def default_name(title: str) -> str:
    """A package's name for the documents' title."""
    own = [word for word in re.findall("[a-z0-9]+", title.lower()) if word not in _SIDE] or ["api"]
    name = "-".join([*own, "client"] if own[-1] != "client" else own)
    return name if _NAME.fullmatch(name) else f"api-{name}"


def _check_name(name: str, language: str) -> None:
    """Raise Wrong if no package can be called `name`."""
    bare = _SCOPE.sub("", name, count=1) if language == "typescript" else name
    if not _NAME.fullmatch(bare):
        form = "small letters and digits, with hyphens between"
        raise Wrong(f"--name: {name!r} must be {form}, such as orders-client")
    module = name.replace("-", "_")
    if language == "python" and (keyword.iskeyword(module) or module in _USED | sys.stdlib_module_names):
        raise Wrong(f"--name: {name!r} means something else in Python")


class _Package:
    """A package in its folder, with a list of the files in it that are ours."""

    def __init__(self, folder: Path, language: str) -> None:
        self._folder = folder
        self._language = language
        self._list = folder / _LIST
        self._head = f"# Written by `specbus sdk {language}`, which will replace these files:\n"

    def check(self) -> None:
        """Raise Failed if the folder has something in it, and is no package of ours in this language."""
        try:
            head = self._list.open(errors="replace").readline() if self._list.exists() else None
            full = self._folder.exists() and any(self._folder.iterdir())
        except OSError as error:
            raise Failed(f"cannot read {self._folder}: {error.strerror}") from None
        if full and head != self._head:
            raise Failed(
                f"{self._folder} is not empty, and what is in it is no package of `specbus sdk {self._language}`"
            )

    def write(self, files: dict[str, str]) -> None:
        """Write `files` in the place of those that are there. Raises Failed, OSError."""
        ours = self._ours()
        if foreign := [name for name in files if name not in ours and os.path.lexists(self._folder / name)]:
            raise Failed(f"{self._folder / foreign[0]} is in the way: `specbus sdk` has not written it")
        for name in ours - files.keys():
            self._remove(name)
        self._folder.mkdir(parents=True, exist_ok=True)
        # First, so that what a run leaves that is cut short is ours too.
        self._list.write_text(self._head + "".join(f"{name}\n" for name in files))
        for name, content in files.items():
            file = self._folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, "utf-8")

    def _ours(self) -> set[str]:
        """The names of the files that an earlier run wrote and that are still there. Raises OSError."""
        names = self._list.read_text(errors="replace").splitlines()[1:] if self._list.exists() else []
        inside = self._folder.resolve()
        files = {name: (inside / name).resolve() for name in names}
        return {name for name, file in files.items() if file.is_file() and file.is_relative_to(inside)}

    def _remove(self, name: str) -> None:
        """Remove a file, and the folders that it leaves empty."""
        (self._folder / name).unlink()
        with suppress(OSError):
            for folder in PurePath(name).parents[:-1]:
                (self._folder / folder).rmdir()


def as_local(folder: Path) -> str:
    """`folder` as installers tell it from a package in a registry, for a shell."""
    return shlex.quote(str(folder) if folder.is_absolute() or folder.parts[:1] == ("..",) else f"./{folder}")
