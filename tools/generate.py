"""Write `generated/` from `specs/` and README's table from the settings; with `--check`, only say what would change.

tools/dev generate [--check]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from service.contract.documents import bundle
from service.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent
_MODELS_OPTIONS = [
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
    "--custom-file-header=# Written by `tools/dev generate` from specs/. Do not edit.",
]


def main() -> int:
    """Run the command; returns the exit status: 0, or 1 where `--check` finds drift."""
    parser = argparse.ArgumentParser(prog="tools/dev generate", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if generated/ is out of date")
    check = parser.parse_args().check
    files = {f"generated/{name}": content for name, content in generate(ROOT / "specs").items()}
    files["README.md"] = _with_settings((ROOT / "README.md").read_text())
    stale = []
    for name, content in files.items():
        file = ROOT / name
        if file.is_file() and file.read_text() == content:
            continue
        stale.append(name)
        if not check:
            file.write_text(content)
    for name in stale:
        print(f"{name} {'is out of date: run tools/dev generate' if check else 'written'}")
    return 1 if check and stale else 0


def generate(specs: Path) -> dict[str, str]:
    """The files of `generated/` by name, made from the documents in `specs`."""
    documents = {name: bundle(specs / f"{name}.yaml") for name in ("openapi", "asyncapi")}
    files = {f"{name}.json": json.dumps(document, indent=1) + "\n" for name, document in documents.items()}
    schemas = {
        **documents["openapi"]["components"]["schemas"],
        **documents["asyncapi"]["components"]["schemas"],
    }
    files["models.py"] = _models(dict(sorted(schemas.items())))
    return files


def _with_settings(readme: str) -> str:
    """`readme` with its table of the settings up to date."""
    head, begin, rest = readme.partition("<!-- settings: written by `tools/dev generate` -->\n")
    _, end, tail = rest.partition("<!-- /settings -->")
    rows = ["| Environment | Option | Default | What it is |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        option = name.replace("_", "-")
        option += f"`, `--no-{option}" if field.annotation is bool else ""
        default = "the checkout's" if name == "specs" else "" if field.default is None else f"`{field.default}`"
        rows.append(f"| `{PREFIX}{name.upper()}` | `--{option}` | {default} | {field.description} |")
    return head + begin + "\n".join([*rows, end]) + tail


def _models(schemas: dict[str, object]) -> str:
    """Pydantic models of `schemas`, the schemas of both documents by name."""
    document = {
        "openapi": "3.0.3",
        "info": {"title": "Frames and bodies of both documents", "version": "0"},
        "paths": {},
        "components": {"schemas": schemas},
    }
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder, "specs.json"), Path(folder, "models.py")
        source.write_text(json.dumps(document))
        command = [
            sys.executable,
            "-m",
            "datamodel_code_generator",
            f"--input={source}",
            f"--output={output}",
        ]
        subprocess.run([*command, *_MODELS_OPTIONS], check=True, cwd=ROOT)
        return output.read_text()


if __name__ == "__main__":
    sys.exit(main())
