"""Pydantic models of the schemas of documents, by datamodel-code-generator."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from specbus.sdk.contract import Json, Schema

_OPTIONS = [
    "--input-file-type=openapi",
    "--output-model-type=pydantic_v2.BaseModel",
    "--target-python-version=3.11",
    "--disable-timestamp",
    "--disable-warnings",
    "--use-annotated",
    "--use-title-as-name",
    "--use-schema-description",
    "--use-field-description",
    "--use-double-quotes",
    "--use-standard-collections",
    "--use-union-operator",
    "--use-type-alias",
    "--enum-field-as-literal=all",
    "--formatters=ruff-format",
]


def models(schemas: dict[str, Schema], banner: str) -> str:
    """A module with models of `schemas`, which are by name; `banner` is the line at its top."""
    document = {
        "openapi": "3.0.3",
        "info": {"title": "Frames and bodies of both documents", "version": "0"},
        "paths": {},
        "components": {"schemas": _nullable(schemas)},
    }
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder, "specs.json"), Path(folder, "models.py")
        source.write_text(json.dumps(document))
        command = [sys.executable, "-P", "-m", "datamodel_code_generator", f"--input={source}", f"--output={output}"]
        # Elsewhere than in the caller's folder, whose settings are not ours.
        subprocess.run([*command, *_OPTIONS, f"--custom-file-header=# {banner}"], check=True, cwd=folder)
        return output.read_text()


def _nullable(node: Json) -> Json:
    """`node` with null among the types of what is `nullable`, which the generator looks at in a parameter only."""
    if isinstance(node, list):
        return [_nullable(each) for each in node]
    if not isinstance(node, dict):
        return node
    made = {name: _nullable(each) for name, each in node.items()}
    if made.get("nullable") is True and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    return made
