"""A server that keeps `tests/sample/asyncapi.yaml`, as it is or edited, and others with one deliberate defect each."""

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

from jsonschema_rs import Draft201909Validator
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from specbus.spec.bundle import bundle
from specbus.spec.references import resolved

SAMPLE = Path(__file__).parent / "sample"
HOST = re.compile(r"[A-Za-z0-9.-]*(:[0-9]*)?")
Frame = dict[str, Any]
Schemas = dict[str, Any]


class Malformed(Exception):
    """A frame that the document does not have."""

    def __init__(self, slip: Frame) -> None:
        super().__init__("this cannot be read")
        self.slip = slip


class Warehouse:
    """The server that keeps the document."""

    commands = ("Stock", "Pick", "Find", "Look")
    most = 1 << 20
    """Bytes of the largest frame that is taken."""

    def __init__(self, specs: Path) -> None:
        schemas: Schemas = resolved(document := bundle(specs / "asyncapi.yaml"), document["components"]["schemas"])
        self.slips = Draft201909Validator(schemas["Slip"], validate_formats=True)
        self.has_slips = "correlationIds" in document["components"]
        self.loosen(schemas)
        self.rules = {
            name.lower(): Draft201909Validator(schemas[name], validate_formats=True) for name in self.commands
        }
        self.levels: dict[str, int] = {}
        self.places: dict[str, Frame] = {}
        self.connections: set[ServerConnection] = set()

    def loosen(self, schemas: Schemas) -> None:
        """For a defect: change the schemas by which frames are judged."""

    def refusal(self, request: Request) -> HTTPStatus | None:
        """What a handshake is answered with that is not accepted. What else there is to it, `websockets` judges."""
        hosts = request.headers.get_all("Host")
        if len(hosts) != 1 or not HOST.fullmatch(hosts[0]):
            return HTTPStatus.BAD_REQUEST
        return None if unquote(request.path) == "/floor" else HTTPStatus.NOT_FOUND

    async def talk(self, connection: ServerConnection) -> None:
        self.connections.add(connection)
        try:
            async for data in connection:
                await self.take(connection, data)
        finally:
            self.connections.discard(connection)

    async def take(self, connection: ServerConnection, data: str | bytes) -> None:
        """Do what a frame asks for, and answer it."""
        try:
            frame = self.read(data)
        except Malformed as problem:
            replies = self.refuse(problem)
        else:
            replies = [reply | slip_of(frame) for reply in self.do(frame)]
            if frame["op"] == "stock":
                await self.tell_levels(frame["sku"])
        for reply in replies:
            await connection.send(json.dumps(reply))

    async def tell_levels(self, sku: str) -> None:
        news = json.dumps({"op": "level", "sku": sku, "quantity": self.levels[sku]})
        for connection in list(self.connections):
            await connection.send(news)

    def decode(self, data: str | bytes) -> Any:
        if isinstance(data, bytes):
            raise ValueError("binary")
        return json.loads(data)

    def read(self, data: str | bytes) -> Frame:
        """The frame in `data`. Raises Malformed."""
        slip: Frame = {}
        try:
            frame = self.decode(data)
            if isinstance(frame, dict):
                slip = slip_of(frame) if self.has_slips and self.slips.is_valid(frame.get("slip")) else {}
                if frame.get("op") in self.rules and self.rules[frame["op"]].is_valid(frame):
                    return frame
        except (ValueError, TypeError, RecursionError):
            pass
        raise Malformed(slip)

    def refuse(self, problem: Malformed) -> list[Frame]:
        return [{"op": "refused", "why": {"code": "malformed", "words": str(problem)}} | problem.slip]

    def do(self, frame: Frame) -> list[Frame]:
        """What is answered to a frame that can be read."""
        replies: list[Frame] = getattr(self, frame["op"])(frame)
        return replies

    def stock(self, frame: Frame) -> list[Frame]:
        sku = frame["sku"]
        self.levels[sku] = max(self.levels.get(sku, 0) + int(frame["quantity"]), 0)
        if "place" in frame:
            self.places[sku] = frame["place"]
        return [{"op": "stocked", "sku": sku, "quantity": self.levels[sku]}]

    def pick(self, frame: Frame) -> list[Frame]:
        if any(self.levels.get(line["sku"], 0) < line["quantity"] for line in frame["lines"]):
            return [{"op": "refused", "why": {"code": "short", "words": "there is not enough of it"}}]
        return [{"op": "picked"}]

    def find(self, frame: Frame) -> list[Frame]:
        return [{"op": "found", "places": [self.places[frame["text"]]] if frame["text"] in self.places else []}]

    def look(self, frame: Frame) -> list[Frame]:
        return [{"op": "found", "places": []}]


def slip_of(frame: Frame) -> Frame:
    """The field that an answer repeats, if it is there."""
    return {"slip": frame["slip"]} if "slip" in frame else {}


class Sample(Protocol):
    """A server that can be run."""

    most: int

    def refusal(self, request: Request) -> HTTPStatus | None:
        """What a handshake is answered with that is not accepted."""

    async def talk(self, connection: ServerConnection) -> None:
        """Serve a connection until it ends."""


@contextmanager
def running(server: Sample) -> Iterator[str]:
    """Run `server` in a thread; the URL where it is."""
    loops: list[asyncio.AbstractEventLoop] = []
    ports: list[int] = []
    ready = threading.Event()
    stop = asyncio.Event()

    def judge(connection: ServerConnection, request: Request) -> Response | None:
        status = server.refusal(request)
        return connection.respond(status, "Not so.\n") if status else None

    async def talk(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await server.talk(connection)

    async def main() -> None:
        options: Any = {"max_size": server.most, "ping_interval": None, "close_timeout": 1}
        async with serve(talk, "127.0.0.1", 0, process_request=judge, **options) as listening:
            ports.append(next(iter(listening.sockets)).getsockname()[1])
            loops.append(asyncio.get_running_loop())
            ready.set()
            await stop.wait()

    # `run` ends what is still under way, such as the handshake of one who has gone.
    thread = threading.Thread(target=lambda: asyncio.run(main()), name="sample")
    thread.start()
    try:
        assert ready.wait(60), "the sample server did not start"
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        for loop in loops:
            loop.call_soon_threadsafe(stop.set)
        thread.join(60)


# Defects

DEFECTS: dict[str, type[Warehouse]] = {}


def defect(server: type[Warehouse]) -> type[Warehouse]:
    """Enter a server with a defect, under its own name."""
    DEFECTS[server.__name__] = server
    return server


@defect
class LooksAtNoHost(Warehouse):
    def refusal(self, request: Request) -> HTTPStatus | None:
        return None if unquote(request.path) == "/floor" else HTTPStatus.NOT_FOUND


@defect
class ComparesPathsAsTheyWereSent(Warehouse):
    def refusal(self, request: Request) -> HTTPStatus | None:
        return super().refusal(request) or (None if request.path == "/floor" else HTTPStatus.NOT_FOUND)


@defect
class NoReply(Warehouse):
    def pick(self, frame: Frame) -> list[Frame]:
        return []


@defect
class TwoReplies(Warehouse):
    def find(self, frame: Frame) -> list[Frame]:
        return super().find(frame) * 2


@defect
class ReplyOfAnother(Warehouse):
    def pick(self, frame: Frame) -> list[Frame]:
        return super().look(frame)


@defect
class ValidIsRefused(Warehouse):
    def loosen(self, schemas: Schemas) -> None:
        schemas["Find"]["properties"]["text"]["maxLength"] = 5


@defect
class WrongSlip(Warehouse):
    def pick(self, frame: Frame) -> list[Frame]:
        if "slip" in frame:
            frame["slip"] += "0"
        return super().pick(frame)


@defect
class NoSlip(Warehouse):
    def pick(self, frame: Frame) -> list[Frame]:
        frame.pop("slip", None)
        return super().pick(frame)


@defect
class SlipNobodySent(Warehouse):
    def pick(self, frame: Frame) -> list[Frame]:
        frame.setdefault("slip", "none")
        return super().pick(frame)


@defect
class NoSlipInARefusal(Warehouse):
    def refuse(self, problem: Malformed) -> list[Frame]:
        problem.slip = {}
        return super().refuse(problem)


@defect
class RefusalWithAnotherCode(Warehouse):
    def refuse(self, problem: Malformed) -> list[Frame]:
        (refusal,) = super().refuse(problem)
        refusal["why"]["code"] = "short"
        return [refusal]


@defect
class TwoRefusals(Warehouse):
    def refuse(self, problem: Malformed) -> list[Frame]:
        return super().refuse(problem) * 2


@defect
class NoRefusal(Warehouse):
    def refuse(self, problem: Malformed) -> list[Frame]:
        return []


@defect
class ClosesOnBadInput(Warehouse):
    async def take(self, connection: ServerConnection, data: str | bytes) -> None:
        try:
            self.read(data)
        except Malformed:
            await connection.close(4000, "no")
        else:
            await super().take(connection, data)


@defect
class HangsAfterABadFrame(Warehouse):
    async def take(self, connection: ServerConnection, data: str | bytes) -> None:
        await super().take(connection, data)
        try:
            self.read(data)
        except Malformed:
            await connection.wait_closed()


@defect
class RefusesAllAfterABadFrame(Warehouse):
    async def talk(self, connection: ServerConnection) -> None:
        spoilt = False
        async for data in connection:
            try:
                frame = self.read(data)
            except Malformed:
                spoilt = True
            else:
                if spoilt:
                    for refusal in self.refuse(Malformed(slip_of(frame))):
                        await connection.send(json.dumps(refusal))
                    continue
            await self.take(connection, data)


@defect
class UndeclaredFrame(Warehouse):
    async def talk(self, connection: ServerConnection) -> None:
        await connection.send('{"op": "welcome"}')
        await super().talk(connection)


@defect
class ReplyBreaksItsSchema(Warehouse):
    def look(self, frame: Frame) -> list[Frame]:
        return [{"op": "found", "places": [{"aisle": "B7"}]}]


@defect
class NewsBreakTheirSchema(Warehouse):
    async def tell_levels(self, sku: str) -> None:
        for connection in list(self.connections):
            await connection.send(json.dumps({"op": "level", "sku": sku, "quantity": "many"}))


@defect
class TakesBinaryFrames(Warehouse):
    def decode(self, data: str | bytes) -> Any:
        return json.loads(data)


@defect
class IgnoresBinaryFrames(Warehouse):
    async def take(self, connection: ServerConnection, data: str | bytes) -> None:
        if isinstance(data, str):
            await super().take(connection, data)


@defect
class ReadsNoFurtherThanTheObject(Warehouse):
    def decode(self, data: str | bytes) -> Any:
        if isinstance(data, bytes):
            raise ValueError("binary")
        return json.JSONDecoder().raw_decode(data)[0]


@defect
class UnpacksLists(Warehouse):
    def decode(self, data: str | bytes) -> Any:
        frame = super().decode(data)
        return frame[0] if isinstance(frame, list) and len(frame) == 1 else frame


@defect
class DiesOfDeepNesting(Warehouse):
    def decode(self, data: str | bytes) -> Any:
        try:
            return super().decode(data)
        except RecursionError:
            raise SystemError from None


@defect
class DiesOfHugeFrames(Warehouse):
    most = 1 << 30

    async def take(self, connection: ServerConnection, data: str | bytes) -> None:
        if len(data) > 1 << 24:
            await connection.close(1000)
        await super().take(connection, data)


@defect
class ForgivesWhatIsNotUtf8(Warehouse):
    async def talk(self, connection: ServerConnection) -> None:
        while True:
            data = await connection.recv(decode=False)
            await self.take(connection, data.decode(errors="replace"))


@defect
class TakesFragmentsForFrames(Warehouse):
    async def talk(self, connection: ServerConnection) -> None:
        while True:
            async for data in connection.recv_streaming():
                await self.take(connection, data)


def unchecked(name: str, loosen: Callable[[Schemas], object]) -> None:
    """Enter a server that does not look at something."""
    DEFECTS[name] = type(name, (Warehouse,), {"loosen": lambda self, schemas: loosen(schemas)})


def properties(schema: Any) -> Any:
    return schema["properties"]


unchecked("UncheckedPattern", lambda all_: properties(all_["Stock"])["sku"].pop("pattern"))
unchecked("UnanchoredPattern", lambda all_: properties(all_["Stock"])["sku"].update(pattern="^[A-Z]{3}-[0-9]{4}"))
unchecked("UncheckedMinimum", lambda all_: properties(all_["Stock"])["quantity"].pop("minimum"))
unchecked("UncheckedMaximum", lambda all_: properties(all_["Stock"])["quantity"].pop("maximum"))
unchecked("UncheckedType", lambda all_: properties(all_["Stock"])["quantity"].update(type=["integer", "boolean"]))
unchecked("UncheckedNestedField", lambda all_: properties(properties(all_["Stock"])["place"])["shelf"].pop("maximum"))
unchecked("UncheckedArray", lambda all_: properties(all_["Stock"])["tags"].pop("maxItems"))
unchecked("UncheckedItems", lambda all_: properties(all_["Stock"])["tags"].pop("items"))
unchecked("UncheckedLength", lambda all_: properties(all_["Find"])["text"].pop("maxLength"))
unchecked("UncheckedEnum", lambda all_: all_["Pick"]["properties"].update(priority={"type": "string"}))
unchecked("UncheckedSlip", lambda all_: all_["Look"]["properties"].update(slip={}))
unchecked("OptionalFieldIsRequired", lambda all_: all_["Pick"]["required"].append("priority"))
unchecked("RequiredFieldIsOptional", lambda all_: all_["Stock"]["required"].remove("place"))
unchecked("UnknownFieldsAreTaken", lambda all_: all_["Look"].pop("additionalProperties"))
unchecked("UnknownNestedFieldsAreTaken", lambda all_: properties(all_["Stock"])["place"].pop("additionalProperties"))
