"""A server that keeps `tests/support/rooms/asyncapi.yaml`, and others with one deliberate defect each."""

import asyncio
import json
from collections import deque
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jsonschema_rs import Draft201909Validator
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request

from specbus.spec.bundle import bundle
from specbus.spec.references import resolved
from tests.support.sample_server import HOST

ROOMS = Path(__file__).parent / "rooms"
QUEUE = 50
"""Remarks that wait for one who does not keep up."""
Frame = dict[str, Any]


class Ear:
    """What waits for one person in one room, in order: remarks, and how many were missed."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.waiting: deque[Frame] = deque()
        self.lost = 0

    def put(self, frame: Frame) -> None:
        """Have `frame` wait; what waits longest is missed if there are too many."""
        self.waiting.append(frame)
        if len(self.waiting) > QUEUE:
            self.waiting.popleft()
            self.lost += 1

    def take(self) -> Frame | None:
        """What is next."""
        if self.lost:
            lost, self.lost = self.lost, 0
            return {"does": "missed", "room": self.room, "why": "slow", "lost": {"number": lost}}
        return self.waiting.popleft() if self.waiting else None


class Person:
    """A connection."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.answers: deque[Frame] = deque()
        self.ears: dict[str, Ear] = {}
        self.past: deque[Ear] = deque()
        """What was said before, and what is left of rooms that were left."""
        self.something = asyncio.Event()

    async def write(self) -> None:
        """Send what waits, as fast as it is read."""
        while True:
            await self.something.wait()
            self.something.clear()
            while frame := self.next():
                await self.connection.send(json.dumps(frame))

    def next(self) -> Frame | None:
        """What is to be sent next: answers before remarks."""
        if self.answers:
            return self.answers.popleft()
        return next((frame for ear in self.ears.values() if (frame := ear.take())), None)


class Rooms:
    """The server that keeps the document."""

    most = 1 << 20

    def __init__(self, specs: Path = ROOMS) -> None:
        document = bundle(specs / "asyncapi.yaml")
        schemas = resolved(document, document["components"]["schemas"])
        self.rules = {
            name: Draft201909Validator(schemas[name.capitalize()]) for name in ("enter", "leave", "say", "knock")
        }
        self.marks = Draft201909Validator(schemas["Mark"])
        self.said: dict[str, list[Frame]] = {}
        self.people: set[Person] = set()

    def refusal(self, request: Request) -> HTTPStatus | None:
        """What a handshake is answered with that is not accepted."""
        hosts = request.headers.get_all("Host")
        if len(hosts) != 1 or not HOST.fullmatch(hosts[0]):
            return HTTPStatus.BAD_REQUEST
        return None if unquote(request.path) == "/house/door" else HTTPStatus.NOT_FOUND

    async def talk(self, connection: ServerConnection) -> None:
        """Serve one person."""
        person = Person(connection)
        self.people.add(person)
        writer = asyncio.create_task(person.write())
        try:
            async for data in connection:
                self.take(person, data)
                person.something.set()
                # A person who sends and sends lets the others have their turn.
                await asyncio.sleep(0)
        finally:
            self.people.discard(person)
            writer.cancel()

    def take(self, person: Person, data: str | bytes) -> None:
        """Do what a frame asks for, and answer it."""
        mark: Frame = {}
        try:
            frame = json.loads(data) if isinstance(data, str) else None
            if isinstance(frame, dict):
                mark = {"mark": frame["mark"]} if self.marks.is_valid(frame.get("mark")) else {}
                if (rules := self.rules.get(frame.get("does", ""))) and rules.is_valid(frame):
                    getattr(self, frame["does"])(person, frame, mark)
                    return
        except (ValueError, TypeError, RecursionError):
            pass
        person.answers.append({"does": "no", "because": "nobody understands that"} | mark)

    def enter(self, person: Person, frame: Frame, mark: Frame) -> None:
        """Have a person hear what is said in a room."""
        room = frame["room"]
        said = self.said.setdefault(room, [])
        self.answer(person, mark, room)
        ear = person.ears.setdefault(room, Ear(room))
        ear.waiting.extend(said[len(said) - min(frame.get("past", 0), len(said)) :])

    def leave(self, person: Person, frame: Frame, mark: Frame) -> None:
        """Have a person hear no more of a room."""
        person.ears.pop(frame["room"], None)
        person.answers.append({"does": "done"} | mark)

    def say(self, person: Person, frame: Frame, mark: Frame) -> None:
        """Have all in a room hear a remark."""
        room = frame["room"]
        said = self.said.setdefault(room, [])
        heard = {"does": "heard", "room": room, "remark": frame["remark"], "step": len(said) + 1}
        said.append(heard)
        self.answer(person, mark, room)
        for each in self.people:
            if room in each.ears:
                each.ears[room].put(self.told(heard))
                each.something.set()

    def knock(self, person: Person, frame: Frame, mark: Frame) -> None:
        """Answer."""
        del frame
        # Whoever knocks has heard before what was said before.
        for ear in person.ears.values():
            while remark := ear.take():
                person.answers.append(remark)
        person.answers.append({"does": "done"} | mark)

    def answer(self, person: Person, mark: Frame, room: str) -> None:
        """Say that it was done, and where a room is."""
        person.answers.append({"does": "done", "at": {"era": "one", "step": len(self.said[room])}} | mark)

    def told(self, heard: Frame) -> Frame:
        """For a defect: what people hear of a remark."""
        return heard


class SaysAllTwice(Rooms):
    """Each remark is heard twice."""

    def say(self, person: Person, frame: Frame, mark: Frame) -> None:
        """Have all in a room hear a remark, and again."""
        super().say(person, frame, mark)
        for each in self.people:
            if frame["room"] in each.ears:
                each.ears[frame["room"]].put(self.said[frame["room"]][-1])


class HearsThroughWalls(Rooms):
    """Whoever is in any room hears all rooms."""

    def say(self, person: Person, frame: Frame, mark: Frame) -> None:
        """Have all in the house hear a remark."""
        super().say(person, frame, mark)
        for each in self.people:
            for room, ear in each.ears.items():
                if room != frame["room"]:
                    ear.put({**self.said[frame["room"]][-1], "room": room})


class ForgetsThePast(Rooms):
    """Nothing of the past is heard."""

    def enter(self, person: Person, frame: Frame, mark: Frame) -> None:
        """Have a person hear what is said from now on."""
        super().enter(person, {**frame, "past": 0}, mark)


class Renumbers(Rooms):
    """Remarks get numbers of the server's own."""

    def told(self, heard: Frame) -> Frame:
        """The remark with another number."""
        return {**heard, "remark": {**heard["remark"], "number": heard["remark"]["number"] + 1}}


class DropsInSilence(Rooms):
    """Nobody is told what was missed."""

    def say(self, person: Person, frame: Frame, mark: Frame) -> None:
        """Have all in a room hear a remark, or not."""
        super().say(person, frame, mark)
        for each in self.people:
            for ear in each.ears.values():
                ear.lost = 0


class NeverLeaves(Rooms):
    """Whoever left goes on hearing."""

    def leave(self, person: Person, frame: Frame, mark: Frame) -> None:
        """Say that it was done."""
        person.answers.append({"does": "done"} | mark)


DEFECTS: dict[str, type[Rooms]] = {
    each.__name__: each
    for each in (SaysAllTwice, HearsThroughWalls, ForgetsThePast, Renumbers, DropsInSilence, NeverLeaves)
}
