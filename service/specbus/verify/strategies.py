"""What Hypothesis makes from schemas."""

from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode

from specbus.spec.validators import modern


def bodies(schema: Any, valid: bool) -> st.SearchStrategy[tuple[Any, str]]:
    """Bodies that keep `schema`, or that break it, each with a description; bytes are what is no JSON at all."""
    schema = modern(schema) if isinstance(schema, dict) else {} if schema else {"not": {}}
    document = {
        # The first version whose schemas are JSON Schema: `if`, `patternProperties` and `const` count.
        "openapi": "3.1.0",
        "info": {"title": "frames", "version": "1"},
        "paths": {
            "/frame": {
                "post": {
                    "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
                    "responses": {"200": {"description": "Taken."}},
                }
            }
        },
        # Where the references of a schema that is a part of a document lead.
        "$defs": schema.get("$defs", {}),
    }
    operation = schemathesis.openapi.from_dict(document, config=schemathesis.Config())["/frame"]["POST"]
    mode = GenerationMode.POSITIVE if valid else GenerationMode.NEGATIVE
    return operation.as_strategy(generation_mode=mode).map(lambda case: (case.body, _label(case)))


def _label(case: Any) -> str:
    data = case.meta.phase.data if case.meta else None
    return " ".join(str(getattr(data, "description", "") or "").split())
