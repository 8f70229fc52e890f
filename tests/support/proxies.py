"""nginx, HAProxy and Caddy in front of a server, configured as docs/proxies.md says."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.documents import ROOT
from tests.support.program import until
from tests.support.requirements import missing

NAME = "bus.example.org"
"""The name by which clients reach the service in docs/proxies.md."""
PREFIX = "/bus"
"""The path that it is below there, where it is below one."""
_BLOCK = re.compile(r"^```(nginx|haproxy|caddyfile)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_NGINX = """
daemon off;
user root;  # who else starts it keeps their own
pid nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
"""


@dataclass(frozen=True)
class _Kind:
    """A kind of proxy."""

    language: str
    """Of its blocks in docs/proxies.md: a configuration, and what replaces `root` in it to be below a path."""
    root: str
    listen: str
    """What says in it where to listen, and in `listen_here` where tests have it."""
    listen_here: str
    before: str
    """What comes before it in a file, and `after`."""
    after: str
    arguments: tuple[str, ...]
    """With which it runs in the foreground, from the file `conf`."""

    def configuration(self, server_port: int, port: int, *, below: bool) -> str:
        documents = (ROOT / "docs" / "proxies.md").read_text()
        whole: str
        whole, path = (text for language, text in _BLOCK.findall(documents) if language == self.language)
        changes = [
            ("127.0.0.1:8080", f"127.0.0.1:{server_port}"),
            (self.listen, self.listen_here.format(port=port)),
            *([(self.root, path)] if below else []),
        ]
        # The path first: it names the server, too.
        for old, new in reversed(changes):
            assert whole.count(old) == 1, f"docs/proxies.md has {old!r} {whole.count(old)} times"
            whole = whole.replace(old, new)
        return self.before + whole + self.after


_KINDS = {
    "nginx": _Kind(
        "nginx",
        "    location / {\n        proxy_pass http://specbus;\n    }\n",
        "listen 80;",
        "listen 127.0.0.1:{port};",
        _NGINX,
        "}\n",
        ("-p", ".", "-e", "stderr", "-c", "conf"),
    ),
    "haproxy": _Kind(
        "haproxy",
        "    default_backend specbus\n\nbackend specbus\n",
        "bind :80",
        "bind 127.0.0.1:{port}",
        "",
        "",
        ("-db", "-f", "conf"),
    ),
    "caddy": _Kind(
        "caddyfile",
        "\treverse_proxy 127.0.0.1:8080 {\n\t\ttransport http {\n"
        "\t\t\tkeepalive 60s\n\t\t\tkeepalive_idle_conns_per_host 32\n\t\t}\n\t}\n",
        f"{NAME} {{",
        f"http://{NAME}:{{port}}, http://127.0.0.1:{{port}} {{{{\n\tbind 127.0.0.1",
        "{\n\tadmin off\n}\n",
        "",
        ("run", "--adapter", "caddyfile", "--config", "conf"),
    ),
}
PROXIES = tuple(_KINDS)


@dataclass(frozen=True)
class Front:
    """A proxy in front of a server."""

    port: int
    prefix: str
    """The path that the service is below, or nothing."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.prefix}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}{self.prefix}/ws"


@contextmanager
def in_front(name: str, server_port: int, folder: Path, *, below: bool = False) -> Iterator[Front]:
    """The proxy `name` in front of what listens on `server_port`.

    Without nginx the test fails where CI is set, which has it installed; without another it is skipped.

    Args:
        name: One of `PROXIES`.
        server_port: Of this machine.
        folder: For its files.
        below: Whether the service is below `PREFIX` there.

    """
    executable = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if executable is None:
        without = missing if name == "nginx" else pytest.skip
        without(f"no {name}: install Debian's package {name}")
    kind = _KINDS[name]
    port = _unused_port()
    (folder / "conf").write_text(kind.configuration(server_port, port, below=below))
    environment = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen([executable, *kind.arguments], cwd=folder, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            until(lambda: _answers(port) or process.poll() is not None)
            assert process.poll() is None, (folder / "log").read_text()
            yield Front(port, PREFIX if below else "")
        finally:
            process.terminate()


def _unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0
