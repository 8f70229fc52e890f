"""The AsyncAPI document against the schema of AsyncAPI itself, which npm fetches."""

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from specbus.spec.bundle import bundle
from tests.support.documents import ROOT, SPECS

META_PACKAGE = "@asyncapi/specs@6.11.1"
META_SCHEMA = ROOT / "build" / "asyncapi-specs-6.11.1" / "3.0.0.json"
DOCUMENT = SPECS / "asyncapi.yaml"


@pytest.fixture(scope="session")
def meta_schema() -> Any:
    """The schema of AsyncAPI 3.0.0 documents, which is fetched once."""
    if not META_SCHEMA.exists():
        _fetch_meta_schema()
    return json.loads(META_SCHEMA.read_bytes())


def _fetch_meta_schema() -> None:
    npm = Path(sys.executable).with_name("npm")
    environ = {**os.environ, "PATH": f"{npm.parent}{os.pathsep}{os.environ['PATH']}"}  # npm runs `node`
    META_SCHEMA.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=META_SCHEMA.parent) as folder:
        subprocess.run(
            [npm, "pack", META_PACKAGE, "--silent", "--pack-destination", folder],
            check=True,
            env=environ,
            stdout=subprocess.DEVNULL,
        )
        (package,) = Path(folder).glob("*.tgz")
        with tarfile.open(package) as archive:
            content = archive.extractfile(f"package/schemas/{META_SCHEMA.name}")
            assert content is not None
            unfinished = Path(folder, META_SCHEMA.name)
            unfinished.write_bytes(content.read())
        unfinished.replace(META_SCHEMA)


@pytest.mark.parametrize(
    "document", [yaml.safe_load(DOCUMENT.read_text()), bundle(DOCUMENT)], ids=["as written", "bundled"]
)
def test_the_asyncapi_document_is_valid(meta_schema: Any, document: Any) -> None:
    validator = Draft7Validator(meta_schema)
    assert [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(document)] == []
    assert not validator.is_valid({**document, "operations": {"subscribe": {"action": "recieve"}}})
