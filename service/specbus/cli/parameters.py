"""Types of parameters: what a command line can hold, and what the commands can do with."""

import math
import os
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import ssl

MAX_SECONDS = 1_000_000.0
"""The longest wait: some 11 days. The system's waits count milliseconds in 31 bits."""


class _Text(click.ParamType[str]):
    """Text in UTF-8, whatever the locale says of the encoding of arguments and of the environment."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text that the argument's bytes are."""
        text = str(value)
        try:
            # Bytes that the locale's encoding lacks came as surrogates (PEP 383).
            return text if text.isascii() else _utf8(text)
        except UnicodeError:
            self.fail("it is not UTF-8.", param, ctx)  # without the text, which may be a key


def _utf8(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return os.fsencode(text).decode()
    return text


class Number(click.FloatRange):
    """A finite number in a range. NaN, which is neither less nor more, passes a FloatRange."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        number: float = click.FLOAT.convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return float(super().convert(number, param, ctx))


class _Authorities(click.Path):
    """A file of certificates, in PEM form, that others are to be signed by."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The file's name."""
        file = os.fsdecode(super().convert(value, param, ctx))
        try:
            trusting(file)
        except OSError as error:  # as errors of OpenSSL are, too
            self.fail(f"{file!r} has no certificates in PEM form ({error.strerror}).", param, ctx)
        return file


def trusting(authorities: str | None) -> "ssl.SSLContext | None":
    """What trusts the certificates that those in the file `authorities` sign, and no others. Raises OSError."""
    import ssl

    return None if authorities is None else ssl.create_default_context(cafile=authorities)


TEXT = _Text()
SECONDS = Number(0, MAX_SECONDS, min_open=True)
PAUSE = Number(0, MAX_SECONDS)
"""Seconds, or none."""
RATE = Number(1 / MAX_SECONDS, 1e9)
"""How often a second."""
COUNT = click.IntRange(1, 10**9)
authorities = click.option(
    "--ca",
    type=_Authorities(),
    metavar="FILE",
    help="Certificates (PEM) to trust for https://, in place of the system's.",
)
