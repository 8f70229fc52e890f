"""A bus that has nothing to do with this project: other names, remarks of two kinds, and nothing over HTTP."""

import pytest

from specbus.verify.checks import Result, execute
from specbus.verify.run import collect, target_of
from specbus.verify.target import Options
from tests.support.rooms_server import DEFECTS, ROOMS, Rooms
from tests.support.sample_server import running

pytestmark = pytest.mark.slow

FOUND = {
    "SaysAllTwice": "every subscriber gets every message exactly once in one order",
    "HearsThroughWalls": "nothing crosses topics",
    "ForgetsThePast": "a replay is the newest messages oldest first after the ack",
    "Renumbers": "the message id comes out as it went in",
    "DropsInSilence": "a slow reader is told what it lost and the others lose nothing",
    "NeverLeaves": "no event follows the ack of an unsubscribe",
}
"""The check that each defect is for."""


def results(server: type[Rooms], deadline: float) -> list[Result]:
    """What the checks of the WebSocket say of `server`."""
    with running(server()) as url:
        options = Options(url, ROOMS, examples=10, seed=1, deadline=deadline)
        with target_of(options) as target:
            checks = {check.name: check for area in ("websocket", "behaviour") for check in collect(target, area)}
            return [execute(check, target) for check in checks.values()]


def test_such_a_server_is_left_in_peace_and_most_of_it_looked_at() -> None:
    found = results(Rooms, 20)
    broken = [(each.check.name, [failure.problem for failure in each.failures], each.error) for each in found]
    assert [each for each in broken if each[1:] != ([], None)] == []
    made = [each.check.name for each in found if each.check.area == "behaviour" and each.skipped is None]
    assert set(FOUND.values()) < set(made)
    assert len(made) >= 20


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_of_such_a_server_is_found(name: str) -> None:
    found = results(DEFECTS[name], 2 if name == "ForgetsThePast" else 20)
    assert FOUND[name] in [each.check.name for each in found if each.failures]
