"""The files that documents are written in."""

import os
import stat
from pathlib import Path

from specbus.spec import ContractError, Json, json, yaml

MAX_BYTES = 4_000_000
"""How large a file may be, and all the files of one document together."""


def read(path: Path, most: int = MAX_BYTES) -> Json:
    """The mapping in the file at `path`: JSON if its name ends in .json, else YAML.

    Raises ContractError, also for a file of more than `most` bytes, and for what is no file: a device has no end, and
    a pipe keeps whoever opens it waiting.
    """
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                data = file.read(most + 1)
            elif stat.S_ISDIR(os.fstat(file.fileno()).st_mode):
                raise ContractError(f"{path}: Is a directory")
            else:
                raise ContractError(f"{path}: not a file")
    except OSError as error:
        raise ContractError(f"{path}: {error.strerror}") from None
    except ValueError:  # a zero byte in the name
        raise ContractError(f"{path}: not a file") from None
    if len(data) > most:
        raise ContractError(f"{path}: too large: the files of a document may have {MAX_BYTES // 1_000_000} MB")
    try:
        return parsed(data, is_json=path.suffix.lower() == ".json")
    except ContractError as error:
        raise ContractError(f"{path}: {error}") from None


def parsed(data: bytes, *, is_json: bool) -> Json:
    """The mapping that `data` is, in JSON or YAML. Raises ContractError, without a name."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ContractError("not UTF-8") from None
    content = json.loads(text) if is_json else yaml.loads(text)
    if not isinstance(content, dict):
        raise ContractError("must be a mapping")
    return content
