"""The service and `specbus verify` agree on each edit of the documents, and so does verify with what it sees."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from specbus.spec.bundle import bundle
from specbus.verify.checks import Result, execute
from specbus.verify.run import collect, own_server, target_of
from specbus.verify.target import Options
from tests.matrix.edits import KEPT, VISIBLE, Documents
from tests.support.documents import SPECS
from tests.support.share import share

pytestmark = pytest.mark.slow

TOO_FEW = "allows too few "
"""What a check is skipped for where names or ids are listed, or must be searched for."""
FEW = {
    *("names of one character", "a list of names", "two names"),
    *("ids with a pattern", "ids that are listed", "ids that are dates", "a list of names; ids with a pattern"),
}
NO_REPLAY = {"no replays": ("has no x-stream.replay",), "replays must be asked for": ()}
"""What else may be skipped, by the edit."""
REPLAYS = {
    "replays of ten at most": ("no subscribe may ask for", "can be made that says"),
    "replays of one at least": ("can be made that says",),
    "replays of twos": ("no subscribe may ask for", "can be made that says"),
    "replays of five, or none": ("no subscribe may ask for", "can be made that says", "may ask for the newest"),
    "no replays; payload: a number": ("has no x-stream.replay",),
    "replays of ten at most; short request ids": ("no subscribe may ask for", "can be made that says"),
    "a ping has no request id": (),
}
NO_KEY = "no API key was given (--api-key)"
NOT_NEAR = "no names of topics that are nearly the same"
"""What a check is skipped for where names are listed, or of one length and form."""


def results(url: str, specs: Path, *, until_broken: bool = False) -> list[Result]:
    """What verify says of the server at `url`, held to the documents in `specs`.

    Schemathesis, which takes the longest, is left out where the OpenAPI document is as it was, and asked last.
    """
    found: list[Result] = []
    is_edited = bundle(specs / "openapi.yaml") != bundle(SPECS / "openapi.yaml")
    with target_of(Options(url, specs, examples=2, seed=1, deadline=20)) as target:
        checks = sorted(collect(target), key=lambda check: "schemathesis" in check.name)
        for check in checks:
            if "schemathesis" in check.name and not is_edited:
                break
            found.append(execute(check, target))
            if until_broken and found[-1].failures:
                break
    return found


@pytest.fixture
def documents(request: pytest.FixtureRequest, tmp_path: Path) -> Documents:
    """The documents with the edit of that name."""
    edited = Documents(tmp_path)
    KEPT[request.param](edited)
    edited.save()
    return edited


@pytest.mark.parametrize(("name", "documents"), [(name, name) for name in share(KEPT)], indirect=["documents"])
def test_a_service_that_runs_from_an_edit_keeps_it(name: str, documents: Documents) -> None:
    with own_server(documents.folder, None) as url:
        found = results(url, documents.folder)
    broken = [(each.check.name, [failure.problem for failure in each.failures], each.error) for each in found]
    assert [each for each in broken if each[1:] != ([], None)] == []
    nests = ["allows no payload that nests"] if "payload: " in name else []
    lawful = [
        NO_KEY,
        NOT_NEAR,
        *nests,
        *([TOO_FEW] if name in FEW else []),
        *NO_REPLAY.get(name, ()),
        *REPLAYS.get(name, ()),
    ]
    skipped = {each.check.name: each.skipped for each in found if each.skipped}
    assert {check: why for check, why in skipped.items() if not any(reason in why for reason in lawful)} == {}


@pytest.fixture(scope="module")
def unedited() -> Iterator[str]:
    """The URL of a service that runs from the unedited documents."""
    with own_server(SPECS, None) as url:
        yield url


@pytest.mark.parametrize(
    ("name", "documents"), [(name, name) for name in share(KEPT) if name in VISIBLE], indirect=["documents"]
)
def test_a_service_that_runs_from_other_documents_is_found_to_break_it(
    name: str, documents: Documents, unedited: str
) -> None:
    found = results(unedited, documents.folder, until_broken=True)
    assert [each.error for each in found if each.error] == []
    assert found[-1].failures, f"nothing is found broken of {name}"
