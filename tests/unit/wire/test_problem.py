"""Problem documents."""

import json
from http import HTTPStatus
from typing import get_args

import pytest
import yaml

from specbus.contract.schema import Schema
from specbus.wire import problem
from tests.support.server import SPECS

SCHEMA = Schema(yaml.safe_load((SPECS / "schemas" / "problem.yaml").read_text()), "problem.yaml")


@pytest.mark.parametrize("kind", [None, *get_args(problem.Kind)])
def test_a_problem_document_keeps_the_contract(kind: problem.Kind | None) -> None:
    document = json.loads(problem.encode(HTTPStatus.CONFLICT, 'the topic "é" exists', kind))
    assert document == {
        "type": "about:blank" if kind is None else f"urn:specbus:problem:{kind}",
        "title": "Conflict" if kind is None else document["title"],
        "status": 409,
        "detail": 'the topic "é" exists',
    }
    assert not SCHEMA.problems(document)


def test_each_kind_has_a_title_of_its_own() -> None:
    titles = {json.loads(problem.encode(HTTPStatus.CONFLICT, "x", kind))["title"] for kind in get_args(problem.Kind)}
    assert len(titles) == len(get_args(problem.Kind))
