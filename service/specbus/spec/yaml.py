"""YAML as its version 1.2 means it (YAML 1.2.2, 10.3, "Core Schema"), restricted to what JSON has.

PyYAML reads the syntax; which type a plain scalar has is decided here, because PyYAML decides as YAML 1.1 does, in
which `NO` is a boolean, `010` is eight and `12:30` is 750.
"""

import math
import re
from collections.abc import Callable

import yaml
from yaml.composer import Composer
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from specbus.spec import ContractError, Json

MAX_DEPTH = 200
"""How deep collections may be nested. Everything that walks a document afterwards may recurse."""
MAX_VALUES = 100_000
"""How many values a document may have. PyYAML takes some 50 us for each."""
MAX_SIZE = 8_000_000
"""How large a document may be once its aliases are expanded, in units of `_sized`: some 8 MB of text."""
_VALUE_SIZE = MAX_SIZE // MAX_VALUES
"""What any value costs, beside its text."""

_TAG = "tag:yaml.org,2002:"
_NULL = re.compile(r"null|Null|NULL|~|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MERGE = re.compile("<<")


class _Resolver(BaseResolver):
    """The types of plain scalars."""


for _name, _form in (("merge", _MERGE), ("null", _NULL), ("bool", _BOOL), ("int", _INT), ("float", _FLOAT)):
    # PyYAML looks for a match at the beginning only.
    _Resolver.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_form.pattern})\Z"), None)


class _Loader(Reader, Scanner, Parser, Composer, _Resolver):
    """Text to nodes, no deeper than `MAX_DEPTH` and no more than `MAX_VALUES`."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        _Resolver.__init__(self)
        self._depth = 0
        self._count = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._depth += 1
        self._count += 1
        if self._count > 2 * MAX_VALUES:  # keys are nodes too
            problem = f"more than {MAX_VALUES} values"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=self.get_mark())
        if self._depth > MAX_DEPTH + 1:
            problem = f"nested more than {MAX_DEPTH} levels deep"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=self.get_mark())
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def scan_to_next_token(self) -> None:
        """Skip spaces, line breaks and comments, and tabs where they do not indent (YAML 1.2.2, 6.2).

        PyYAML by itself skips no tab, and so takes no JSON that is indented with tabs.
        """
        super().scan_to_next_token()
        while self.peek() == "\t" and (self.flow_level or self._line_has_begun()):
            self.forward()
            super().scan_to_next_token()

    def _line_has_begun(self) -> bool:
        return bool(self.buffer[self.pointer - self.column : self.pointer].strip(" \t"))


def loads(text: str) -> Json:
    """The value of the YAML document `text`. Raises ContractError, whose text begins with the line."""
    try:
        root = _Loader(text).get_single_node()
        return None if root is None else _Values().of(root)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ContractError(f"line {line} a character that YAML does not have: U+{error.character:04X}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1} " if mark else ""
        raise ContractError(place + (error.problem or "not YAML")) from None
    except RecursionError:  # in the scanner, whose own stack is not bounded by the depth of nodes
        raise ContractError(f"nested more than {MAX_DEPTH} levels deep") from None
    except (ValueError, OverflowError):  # of a number in a directive or an escape that Python cannot hold
        raise ContractError("not YAML: a number in a directive or an escape is too large") from None


class _Values:
    """Turns nodes into values.

    A node that several aliases name is one value, so that its size is known before it is expanded.
    """

    def __init__(self) -> None:
        self._known: dict[yaml.Node, tuple[Json, int]] = {}
        self._known_fields: dict[yaml.Node, dict[str, tuple[Json, int]]] = {}
        self._inside: set[yaml.Node] = set()
        self._merged_fields = 0
        """How many fields were copied by `<<` so far: what is merged into what is merged doubles, as aliases do."""

    def of(self, node: yaml.Node) -> Json:
        """The value of `node`."""
        return self._sized(node)[0]

    def _sized(self, node: yaml.Node) -> tuple[Json, int]:
        """The value of `node`, and its size with all aliases in it expanded."""
        if node in self._known:
            return self._known[node]
        if node in self._inside:
            raise _error("found unconstructable recursive node", node)
        self._inside.add(node)
        value: Json
        if isinstance(node, yaml.ScalarNode):
            value, size = _scalar(node), _VALUE_SIZE + len(node.value)
        elif isinstance(node, yaml.SequenceNode):
            _check_tag(node, "seq")
            items = [self._sized(item) for item in node.value]
            value, size = [item for item, _ in items], _VALUE_SIZE + sum(size for _, size in items)
        else:
            fields = self._fields(node)
            value = {name: item for name, (item, _) in fields.items()}
            size = _VALUE_SIZE + sum(len(name) + size for name, (_, size) in fields.items())
        if size > MAX_SIZE:
            raise _error("too large once its aliases are expanded", node)
        self._inside.remove(node)
        self._known[node] = value, size
        return value, size

    def _fields(self, node: yaml.Node) -> dict[str, tuple[Json, int]]:
        """The fields of a mapping, those merged into it by `<<` included, which its own go before."""
        if node in self._known_fields:
            return self._known_fields[node]
        _check_tag(node, "map")
        own: dict[str, tuple[Json, int]] = {}
        merged: dict[str, tuple[Json, int]] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _error("a key must be plain text", key_node)
            # As written: an unquoted status such as 200 is the key "200".
            key = _text(key_node)
            if key in own:
                raise _error(f'the key "{key}" stands twice', key_node)
            if key_node.tag == f"{_TAG}merge":
                if merged:
                    raise _error('the key "<<" stands twice', key_node)
                merged = self._merged(value_node, key_node)
            elif key_node.tag not in _SCALARS:
                raise _error(f"could not determine a constructor for the tag '{key_node.tag}'", key_node)
            else:
                own[key] = self._sized(value_node)
        self._known_fields[node] = {**merged, **own}
        return self._known_fields[node]

    def _merged(self, node: yaml.Node, key: yaml.Node) -> dict[str, tuple[Json, int]]:
        """What `key`, a `<<`, brings: the fields of the mapping `node`, or of several, the first going before."""
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        fields: dict[str, tuple[Json, int]] = {}
        for source in reversed(sources):
            if not isinstance(source, yaml.MappingNode):
                raise _error("<< must have a mapping, or several", source)
            if source in self._inside:
                raise _error("found unconstructable recursive node", source)
            self._inside.add(source)
            more = self._fields(source)
            self._inside.remove(source)
            self._merged_fields += len(more)
            if self._merged_fields > MAX_VALUES:
                raise _error("too large once its aliases are expanded", key)
            fields |= more
        return fields


def _scalar(node: yaml.ScalarNode) -> Json:
    """The value of a scalar, whose tag is written or follows from its form."""
    if node.tag == f"{_TAG}merge":  # which means something as a key only
        return _text(node)
    if node.tag not in _SCALARS:
        raise _error(f"could not determine a constructor for the tag '{node.tag}'", node)
    form, convert = _SCALARS[node.tag]
    if form is not None and not form.fullmatch(node.value):
        raise _error(f"{node.value[:40]!r} is no {node.tag.removeprefix(_TAG)}", node)
    try:
        value = convert(node.value)
    except ValueError:
        raise _error("a number with too many digits", node) from None
    if isinstance(value, float) and not math.isfinite(value):
        raise _error(f"{node.value[:40]} has no form in JSON", node)
    return _text(node) if isinstance(value, str) else value


def _text(node: yaml.ScalarNode) -> str:
    """The text of a scalar, in which two escapes may stand for the halves of one character, as in JSON."""
    value: str = node.value
    try:
        return value.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise _error("an escape is half a character (a lone surrogate)", node) from None


def _int(text: str) -> int:
    """The integer of a plain scalar: `010` is ten, `0o10` eight, `0x10` sixteen. Raises ValueError."""
    value = int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    str(value)  # which Python refuses of more than 4,300 digits, and JSON is written by it
    return value


def _float(text: str) -> float:
    """The number of a plain scalar."""
    return float(text.replace(".inf", "inf").replace(".nan", "nan")) if text[-1].isalpha() else float(text)


_SCALARS: dict[str, tuple[re.Pattern[str] | None, Callable[[str], Json]]] = {
    f"{_TAG}str": (None, str),
    f"{_TAG}null": (_NULL, lambda text: None),
    f"{_TAG}bool": (_BOOL, lambda text: text[0] in "tT"),
    f"{_TAG}int": (_INT, _int),
    f"{_TAG}float": (_FLOAT, lambda text: _float(text.lower())),
}
"""By tag: the form that a value must have, and what makes it."""


def _check_tag(node: yaml.Node, kind: str) -> None:
    if node.tag != _TAG + kind:
        raise _error(f"could not determine a constructor for the tag '{node.tag}'", node)


def _error(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
