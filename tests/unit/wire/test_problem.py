"""Problem documents."""

import json
from http import HTTPStatus

import pytest
import yaml

from specbus.contract.schema import Schema
from specbus.wire import problem
from tests.support.documents import SPECS

SCHEMA = Schema(yaml.safe_load((SPECS / "schemas" / "problem.yaml").read_text()), "problem.yaml")


@pytest.mark.parametrize(
    ("kind", "type_", "title"),
    [
        ((), "about:blank", "Conflict"),
        (("topic-exists", "Topic exists"), "urn:specbus:problem:topic-exists", "Topic exists"),
    ],
)
def test_a_problem_document_keeps_the_contract(kind: tuple[str, ...], type_: str, title: str) -> None:
    document = json.loads(problem.encode(HTTPStatus.CONFLICT, 'the topic "é" exists', *kind))
    assert document == {"type": type_, "title": title, "status": 409, "detail": 'the topic "é" exists'}
    assert not SCHEMA.problems(document)
