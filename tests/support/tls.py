"""TLS in front of a server, as a proxy would offer it, with a certificate that only its own authority vouches for."""

import asyncio
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.server import Reachable


def certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, with its key, in one file."""
    made = folder / "certificate.pem"
    openssl = shutil.which("openssl")
    assert openssl, "openssl makes the certificate"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", *subject]
    subprocess.run([*command, "-keyout", made, "-out", f"{made}.crt"], check=True, capture_output=True)
    made.write_text(made.read_text() + Path(f"{made}.crt").read_text())
    return made


@contextmanager
def secured(server: Reachable, certificate: Path) -> Iterator[str]:
    """An `https://` URL at which `server` answers."""
    ready = threading.Event()
    ports: list[int] = []
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(pipe(reader, outer), pipe(inner, writer))

    async def main() -> None:
        listening = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
        ports.append(listening.sockets[0].getsockname()[1])
        ready.set()
        await asyncio.to_thread(over.wait)
        listening.close()

    over = threading.Event()
    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield f"https://127.0.0.1:{ports[0]}"
    finally:
        over.set()
        thread.join()
