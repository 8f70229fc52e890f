"""The answers to what is refused: problem documents (RFC 9457)."""

import json

from specbus.verify.asyncapi import Rules
from specbus.verify.failures import Broken
from specbus.verify.rest.cases import MISTAKES, Mistake, check_cases
from specbus.verify.rest.client import Client, json_of, media_type_of
from specbus.verify.rest.document import PROBLEM_TYPE


@check_cases("RFC 9457, 3", lambda document: (mistake for mistakes in MISTAKES for mistake in mistakes(document)))
def every_error_is_a_problem_document_with_its_status(client: Client, mistake: Mistake) -> None:
    response = mistake.send(client)
    if response.status_code < 400:
        return  # the check of this mistake says so
    what = f"the {response.status_code}"
    if (media_type := media_type_of(response)) != PROBLEM_TYPE:
        raise Broken(f"{what} is {media_type or 'of no Content-Type'}, not {PROBLEM_TYPE}")
    problem = json_of(response)
    if not isinstance(problem, dict):
        raise Broken(f"{what} is no JSON object, so no problem document")
    if problem.get("status") != response.status_code:
        raise Broken(f"{what} has a problem document whose status is {json.dumps(problem.get('status'))}")
    schema = next(
        (
            schema
            for each in client.document.operations
            if (schema := each.answer_schema(response.status_code, PROBLEM_TYPE))
        ),
        None,
    )
    if schema is not None and (broken := Rules(schema).problem(problem)):
        raise Broken(f"{what} has a problem document that breaks its schema: {broken[1]}")
