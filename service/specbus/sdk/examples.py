"""Example values for arguments, and the calls that a README shows."""

from dataclasses import dataclass

from specbus.sdk.contract import Command, Contract, Endpoint, Group, Parameter
from specbus.spec import Json
from specbus.spec.samples import sample


@dataclass(frozen=True, slots=True)
class Tour:
    """A first program: make what is needed, subscribe, send something, read what comes. Parts may be missing."""

    create: tuple[Group, Endpoint] | None
    """The request that makes what the stream is about: a POST with nothing but the stream's key."""
    stream: Command | None
    command: Command | None
    """A command with the stream's key among its arguments; any command where there is no stream."""


def tour(contract: Contract) -> Tour:
    """What the first program with a client of `contract` does."""
    commands = contract.socket.commands if contract.socket else ()
    stream = next((each for each in commands if each.stream), None)
    others = [each for each in commands if not each.stream and each.replies]
    if stream is None or stream.stream is None:
        return Tour(None, None, next(iter(others), None))
    (key,) = (each for each in stream.parameters if each.path == (stream.stream.key,))
    command = next((each for each in others if key.schema in [p.schema for p in _required(each)]), None)
    create = next(
        (
            (group, endpoint)
            for group in contract.groups
            for endpoint in group.endpoints
            if endpoint.method == "POST" and [each.schema for each in _required(endpoint)] == [key.schema]
        ),
        None,
    )
    return Tour(create, stream, command)


def example(contract: Contract, command: Command | Endpoint, parameter: Parameter) -> Json:
    """A value for an argument: from the examples in the schemas, or made up."""
    if isinstance(command, Command):
        frame: Json = contract.schemas[command.message.type].get("example")
        for step in parameter.path:
            frame = frame.get(step) if isinstance(frame, dict) else None
        if frame is not None:
            return frame
    return sample(parameter.schema, contract.schemas)


def _required(command: Command | Endpoint) -> list[Parameter]:
    return [each for each in command.parameters if each.required]
