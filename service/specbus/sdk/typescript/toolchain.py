"""Node and its packages that write and compile TypeScript: installed once, into the user's cache."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from specbus.sdk.contract import Json

_TOOLCHAIN = Path(__file__).parent / "toolchain"
_LEAST_NODE = 20
_SECONDS = 300
"""Longest that a program may take."""


class ToolchainError(Exception):
    """Node is missing, or a package of the toolchain cannot be installed. The text is one line."""


def write(sources: dict[str, str], schemas: dict[str, Json], banner: str) -> dict[str, str]:
    """`sources` by path, formatted, and `src/types.ts` with a type for each of `schemas`."""
    given = json.dumps({"sources": sources, "schemas": schemas, "banner": banner})
    return _changed("write.mjs", given)


def compiled(sources: dict[str, str]) -> dict[str, str]:
    """What the TypeScript compiler makes of a package's `sources`, by path; its JSON files are among them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, content in sources.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        # Comments are for editors, which read the declarations; indentation and long names for people, who read the
        # sources. Programs are the smaller without.
        for options in (["--emitDeclarationOnly"], ["--declaration", "false", "--removeComments"]):
            _run("tsc", ["node", str(compiler()), "--project", str(folder), *options])
        made = {f"dist/{file.name}": file.read_text() for file in sorted((folder / "dist").iterdir())}
    programs = {path: text for path, text in made.items() if path.endswith(".js") and path != "dist/types.js"}
    return made | _changed("minify.mjs", json.dumps(programs))


def compiler() -> Path:
    """The TypeScript compiler, a program for Node. Raises ToolchainError."""
    return _installed() / "node_modules" / "typescript" / "bin" / "tsc"


@cache
def environment() -> dict[str, str]:
    """The environment in which `node` and `npm` are found: those beside Python first. Raises ToolchainError."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    for program in ("node", "npm"):
        if not shutil.which(program, path=path):
            raise ToolchainError(
                f"a TypeScript SDK needs Node {_LEAST_NODE} or newer with npm, and there is no {program}"
            )
    found = {**os.environ, "PATH": path}
    version = subprocess.run(["node", "--version"], env=found, capture_output=True, text=True, check=False).stdout
    major = version.strip().removeprefix("v").partition(".")[0]
    if not major.isdecimal() or int(major) < _LEAST_NODE:
        raise ToolchainError(
            f"a TypeScript SDK needs Node {_LEAST_NODE} or newer, not {version.strip() or 'one that fails'}"
        )
    return found


def _changed(name: str, given: str) -> dict[str, str]:
    """What the program `name` of the toolchain makes of sources. Raises ToolchainError."""
    program = (_TOOLCHAIN / name).read_text()  # as text, since modules are looked for from where they stand
    node = ["node", "--input-type=module", "--eval", program]
    made: dict[str, str] = json.loads(_run(name, node, given=given, cwd=_installed()))
    return made


@cache
def _installed() -> Path:
    """The folder of the toolchain, with its packages. Raises ToolchainError."""
    lock = _TOOLCHAIN / "package-lock.json"
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "specbus"
    folder = caches / f"typescript-{hashlib.sha256(lock.read_bytes()).hexdigest()[:16]}"
    if folder.is_dir():
        return folder
    try:
        caches.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ToolchainError(f"cannot keep the TypeScript compiler in {caches}: {error.strerror}") from None
    with tempfile.TemporaryDirectory(dir=caches) as name:
        made = Path(name, "toolchain")
        made.mkdir()
        for file in (lock, _TOOLCHAIN / "package.json"):
            shutil.copy(file, made)
        _run("npm ci", ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], cwd=made)
        try:
            made.rename(folder)  # at once, so that nobody finds half of it
        except OSError:
            if not folder.is_dir():  # by another process, meanwhile
                raise
    return folder


def _run(name: str, command: list[str], *, given: str = "", cwd: Path | None = None) -> str:
    """What a program of Node's prints. Raises ToolchainError."""
    try:
        done = subprocess.run(
            command,
            env=environment(),
            input=given,
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise ToolchainError(f"{name} did not end in {_SECONDS} s") from None
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise ToolchainError(f"{name} failed: {' '.join(said[:3]) or done.returncode}")
    return done.stdout
