"""The path that connexion's router gets."""

from typing import Any

import pytest

from specbus.http.routing import sent_path


@pytest.mark.parametrize(
    ("raw", "root", "path"),
    [
        ("/topics/orders", "", "/topics/orders"),
        ("/%74opics/%6Frders", "", "/topics/orders"),
        ("/topics/a%2Fb", "", "/topics/a%2Fb"),
        ("/topics/a%2fb", "", "/topics/a%2Fb"),
        ("/topics/a%252Fb", "", "/topics/a%252Fb"),
        ("/topics/100%25", "", "/topics/100%25"),
        ("/topics/%zz", "", "/topics/%25zz"),
        ("/topics/%%32F", "", "/topics/%252F"),
        ("/topics/a%0A", "", "/topics/a%0A"),
        ("/caf%C3%A9", "", "/café"),
        ("/bus/topics", "/bus", "/topics"),
        ("/bus/", "/bus", "/"),
        ("/b%75s/topics", "/bus", "/topics"),
        ("/b%C3%BCs/topics/a%2Fb", "/büs", "/topics/a%2Fb"),
        ("/a/b/topics", "/a/b", "/topics"),
        ("/bus/bus", "/bus", "/bus"),
        ("/business", "/bus", "/business"),
    ],
)
def test_a_path_is_routed_as_it_was_sent(raw: str, root: str, path: str) -> None:
    assert sent_path({"raw_path": raw.encode(), "root_path": root}) == path


@pytest.mark.parametrize("more", [{}, {"raw_path": None}])
def test_a_server_need_not_say_how_a_path_was_sent(more: dict[str, Any]) -> None:
    assert sent_path({"path": "/bus/topics/100% é", "root_path": "/bus", **more}) == "/topics/100%25 é"
