"""Write `generated/` from `specs/` and README's table from the settings; with `--check`, only say what would change.

tools/dev generate [--check]
"""

import argparse
import json
import sys
from pathlib import Path

from specbus.sdk import contract, python, typescript
from specbus.settings import SETTINGS
from specbus.spec.bundle import bundle

ROOT = Path(__file__).parent.parent


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
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
    for file in (ROOT / "generated" / "sdk").rglob("*"):
        name = str(file.relative_to(ROOT))
        if file.is_file() and "__pycache__" not in file.parts and name not in files:
            stale.append(name)
            if not check:
                file.unlink()
    for name in stale:
        print(f"{name} {'is out of date: run tools/dev generate' if check else 'written'}")
    return 1 if check and stale else 0


def generate(specs: Path) -> dict[str, str]:
    """The files of `generated/` by name, made from the documents in `specs`."""
    documents = {name: bundle(specs / f"{name}.yaml") for name in ("openapi", "asyncapi")}
    files = {f"{name}.json": json.dumps(document, indent=1) + "\n" for name, document in documents.items()}
    read = contract.read(documents["openapi"], documents["asyncapi"])
    for language, generator in (("python", python.generate), ("typescript", typescript.generate)):
        for name, content in generator(read, "specbus-client").items():
            files[f"sdk/{language}/{name}"] = content
    return files


def _with_settings(readme: str) -> str:
    """`readme` with its table of the settings up to date."""
    head, begin, rest = readme.partition("<!-- settings: written by `tools/dev generate` -->\n")
    _, end, tail = rest.partition("<!-- /settings -->")
    rows = ["| Environment | Option | Default | What it is |", "|---|---|---|---|"]
    for setting in SETTINGS.values():
        option = setting.option + (f"`, `--no-{setting.option[2:]}" if setting.type is bool else "")
        default = (
            "the package's"
            if setting.name == "specs"
            else f"`{setting.default}`"
            if setting.default is not None
            else ""
        )
        rows.append(f"| `{setting.variable}` | `{option}` | {default} | {setting.description} |")
    return head + begin + "\n".join([*rows, end]) + tail


if __name__ == "__main__":
    sys.exit(main())
