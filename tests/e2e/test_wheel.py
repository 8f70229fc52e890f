"""The wheel: what is in it, and that each extra works from an environment that holds nothing else."""

import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.metadata import PathDistribution
from pathlib import Path

import httpx
import pytest

from specbus import __version__
from specbus.cli.main import LazyCommand, main
from specbus.sdk.typescript import ToolchainError, toolchain
from tests.support.documents import PYTHON_SDK, ROOT, SPECS, TYPESCRIPT_SDK
from tests.support.program import Program, environment, program

PACKAGE = ROOT / "service" / "specbus"
DIST_INFO = f"specbus-{__version__}.dist-info"
TRAPS = (
    *("service", "specbus", "bench", "sdk", "terminal", "specs", "generated", "contract_tests"),
    *("click", "schemathesis", "json", "ruff", "datamodel_code_generator"),
)
"""What a user may have where they stand: our names, former ones too, and those of libraries that we start or use."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target=wheel", f"--directory={folder}"]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return next(folder.glob("*.whl"))


def files(folder: Path) -> dict[str, bytes]:
    """The files of a folder, by their names in it, but what Python compiles."""
    found = (Path(place, name) for place, _, names in os.walk(folder, followlinks=True) for name in names)
    return {str(file.relative_to(folder)): file.read_bytes() for file in found if file.suffix != ".pyc"}


def test_it_holds_the_package_with_the_documents_and_the_client_and_no_other_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    assert {name.partition("/")[0] for name in content} == {"specbus", DIST_INFO}
    ours = {name.removeprefix("specbus/"): data for name, data in content.items() if name.startswith("specbus/")}
    assert ours == files(PACKAGE)
    for folder, source in (("specs", SPECS), ("client", PYTHON_SDK / "specbus_client")):
        assert {name: ours[f"{folder}/{name}"] for name in files(source)} == files(source)
    assert "py.typed" in ours


class Installed:
    """The wheel in an environment of its own, used from a folder where everything that can be imported is a trap."""

    def __init__(self, wheel: Path, extra: str, folder: Path) -> None:
        self.folder = folder / "user"
        self.folder.mkdir()
        self._environment = folder / "environment"
        self._imported = folder / "imported"
        self._set_traps()
        venv.create(self._environment, symlinks=True)
        python = self._environment / "bin" / "python"
        pip = [sys.executable, "-m", "pip", f"--python={python}", "--disable-pip-version-check", "install", "--quiet"]
        subprocess.run([*pip, f"{wheel}[{extra}]" if extra else str(wheel)], check=True)
        self.command = str(self._environment / "bin" / "specbus")
        self._variables = {"PATH": f"{self._environment / 'bin'}{os.pathsep}{os.defpath}"}

    def record(self) -> set[str]:
        """The first parts of all paths that the installation of the wheel brought."""
        (packages,) = self._environment.glob("lib/python*/site-packages")
        paths = PathDistribution(packages / DIST_INFO).files or []
        return {path.parts[0] for path in paths}

    def run(self, *arguments: str, **variables: str) -> tuple[int, str, str]:
        """Exit status, output and error output of `specbus`."""
        environ = environment(**{**self._variables, **variables})
        done = subprocess.run(
            [self.command, *arguments], cwd=self.folder, env=environ, capture_output=True, text=True, timeout=300
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr

    def check_what_is_missing(self, *extras: str) -> None:
        """Check that the commands that need these extras say so, and how to have them."""
        commands = [each for each in main.commands.values() if isinstance(each, LazyCommand) and each.extra in extras]
        assert {command.extra for command in commands} == set(extras)
        for command in commands:
            line = rf"specbus: {command.name} needs what `pip install 'specbus\[{command.extra}\]'` installs \(.+\)\n"
            status, output, error = self.run(str(command.name))
            assert (status, output, bool(re.fullmatch(line, error))) == (2, "", True), error

    def check_traps(self, *written: str) -> None:
        """Check that nothing was imported from the user's folder, and nothing written there but what was asked for."""
        assert not self._imported.exists(), self._imported.read_text()
        assert {file.name for file in self.folder.iterdir()} == {*self._laid, *written}

    def _set_traps(self) -> None:
        trap = f"open({str(self._imported)!r}, 'a').write(__name__ + '\\n')\nraise SystemExit('a trap')\n"
        for name in TRAPS:
            (self.folder / name).mkdir()
            (self.folder / name / "__init__.py").write_text(trap)
            (self.folder / name / "__main__.py").write_text(trap)
            (self.folder / f"{name}.py").write_text(trap)
        for name in ("pyproject.toml", "ruff.toml", "schemathesis.toml"):
            (self.folder / name).write_text("not TOML")
        self._laid = {file.name for file in self.folder.iterdir()}


def serve(installed: Installed, *options: str) -> AbstractContextManager[Program]:
    """`specbus serve`, from the user's folder."""
    return program(*options, command=(installed.command, "serve"), folder=installed.folder)


def without_an_extra(installed: Installed) -> None:
    with serve(installed) as service:
        assert "the pages need what `pip install 'specbus[docs]'` installs" in service.start_line
    with serve(installed, "--no-docs") as service:
        assert httpx.get(f"{service.url}/health").json()["topics"] == 0
        assert httpx.get(f"{service.url}/openapi.json").json()["openapi"]
        service.stop()
    installed.check_what_is_missing("client", "verify", "docs", "sdk", "bench")
    installed.check_traps()


def with_docs(installed: Installed) -> None:
    with serve(installed) as service:
        for path in ("/docs", "/docs/websocket", "/console"):
            assert httpx.get(f"{service.url}{path}").status_code == 200
        service.stop()
    assert installed.run("docs", "build", "--out=site")[0] == 0
    assert {"index.html", "openapi.json", "asyncapi.json"} <= set(files(installed.folder / "site"))
    installed.check_what_is_missing("client", "verify", "sdk", "bench")
    installed.check_traps("site")


def with_client(installed: Installed) -> None:
    with serve(installed, "--no-docs") as service:
        url = {"PUBSUB_URL": service.url}
        assert installed.run("topics", "create", "orders", **url) == (0, "created orders\n", "")
        assert installed.run("pub", "orders", "17", **url)[0] == 0
        status, output, _ = installed.run("sub", "orders", "--last-n=1", "--count=1", **url)
        assert (status, json.loads(output)["message"]["payload"]) == (0, 17)
        assert installed.run("ping", "--count=1", **url)[0] == 0
        assert installed.run("top", "--once", **url)[0] == 0
        service.stop()
    assert installed.run("demo", "--duration=1")[0] == 0
    installed.check_what_is_missing("verify", "docs", "sdk", "bench")
    installed.check_traps()


def with_verify(installed: Installed) -> None:
    status, output, error = installed.run("verify", "--examples=1", "--seed=1")
    assert (status, "The contract is kept." in output) == (0, True), output + error
    installed.check_what_is_missing("docs", "sdk", "bench")
    installed.check_traps()


def with_sdk(installed: Installed) -> None:
    assert installed.run("sdk", "python", "--out=python")[0] == 0
    assert files(installed.folder / "python").keys() >= files(PYTHON_SDK).keys()
    written = ["python"]
    try:
        node = toolchain.environment()
    except ToolchainError as error:
        print(f"not tried: {error}")
    else:
        assert installed.run("sdk", "typescript", "--out=typescript", PATH=node["PATH"])[0] == 0
        assert files(installed.folder / "typescript").keys() >= files(TYPESCRIPT_SDK).keys()
        written.append("typescript")
    installed.check_what_is_missing("verify", "docs", "bench")
    installed.check_traps(*written)


def with_bench(installed: Installed) -> None:
    short = ("--duration=0.3", "--warm-up=0.1")
    status, output, error = installed.run("bench", "fanout", "--subscribers=2", *short, "--plot=figure.svg")
    assert (status, "deliveries/s" in output) == (0, True), output + error
    assert installed.run("bench", "sdk", "--messages=100")[0] == 0
    installed.check_what_is_missing("verify", "docs", "sdk")
    installed.check_traps("figure.svg")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extra", "use"),
    [
        ("", without_an_extra),
        ("docs", with_docs),
        ("client", with_client),
        ("verify", with_verify),
        ("sdk", with_sdk),
        ("bench", with_bench),
    ],
)
def test_an_extra_brings_all_that_its_commands_need_and_the_others_say_so(
    wheel: Path, extra: str, use: Callable[[Installed], None], tmp_path: Path
) -> None:
    installed = Installed(wheel, extra, tmp_path)
    assert installed.record() <= {"specbus", DIST_INFO, ".."}  # the last for bin/specbus
    use(installed)
