"""Pydantic models of the schemas of documents, by datamodel-code-generator."""

import ast
import json
import re
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

from pydantic_core import SchemaError, SchemaValidator, core_schema

from specbus.sdk.contract import Json, Schema
from specbus.sdk.keywords import inner
from specbus.spec import ContractError

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


_MODULES = frozenset(
    {"__future__", "collections.abc", "datetime", "decimal", "ipaddress", "pathlib", "pydantic", "typing"}
    | {"typing_extensions", "uuid"}
)
"""What models import from."""
_CALLED = frozenset(
    {
        "ConfigDict",
        "Discriminator",
        "Field",
        "StringConstraints",
        "Tag",
        "TypeAliasType",
        "model_rebuild",
        "model_validate",
    }
)
"""What models call."""
_DATA = (
    *(ast.Module, ast.ImportFrom, ast.alias, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.Expr, ast.Pass),
    *(ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Tuple, ast.List, ast.Dict, ast.Set),
    *(ast.BinOp, ast.BitOr, ast.UnaryOp, ast.USub, ast.Call, ast.keyword, ast.Lambda, ast.arguments),
    *(ast.Load, ast.Store),
)
"""What a module of models consists of."""


def models(schemas: dict[str, Schema], banner: str) -> str:
    """A module with models of `schemas`, which are by name and `keywords.known`; `banner` is the line at its top.

    Raises ContractError if no models can be made of them, or if the module would have more in it than models.
    """
    document = {
        "openapi": "3.0.3",
        "info": {"title": "Frames and bodies of both documents", "version": "0"},
        "paths": {},
        "components": {"schemas": {name: _as_python_has_it(schema) for name, schema in schemas.items()}},
    }
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder, "specs.json"), Path(folder, "models.py")
        source.write_text(json.dumps(document))
        command = [sys.executable, "-P", "-m", "datamodel_code_generator", f"--input={source}", f"--output={output}"]
        # Elsewhere than in the caller's folder, whose settings are not ours.
        done = subprocess.run(
            [*command, *_OPTIONS, f"--custom-file-header=# {banner}"],
            check=False,
            cwd=folder,
            capture_output=True,
            text=True,
        )
        if done.returncode or not output.is_file():
            reason = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
            raise ContractError(f"no Python classes can be made of the schemas: {reason}")
        text = output.read_text()
    _check_code(text)
    return text


def _check_code(text: str) -> None:
    """Raise ContractError if `text` does anything but describe models.

    datamodel-code-generator is large, and much of what it reads ends in code: a look at the result is surer than one
    at all that leads to it.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise ContractError(f"the Python classes of the schemas are no Python: {error}") from None
    for node in ast.walk(tree):
        what = type(node).__name__
        if isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", what)
            allowed = called in _CALLED
            what = f"a call of {called}"
        elif isinstance(node, ast.ImportFrom):
            allowed = node.module in _MODULES and not node.level
            what = f"an import from {node.module}"
        elif isinstance(node, ast.Attribute):
            allowed = not node.attr.startswith("_")
            what = f"the attribute {node.attr}"
        elif isinstance(node, ast.Subscript) and not (isinstance(node.value, ast.Name) and node.value.id == "Literal"):
            # A text in the place of a type is read as code.
            inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            allowed = not any(isinstance(each, ast.Constant) and not _is_name(each.value) for each in inside)
            what = "a type that is a text"
        else:
            allowed = isinstance(node, _DATA)
        if not allowed:
            raise ContractError(f"the Python classes of the schemas would have more in them than data: {what}")


def _is_name(value: object) -> bool:
    return value is None or value is ... or (isinstance(value, str) and value.isidentifier())


def _as_python_has_it(schema: Json) -> Json:
    """`schema` with what its generator or Pydantic would take otherwise said so that they take it as it is meant.

    Raises ContractError for what has no such form.
    """
    if not isinstance(schema, dict):
        return schema
    made = inner(schema, _as_python_has_it)
    # The generator looks at `nullable` in a parameter only.
    if made.get("nullable") is True and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    for name in made.get("properties", {}):
        if (normal := unicodedata.normalize("NFKC", name)) != name and name.isidentifier():
            raise ContractError(f'the field "{name}" is "{normal}" to Python, as whose attribute it would be lost')
    if "pattern" in made and (pattern := _pattern(made.pop("pattern"))) is not None:
        made["pattern"] = pattern
    elif "pattern" in schema:  # the server holds to it all the same
        made["description"] = f"{made.get('description', '')}\n\nIt matches `{schema['pattern']}`.".strip()
    if "patternProperties" in made:
        patterns = {_pattern(pattern): value for pattern, value in made["patternProperties"].items()}
        if None in patterns:
            raise ContractError("a look-ahead in patternProperties has no form in a Python class")
        made["patternProperties"] = patterns
    return made


_ESCAPES = {"d": "0-9", "w": "A-Za-z0-9_"}
"""What these are of in ECMA 262, and in the service; to Pydantic they are of all alphabets."""


def _pattern(pattern: str) -> str | None:
    """The regular expression `pattern` as Pydantic reads it; None if it cannot: it does not look ahead."""
    made, inside = "", False
    for part in re.findall(r"\\c[A-Za-z]|\\.|.", pattern, re.DOTALL):
        escape = part[1:]
        if part[:2] == "\\c":
            part = f"\\x{ord(part[2]) % 32:02x}"
        elif part[0] == "\\" and escape.lower() in _ESCAPES:
            members = _ESCAPES[escape.lower()]
            part = f"[^{members}]" if escape.isupper() else members if inside else f"[{members}]"
        elif part in "[]":
            inside = part == "["
        made += part
    try:
        SchemaValidator(core_schema.str_schema(pattern=made))
    except SchemaError:
        return None
    return made
