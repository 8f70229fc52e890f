"""The programs that show a failure: with all that leads to it, and of a bounded length."""

from specbus.verify.record import Step, reproduction

URLS = "http://127.0.0.1:9", "ws://127.0.0.1:9/ws"


def program(*steps: Step, key: bool = False) -> list[str]:
    text = reproduction(steps, *URLS, key=key)
    compile(text, "program", "exec")
    return text.splitlines()


def sent(text: str, who: str = "a") -> Step:
    return Step(who, text, None)


def came(who: str = "a") -> Step:
    return Step(who, None, "{}")


def test_many_frames_that_come_do_not_hide_what_was_sent() -> None:
    lines = program(sent("subscribe"), came(), sent("publish"), *[came()] * 200, sent("last"), came())
    assert lines[2:] == [
        "    a.send('subscribe')",
        "    print(a.recv(timeout=5))",
        "    a.send('publish')",
        "    for _ in range(200): print(a.recv(timeout=5))",
        "    a.send('last')",
        "    print(a.recv(timeout=5))",
    ]


def test_it_ends_with_the_frame_that_shows_it() -> None:
    assert program(sent("one"), came())[-1] == "    print(a.recv(timeout=5))"


def test_a_long_one_has_its_beginning_and_its_end() -> None:
    lines = program(*[step for number in range(100) for step in (sent(f"frame {number}"), came())])
    assert len(lines) < 40
    assert "    a.send('frame 0')" in lines
    assert "    a.send('frame 99')" in lines
    assert "    # 170 exchanges that went between are left out" in lines


def test_a_request_that_is_refused_does_not_end_it() -> None:
    lines = program(Step("rest", '{"name":"x"}', "409 {}", ("POST", "/topics")), sent("subscribe"), came(), key=True)
    assert "    except urllib.error.HTTPError as error:" in lines
    assert "    request.add_header('X-API-Key', KEY)" in lines
    assert "    rest('POST', '/topics', b'{\"name\":\"x\"}')" in lines


def test_half_a_surrogate_pair_is_sent_as_it_was() -> None:
    assert "\\xed\\xa0\\x80" in "\n".join(program(Step("rest", "\ud800", "400", ("POST", "/topics")), sent("x")))
