"""Documents with odd names and patterns: a client of them works, or there is one line that says why there is none."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from specbus.sdk import contract, python
from specbus.spec import ContractError

NAMES = [
    *(
        "\\",
        '"',
        'a"b',
        "\n",
        "\0",
        "\x7f",
        "\u2028",
        "\ufeff",
        "😀",
        "{}",
        "%s",
        "${x}",
        "`",
        "*/",
        "'''",
        '"""',
        "é",
        "",
    ),
    *(
        "0",
        "-1",
        "a b",
        "a.b",
        "$ref",
        "__proto__",
        "__init__",
        "self",
        "class",
        "model_config",
        "model_dump",
        "json",
        "_x",
    ),
]
PATTERNS = {
    r"^\cA$": ("\x01", "a"),
    r"^\D$": ("\u0663", "3"),
    r"^[^\d]$": ("\u0663", "3"),
    r"^[\w-]$": ("-", "\u0663"),
    r"^\p{Lu}$": ("Ä", "ä"),
    r"^\\d$": ("\\d", "3"),
    '^"""$': ('"""', "a"),
}
"""Each with what it matches, and what not."""


def document(properties: dict[str, Any]) -> dict[str, Any]:
    answer = {
        "200": {"description": "", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/T"}}}}
    }
    return {
        "openapi": "3.0.3",
        "info": {"title": "Things", "version": "1"},
        "paths": {"/x": {"get": {"operationId": "look", "responses": answer}}},
        "components": {"schemas": {"T": {"type": "object", "title": "T", "properties": properties}}},
    }


def run(folder: Path, properties: dict[str, Any], program: str) -> str:
    for name, text in python.generate(contract.read(document(properties), None), "things-client").items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    code = f"import json, things_client.sync\nfrom things_client.models import T\n{program}"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_python_class_has_fields_of_any_name(tmp_path: Path) -> None:
    value = dict.fromkeys(NAMES, "abc")
    program = f"print(T.model_validate({value!r}).model_dump_json(by_alias=True))"
    assert json.loads(run(tmp_path, {name: {"type": "string"} for name in NAMES}, program)) == value


@pytest.mark.slow
def test_a_python_class_holds_to_patterns_as_the_service_does(tmp_path: Path) -> None:
    properties: dict[str, Any] = {
        f"p{number}": {"pattern": each, "type": "string"} for number, each in enumerate(PATTERNS)
    }
    good = {f"p{number}": match for number, (match, _) in enumerate(PATTERNS.values())}
    bad = [{f"p{number}": other} for number, (_, other) in enumerate(PATTERNS.values())]
    program = f"""
T.model_validate({good!r})
for value in {bad!r}:
    try:
        T.model_validate(value)
    except ValueError:
        continue
    raise SystemExit(f"{{value}} is taken")
"""
    ahead = {"type": "string", "pattern": "^(?!x-)[a-z-]+$", "description": "A name."}
    run(tmp_path, {**properties, "ahead": ahead}, program)
    assert "It matches `^(?!x-)[a-z-]+$`." in (tmp_path / "things_client" / "models.py").read_text()


@pytest.mark.parametrize(
    ("schema", "line"),
    [
        ({"pattern": "("}, "the pattern ( is no regular expression"),
        ({"patternProperties": {"(": {}}}, "the pattern ( is no regular expression"),
        ({"items": {"pattern": "a++"}}, "the pattern a++ is no regular expression"),
        ({"pattern": r"(a)\1"}, r"the pattern (a)\1 has no bound on its time"),
    ],
)
def test_what_is_no_pattern_stops_the_generation(schema: Any, line: str) -> None:
    whole = document({})
    whole["paths"]["/x"]["get"]["parameters"] = [{"name": "q", "in": "query", "schema": schema}]
    with pytest.raises(ContractError, match=r"^the pattern") as failure:
        contract.read(whole, None)
    assert line in str(failure.value)
    with pytest.raises(ContractError) as failure:
        contract.read(document({"a": schema}), None)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(
    ("properties", "line"),
    [
        ({"ſ": {}}, 'the field "ſ" is "s" to Python'),
        ({"a": {"properties": {"ﬁ": {}}}}, 'the field "ﬁ" is "fi" to Python'),
        (
            {"a": {"patternProperties": {"^(?!x)": {}}}},
            "a look-ahead in patternProperties has no form in a Python class",
        ),
    ],
)
def test_what_has_no_form_in_python_is_one_line(properties: Any, line: str) -> None:
    read = contract.read(document(properties), None)
    with pytest.raises(ContractError) as failure:
        python.generate(read, "things-client")
    assert str(failure.value).startswith(line)
