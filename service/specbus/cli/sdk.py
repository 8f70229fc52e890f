"""`specbus sdk`: generate a client package from the documents."""

import keyword
import os
import re
import shlex
import sys
import time
from contextlib import suppress
from pathlib import Path, PurePath
from types import ModuleType

import click
import httpx

from specbus.cli.errors import Failed, Unreachable, WrongUsage
from specbus.cli.parameters import TEXT, authorities, trusting
from specbus.client.runtime.route import Route
from specbus.sdk import contract, python, typescript
from specbus.sdk.contract import Json
from specbus.settings import SettingsError, load
from specbus.spec import ContractError
from specbus.spec.bundle import bundle
from specbus.spec.files import MAX_BYTES, parsed

_LANGUAGES: dict[str, tuple[ModuleType, str]] = {
    "python": (python, "pip install"),
    "typescript": (typescript, "npm install"),
}
"""The generator of each language, and the command that installs its packages."""
_DOCUMENTS = ("openapi", "asyncapi")
_MANIFEST = ".specbus-sdk"
"""Lists the files of a generated package, so that the next run knows which it may replace."""
_TRANSPORT_WORDS = {"api", "http", "rest", "websocket", "ws"}
"""Words of a title that are left out of the package's name."""
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_SCOPE = re.compile(r"@[a-z0-9][a-z0-9-]*/")
_IMPORTED = {"httpx", "pydantic", "websockets"}
"""Packages that a Python client imports, and after which it cannot be named."""
_TIMEOUT = 10.0
"""Seconds in which a server must answer."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("language", type=click.Choice(list(_LANGUAGES)))
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, metavar="DIR", help="Folder to write to."
)
@click.option("--from", "url", type=TEXT, metavar="URL", help="Take the documents of this running server.")
@click.option("--specs", type=click.Path(path_type=Path), metavar="DIR", help="Take the documents in this folder.")
@click.option("--name", type=TEXT, help="Name of the package.  [default: the documents' title, as in specbus-client]")
@click.option("--api-key", type=TEXT, envvar="PUBSUB_API_KEY", show_envvar=True, metavar="KEY", help="API key to send.")
@authorities
def sdk(
    language: str,
    out: Path,
    url: str | None,
    specs: Path | None,
    name: str | None,
    api_key: str | None,
    ca: str | None,
) -> None:
    """Generate a client package in Python or TypeScript.

    It is generated from the documents of a running server (--from) or of a folder (--specs); by default, from those
    that `specbus serve` runs from. One of the two documents may be missing. The package is named after their title in
    lower case, with hyphens and the suffix "-client", without words such as API, REST and WebSocket.

    Files that an earlier run generated are replaced; no other file is touched. Exit status 1: the client could not be
    generated or written. 2: the command line was wrong. 3: the server could not be reached.
    """
    if url is not None and specs is not None:
        raise WrongUsage("--from and --specs exclude each other")
    module, install = _LANGUAGES[language]
    if name is not None:
        _check_name(name, language)
    package = _Package(out, language)
    package.check()
    try:
        read = contract.read(*(_of_server(url, api_key, ca) if url is not None else _of_folder(specs or load().specs)))
        files: dict[str, str] = module.generate(read, name or default_name(read.title))
    except SettingsError as error:
        raise WrongUsage(str(error)) from None
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
    if not any(os.path.lexists(file) for file in files):
        raise ContractError(f"{specs} has neither openapi.yaml nor asyncapi.yaml")
    return [bundle(file) if os.path.lexists(file) else None for file in files]


def _of_server(url: str, api_key: str | None, ca: str | None) -> list[Json | None]:
    """The documents of the server at `url`, one of which it may not have. Raises Failed, WrongUsage, Unreachable."""
    try:
        base = httpx.URL(url)
    except httpx.InvalidURL:
        base = httpx.URL("")
    if base.scheme not in ("http", "https") or not base.host or base.query or base.fragment:
        raise WrongUsage(f"--from: {url!r} is not a URL of the form http://HOST[:PORT][/PATH]")
    headers = {b"X-API-Key": api_key.encode()} if api_key else {}
    try:
        route = Route(url, trusting(ca))
    except ValueError as error:
        raise WrongUsage(str(error)) from None
    with httpx.Client(
        headers=headers, timeout=_TIMEOUT, proxy=route.proxy, verify=route.tls, trust_env=False
    ) as client:
        found = [_document(client, f"{url.rstrip('/')}/{name}.json") for name in _DOCUMENTS]
    if found == [None, None]:
        raise Failed(f"{url.rstrip('/')} has neither /openapi.json nor /asyncapi.json")
    return found


def _document(client: httpx.Client, url: str) -> Json | None:
    """The document at `url`; None if there is none. Raises Failed, Unreachable."""
    deadline = time.monotonic() + _TIMEOUT
    data = b""
    try:
        with client.stream("GET", url) as answer:
            # httpx's limit is for each part of the answer: a server that sends a byte now and then has no end.
            for part in answer.iter_bytes():
                data += part
                if len(data) > MAX_BYTES:
                    raise Failed(f"{url} is larger than {MAX_BYTES // 1_000_000} MB")
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer has no end")
    except httpx.TimeoutException:
        raise Unreachable(f"{url} did not answer within {_TIMEOUT:g} s") from None
    except (httpx.HTTPError, UnicodeError) as error:  # the latter of names that DNS has no form for
        raise Unreachable(f"cannot reach {url}: {' '.join(str(error).split())}; is the server running?") from None
    if answer.status_code == httpx.codes.NOT_FOUND:
        return None
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise Failed(f"{url} was refused: the API key is missing or wrong (--api-key)")
    if answer.status_code != httpx.codes.OK:
        # A redirect is not followed: the API key is for this server alone.
        where = f", to {answer.headers['Location']}" if "Location" in answer.headers else ""
        raise Failed(f"{url} answered {answer.status_code} {answer.reason_phrase}{where}")
    try:
        return parsed(data, is_json=True)
    except ContractError as error:
        is_none = re.match(r"not UTF-8|must be a mapping|line \d+ not JSON", str(error))
        raise Failed(f"{url} is not a JSON object" if is_none else f"{url}: {error}") from None


def default_name(title: str) -> str:
    """A package's name for the documents' title."""
    own = [word for word in re.findall("[a-z0-9]+", title.lower()) if word not in _TRANSPORT_WORDS] or ["api"]
    name = "-".join([*own, "client"] if own[-1] != "client" else own)
    return name if _NAME.fullmatch(name) else f"api-{name}"


def _check_name(name: str, language: str) -> None:
    """Raise WrongUsage if no package can be called `name`."""
    bare = _SCOPE.sub("", name, count=1) if language == "typescript" else name
    if not _NAME.fullmatch(bare):
        form = "lower-case letters and digits, separated by hyphens"
        raise WrongUsage(f"--name: {name!r} must be {form}, such as orders-client")
    module = name.replace("-", "_")
    if language == "python" and (keyword.iskeyword(module) or module in _IMPORTED | sys.stdlib_module_names):
        raise WrongUsage(f"--name: {name!r} is the name of a Python keyword or module")


class _Package:
    """A generated package in its folder, with the manifest of its files."""

    def __init__(self, folder: Path, language: str) -> None:
        self._folder = folder
        self._language = language
        self._manifest = folder / _MANIFEST
        self._head = f"# Written by `specbus sdk {language}`, which will replace these files:\n"

    def check(self) -> None:
        """Raise Failed if the folder has files in it, but not a generated package of this language."""
        try:
            head = None
            if self._manifest.exists():
                with self._manifest.open(errors="replace") as manifest:
                    head = manifest.readline()
            full = self._folder.exists() and any(self._folder.iterdir())
        except OSError as error:
            raise Failed(f"cannot read {self._folder}: {error.strerror}") from None
        if full and head != self._head:
            raise Failed(
                f"{self._folder} is not empty, and what is in it is not a package of `specbus sdk {self._language}`"
            )

    def write(self, files: dict[str, str]) -> None:
        """Write `files`, and delete those of an earlier run. Raises Failed, OSError."""
        generated = self._generated_files()
        if foreign := [name for name in files if name not in generated and os.path.lexists(self._folder / name)]:
            raise Failed(f"{self._folder / foreign[0]} is in the way: `specbus sdk` did not write it")
        for name in generated - files.keys():
            self._remove(name)
        self._folder.mkdir(parents=True, exist_ok=True)
        # First: after an interrupted run, its files are known as generated.
        self._manifest.write_text(self._head + "".join(f"{name}\n" for name in files))
        for name, content in files.items():
            file = self._folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, "utf-8")

    def _generated_files(self) -> set[str]:
        """The files of an earlier run that still exist. Raises OSError."""
        names = self._manifest.read_text(errors="replace").splitlines()[1:] if self._manifest.exists() else []
        inside = self._folder.resolve()
        files = {name: (inside / name).resolve() for name in names}
        return {name for name, file in files.items() if file.is_file() and file.is_relative_to(inside)}

    def _remove(self, name: str) -> None:
        """Delete a file, and the folders that it leaves empty."""
        (self._folder / name).unlink()
        with suppress(OSError):
            for folder in PurePath(name).parents[:-1]:
                (self._folder / folder).rmdir()


def as_local(folder: Path) -> str:
    """`folder` as installers tell it from a package in a registry, for a shell."""
    return shlex.quote(str(folder) if folder.is_absolute() or folder.parts[:1] == ("..",) else f"./{folder}")
