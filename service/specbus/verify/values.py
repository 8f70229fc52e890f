"""Values that a schema takes: for names, ids, payloads and whatever else a document requires.

What is made here is judged before it is given away. Where nothing is known that a schema takes, a check has nothing to
send, and is skipped.
"""

import contextlib
import functools
import itertools
import json
import random
import re
import string
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from specbus.spec.samples import sample, smallest
from specbus.verify.asyncapi import Rules
from specbus.verify.failures import Skipped
from specbus.verify.strategies import bodies

_SEARCHED = 200
"""Values that a search makes where none of the known forms fits, of which many may be the same."""
_TRIED = 5
"""Texts of a form that must keep a schema for the form to be used."""
_BAD = 200
"""Texts made one after the other that are of no use, after which a form is taken to have no more."""


def one(schema: Any, place: str) -> Any:
    """A value that `schema`, which stands at `place`, takes, with as little in it as may be. Raises Skipped."""
    rules = Rules(schema)
    for value in (smallest(schema), sample(schema)):
        if rules.accepts(value):
            return value
    for value in _searched(json.dumps(schema)):
        return value
    raise Skipped(f"no value is known that {place} takes")


def several(schema: Any) -> list[Any]:
    """Different values that `schema` takes; as many as a short search finds, the plain ones first."""
    rules = Rules(schema)
    values = [value for value in (smallest(schema), sample(schema)) if rules.accepts(value)]
    return _distinct([*values, *_searched(json.dumps(schema))])


def texts(schema: Any, prefix: str, seed: int) -> Iterator[Any]:
    """Values for something that is told apart by them, such as a name or an id: each another one that `schema` takes.

    Args:
        schema: What each must keep: of texts, or of integers.
        prefix: What texts begin with, where that is allowed.
        seed: Of what is made at random.

    There are few, or none, if `schema` lists its values, or is one for which values must be searched.
    """
    rules = Rules(schema)
    if isinstance(schema, dict) and isinstance(listed := schema.get("enum"), list):
        yield from _distinct(value for value in listed if rules.accepts(value))
        return
    given: set[Any] = set()
    source = random.Random(seed)  # noqa: S311
    plain = _forms(schema if isinstance(schema, dict) else {}, prefix, source)
    for form in itertools.chain(plain, _like_found(schema, source)):
        if not all(rules.accepts(form()) for _ in range(_TRIED)):
            continue
        for value in _until_exhausted(form, lambda value: value not in given and rules.accepts(value)):
            given.add(value)
            yield value
    yield from (value for value in _searched(json.dumps(schema)) if value not in given)


def _forms(schema: dict[str, Any], prefix: str, source: random.Random) -> Iterator[Callable[[], Any]]:
    """What makes texts, or numbers, one by one: those first that tell best whose they are."""
    numbers = itertools.count(1)
    plain = "".join(filter(str.isalnum, prefix))
    yield lambda: f"{prefix}{next(numbers)}"
    yield lambda: f"{plain}{next(numbers)}"
    yield lambda: str(uuid.UUID(int=source.getrandbits(128), version=4))
    least = int(schema.get("minLength", 1))
    longest = min(int(schema.get("maxLength", max(12, least))), max(12, least))
    for letters in (string.ascii_lowercase, string.ascii_uppercase, string.digits, string.hexdigits[:16]):
        for length in range(longest, max(1, least) - 1, -1):
            yield functools.partial(_word, source, letters, length)
    first = schema.get("minimum", 1)
    yield functools.partial(next, itertools.count(int(first) if isinstance(first, int | float) else 1))


def _like_found(schema: Any, source: random.Random) -> Iterator[Callable[[], Any]]:
    """What makes texts like one that a search finds: letters and digits in it that may be others become others."""
    accepts = Rules(schema).accepts
    found = [value for value in _searched(json.dumps(schema)) if isinstance(value, str)]
    best: tuple[str, list[int]] = "", []
    for text in sorted(found, key=len)[-_TRIED:]:
        others = [(at, _another(text[at], source)) for at in range(len(text))]
        free = [at for at, other in others if other != text[at] and accepts(text[:at] + other + text[at + 1 :])]
        best = max(best, (text, free), key=lambda pair: len(pair[1]))
    text, free = best

    def made() -> str:
        return "".join(_another(letter, source) if at in free else letter for at, letter in enumerate(text))

    if free:
        yield made


def _another(letter: str, source: random.Random) -> str:
    """Another letter, or digit, of the same kind; or the same, if it is neither."""
    for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits):
        if letter in kind:
            return source.choice(kind.replace(letter, ""))
    return letter


def _word(source: random.Random, letters: str, length: int) -> str:
    return "".join(source.choices(letters, k=length))


def _until_exhausted(form: Callable[[], Any], is_good: Callable[[Any], bool]) -> Iterator[Any]:
    """What `form` makes and is good, until hardly anything more is."""
    bad = 0
    while bad < _BAD:
        value = form()
        bad = 0 if is_good(value) else bad + 1
        if not bad:
            yield value


@functools.lru_cache
def _searched(schema: str) -> tuple[Any, ...]:
    """Different values that the schema, given as JSON, takes, as a search finds them: always the same."""
    rules = Rules(json.loads(schema))
    found: list[Any] = []

    @hypothesis.seed(0)
    @hypothesis.settings(
        max_examples=_SEARCHED,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @hypothesis.given(_strategy(json.loads(schema)))
    def search(value: Any) -> None:
        if _is_sendable(value) and rules.accepts(value):
            found.append(value)

    try:
        search()
    except hypothesis.errors.HypothesisException:
        # There is nothing to be found.
        return tuple(_distinct(found))
    return tuple(_distinct(found))


def _strategy(schema: Any) -> st.SearchStrategy[Any]:
    pattern = schema.get("pattern") if isinstance(schema, dict) and schema.get("type") == "string" else None
    if isinstance(pattern, str):
        # Of plain characters, if they do: what is odd in a name or an id is for checks that are about that.
        plain = st.characters(min_codepoint=33, max_codepoint=126)
        with contextlib.suppress(re.error):
            return st.from_regex(re.compile(pattern, re.ASCII), alphabet=plain)
    return bodies(schema, valid=True).map(lambda body: body[0])


def _is_sendable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError):
        return False
    return True


def _distinct(values: Iterable[Any]) -> list[Any]:
    return list({json.dumps(value, sort_keys=True): value for value in values}.values())
