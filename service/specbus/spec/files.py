"""The files that documents are written in."""

from pathlib import Path

from specbus.spec import ContractError, Json, json, yaml


def read(path: Path) -> Json:
    """The mapping in the file at `path`: JSON if its name ends in .json, else YAML. Raises ContractError."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ContractError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ContractError(f"{path}: not UTF-8") from None
    try:
        content = json.loads(text) if path.suffix.lower() == ".json" else yaml.loads(text)
    except ContractError as error:
        raise ContractError(f"{path}: {error}") from None
    if not isinstance(content, dict):
        raise ContractError(f"{path}: must be a mapping")
    return content
