"""Defects of how payloads are passed on. message.yaml: "The message reaches every subscriber as the very text that the
publisher sent, byte for byte: numbers keep their digits, objects their key order and repeated keys, strings their
escapes."; "Any JSON value, null, a string and a bare number included."
"""

import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from specbus.bus.memory import MemoryEngine, MemoryTopic
from specbus.bus.publication import Publication
from specbus.contract.commands import Refusal, WebSocketContract
from specbus.http.operations import RestOperations
from tests.mutants.behaviour import edit_message
from tests.mutants.edits import joined, texts
from tests.mutants.registry import Patch, mutant, wrap


def edit_text(patch: Patch, edit: Callable[[str], str]) -> None:
    """Have `edit` change the texts of the messages that topics take."""

    def publish(original: Any, self: MemoryEngine, topic: str, message: bytes, done: Any) -> None:
        original(self, topic, edit(message.decode()).encode(), done)

    wrap(patch, MemoryEngine, "publish", publish)


def edit_payload(patch: Patch, edit: Callable[[str], str]) -> None:
    """Have `edit` change the texts of payloads."""
    edit_message(patch, lambda fields: fields.update(payload=edit(fields["payload"])))


def edit_strings(patch: Patch, edit: Callable[[str], str]) -> None:
    """Have `edit` change the strings in messages, quotes and all."""
    edit_text(patch, lambda text: re.sub(r'"(?:[^"\\]|\\.)*"', lambda found: edit(found[0]), text))


def edit_numbers(patch: Patch, edit: Callable[[str], str]) -> None:
    """Have `edit` change the numbers in messages."""
    edit_text(
        patch,
        lambda text: re.sub(
            r'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*',
            lambda found: found[0] if found[0][0] == '"' else edit(found[0]),
            text,
        ),
    )


def refuse_payload(patch: Patch, wrong: Callable[[str], bool]) -> None:
    """Have payloads be refused in frames, where `wrong` says so of their text."""

    def dispatch(original: Any, self: Any, data: bytes) -> Any:
        handler, frame = original(self, data)
        if "message" in frame and wrong(texts(frame["message"].text.decode())["payload"]):
            raise Refusal("message.payload is required", frame.get("request_id"))
        return handler, frame

    wrap(patch, WebSocketContract, "dispatch", dispatch)


def encoded_anew(text: str) -> str:
    return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))


@mutant("behaviour", "a message of more than 4 KiB is encoded anew")
def large_message_encoded_anew(patch: Patch) -> None:
    edit_text(patch, lambda text: encoded_anew(text) if len(text) > 4096 else text)


@mutant("behaviour", "a message that is nested ten levels deep is encoded anew")
def deep_message_encoded_anew(patch: Patch) -> None:
    edit_text(patch, lambda text: encoded_anew(text) if text.count("[") + text.count("{") > 10 else text)


@mutant("behaviour", "a message published over HTTP is encoded anew")
def message_over_http_encoded_anew(patch: Patch) -> None:
    async def publish_message(original: Any, self: RestOperations, name: str, body: Any) -> Any:
        body.text = encoded_anew(body.text.decode()).encode()
        return await original(self, name, body)

    wrap(patch, RestOperations, "publish_message", publish_message)


@mutant("behaviour", "a message that is replayed or read is encoded anew, a live one is not")
def retained_message_encoded_anew(patch: Patch) -> None:
    def newest(original: Any, self: MemoryTopic, count: int) -> list[Publication]:
        return [
            Publication(each.topic, each.offset, each.ts, encoded_anew(each.message.decode()).encode())
            for each in original(self, count)
        ]

    wrap(patch, MemoryTopic, "newest", newest)


@mutant("behaviour", "the fields of a message are put together anew, id first")
def message_fields_reordered(patch: Patch) -> None:
    edit_text(patch, lambda text: joined({name: texts(text)[name] for name in ("id", "payload")}))


@mutant("behaviour", "blanks between the fields of a message are lost")
def message_blanks_lost(patch: Patch) -> None:
    edit_text(patch, lambda text: joined(texts(text)))


@mutant("behaviour", "an escape in a message's id is decoded")
def id_escapes_decoded(patch: Patch) -> None:
    edit_message(patch, lambda fields: fields.update(id=json.dumps(json.loads(fields["id"]))))


@mutant("behaviour", "a name of a message's field that is escaped comes out plain")
def field_name_escapes_decoded(patch: Patch) -> None:
    edit_text(patch, lambda text: joined(texts(text)) if "\\u0069d" in text or "\\u0070ayload" in text else text)


@mutant("behaviour", "< > and & in strings are escaped")
def payload_html_escaped(patch: Patch) -> None:
    edit_strings(patch, lambda text: text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


@mutant("behaviour", "non-ASCII characters in strings are escaped")
def payload_ascii_escaped(patch: Patch) -> None:
    edit_strings(patch, lambda text: text if text.isascii() else json.dumps(json.loads(text)))


@mutant("behaviour", "escapes of non-ASCII characters are decoded")
def payload_escapes_decoded(patch: Patch) -> None:
    edit_strings(
        patch, lambda text: re.sub(r"\\u00([89a-fA-F][0-9a-fA-F])", lambda found: chr(int(found[1], 16)), text)
    )


@mutant("behaviour", "the slash in strings loses its escape")
def payload_slash_unescaped(patch: Patch) -> None:
    edit_strings(patch, lambda text: text.replace("\\/", "/"))


@mutant("behaviour", "hexadecimal digits of escapes become lower case")
def payload_escapes_in_lower_case(patch: Patch) -> None:
    edit_strings(patch, lambda text: re.sub(r"\\u[0-9A-F]{4}", lambda found: found[0].lower(), text))


@mutant("behaviour", "U+2028 and U+2029 in strings are escaped, as for JavaScript")
def payload_line_separators_escaped(patch: Patch) -> None:
    edit_strings(patch, lambda text: text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


@mutant("behaviour", "DEL and the C1 controls in strings are lost")
def payload_controls_lost(patch: Patch) -> None:
    edit_strings(patch, lambda text: re.sub("[\x7f-\x9f]", "", text))


@mutant("behaviour", "strings end at an escaped NUL")
def payload_ends_at_nul(patch: Patch) -> None:
    edit_strings(patch, lambda text: text.partition("\\u0000")[0] + '"' if "\\u0000" in text else text)


@mutant("behaviour", "strings are normalised (Unicode NFC)")
def payload_normalised(patch: Patch) -> None:
    edit_strings(patch, lambda text: unicodedata.normalize("NFC", text))


@mutant("behaviour", "a byte order mark in a string is lost")
def payload_bom_lost(patch: Patch) -> None:
    edit_strings(patch, lambda text: text.replace("\ufeff", ""))


@mutant("behaviour", "integers beyond 53 bits become floats")
def payload_big_integers_to_floats(patch: Patch) -> None:
    edit_numbers(patch, lambda text: repr(float(text)) if text.lstrip("-").isdigit() and len(text) > 16 else text)


@mutant("behaviour", "1e400 becomes the largest float")
def payload_huge_numbers_bounded(patch: Patch) -> None:
    edit_numbers(patch, lambda text: "1.7976931348623157e308" if float(text) == float("inf") else text)


@mutant("behaviour", "-0 becomes 0")
def payload_minus_zero_lost(patch: Patch) -> None:
    edit_numbers(patch, lambda text: text.removeprefix("-") if float(text) == 0 else text)


@mutant("behaviour", "the E of a number becomes an e")
def payload_exponent_in_lower_case(patch: Patch) -> None:
    edit_numbers(patch, str.lower)


@mutant("behaviour", "zeros at the end of a fraction are lost")
def payload_trailing_zeros_lost(patch: Patch) -> None:
    edit_numbers(patch, lambda text: text.rstrip("0") if re.fullmatch(r"-?[0-9]+\.[0-9]*[1-9]0+", text) else text)


@mutant("behaviour", "a repeated key of an object is lost")
def payload_repeated_keys_lost(patch: Patch) -> None:
    edit_payload(patch, lambda text: joined(texts(text)) if text[0] == "{" else text)


@mutant("behaviour", "keys of objects that are numbers come first, as in JavaScript")
def payload_numeric_keys_first(patch: Patch) -> None:
    def edit(text: str) -> str:
        if text[0] != "{" or not any(name.isdigit() for name in texts(text)):
            return text
        return joined(dict(sorted(texts(text).items(), key=lambda item: (not item[0].isdigit(), 0))))

    edit_payload(patch, edit)


@mutant("behaviour", "fields of an object that are null are left out")
def payload_null_fields_lost(patch: Patch) -> None:
    def edit(text: str) -> str:
        if text[0] != "{" or "null" not in texts(text).values():
            return text
        return joined({name: value for name, value in texts(text).items() if value != "null"})

    edit_payload(patch, edit)


@mutant("behaviour", "line breaks between parts of a message become one character")
def payload_line_breaks_changed(patch: Patch) -> None:
    edit_text(patch, lambda text: text.replace("\r\n", "\n"))


@mutant("behaviour", "tabs between parts of a message become blanks")
def payload_tabs_changed(patch: Patch) -> None:
    edit_text(patch, lambda text: text.replace("\t", " "))


@mutant("behaviour", "blanks within strings that follow each other become one")
def payload_blanks_joined(patch: Patch) -> None:
    edit_strings(patch, lambda text: re.sub(" +", " ", text))


@mutant("websocket", "a payload that is empty or false counts as missing")
def falsy_payload_refused(patch: Patch) -> None:
    refuse_payload(patch, lambda text: text in ('""', "0", "false", "[]", "{}"))


@mutant("websocket", "a payload of null counts as missing")
def null_payload_refused(patch: Patch) -> None:
    refuse_payload(patch, lambda text: text == "null")


@mutant("websocket", "a payload must be an object or an array")
def scalar_payload_refused(patch: Patch) -> None:
    refuse_payload(patch, lambda text: text[0] not in "[{")


@mutant("websocket", "a payload with an escape that is half a character is refused")
def lone_surrogate_refused(patch: Patch) -> None:
    refuse_payload(patch, lambda text: bool(re.search(r"\\u[dD][89a-fA-F]", text)) and not _encodable(text))


def _encodable(text: str) -> bool:
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


@mutant("websocket", "a payload with a number that no double holds is refused")
def huge_number_refused(patch: Patch) -> None:
    refuse_payload(patch, lambda text: "Infinity" in json.dumps(json.loads(text)))


@mutant("websocket", "a payload with a repeated key is refused")
def repeated_key_refused(patch: Patch) -> None:
    def repeated(text: str) -> bool:
        found: list[bool] = []
        json.loads(text, object_pairs_hook=lambda pairs: found.append(len(dict(pairs)) < len(pairs)))
        return any(found)

    refuse_payload(patch, repeated)


@mutant("websocket", "NaN and Infinity are taken for JSON")
def nan_taken(patch: Patch) -> None:
    def dispatch(original: Any, self: Any, data: bytes) -> Any:
        return original(self, re.sub(rb"(?<=:)(NaN|-?Infinity)", b"1e999", data))

    wrap(patch, WebSocketContract, "dispatch", dispatch)


@mutant("websocket", "a comma before a closing bracket is taken")
def trailing_comma_taken(patch: Patch) -> None:
    def dispatch(original: Any, self: Any, data: bytes) -> Any:
        return original(
            self, re.sub(rb",(\s*[\]}])", rb"\1", data) if b'"ping"' in data or b'"publish"' in data else data
        )

    wrap(patch, WebSocketContract, "dispatch", dispatch)


@mutant("websocket", "a byte order mark before a frame is taken (RFC 8259, 8.1)")
def bom_taken(patch: Patch) -> None:
    wrap(
        patch,
        WebSocketContract,
        "dispatch",
        lambda original, self, data: original(self, data.removeprefix(b"\xef\xbb\xbf")),
    )


@mutant("websocket", "what follows the object in a frame is not looked at")
def trailing_text_taken(patch: Patch) -> None:
    def dispatch(original: Any, self: Any, data: bytes) -> Any:
        try:
            text = data.decode()
            _, end = json.JSONDecoder().raw_decode(text)
        except (ValueError, RecursionError):
            return original(self, data)
        return original(self, text[:end].encode())

    wrap(patch, WebSocketContract, "dispatch", dispatch)


@mutant("websocket", "blanks before the object of a frame are refused")
def leading_blanks_refused(patch: Patch) -> None:
    def dispatch(original: Any, self: Any, data: bytes) -> Any:
        if data[:1] in (b" ", b"\n", b"\t", b"\r"):
            raise Refusal("the frame is not valid JSON: a value is expected (line 1, column 1)")
        return original(self, data)

    wrap(patch, WebSocketContract, "dispatch", dispatch)


@mutant("websocket", "names of fields are compared as they are escaped")
def escaped_field_names_unknown(patch: Patch) -> None:
    def dispatch(original: Any, self: Any, data: bytes) -> Any:
        if re.search(rb'"(\\u0074ype|\\u0074opic|t\\u0079pe)"', data):
            raise Refusal("type is required: expected one of ping, publish, subscribe, unsubscribe")
        return original(self, data)

    wrap(patch, WebSocketContract, "dispatch", dispatch)
