"""Each operation of the document, asked as the document says."""

import contextlib

from specbus.verify.asyncapi import Rules
from specbus.verify.failures import Broken, Skipped
from specbus.verify.rest.cases import check_cases
from specbus.verify.rest.client import Client, json_of, media_type_of
from specbus.verify.rest.document import HttpOperation, place


@check_cases(place("paths"), lambda document: document.operations)
def every_operation_does_what_it_is_there_for(client: Client, operation: HttpOperation) -> None:
    topic = client.topic() if operation.names_topic else ""
    if topic:
        # That there is something to read is not what this is about.
        with contextlib.suppress(Broken, Skipped):
            client.publish(topic)
    response = client.ask_for(operation, operation.path_of(topic), client.body(operation))
    status, media_type = response.status_code, media_type_of(response)
    if not response.is_success or str(status) not in operation.responses:
        declared = ", ".join(each for each in operation.responses if each.startswith("2"))
        raise Broken(f"{operation} is answered with {status}, not {declared}", rule=operation.place("responses"))
    schema = operation.answer_schema(status, media_type)
    rule = operation.place("responses", str(status), "content")
    if schema is None:
        raise Broken(f"{operation} is answered with {media_type or 'no Content-Type'}", rule=rule)
    if problem := Rules(schema).problem(json_of(response)):
        raise Broken(f"the answer to {operation} breaks its schema: {problem[1]}", rule=rule)
