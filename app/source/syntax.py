"""Parse YAML (and so JSON) to plain values, each with its line.

Scalars are read by the YAML 1.2 core schema, of which JSON is a subset: `no` is a text, `1e3` a number,
`12:30` neither a number nor a time. Tags are refused, and what aliases may multiply is bounded. YAML
allows a key on one line with its value 1024 characters.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any, cast

import yaml

from app.decoding import join_halves
from app.source.problems import MERGE_KEY, Key, Problem, problems_error
from app.source.yaml_errors import MERGE, TEMPLATE, explain

_MAX_DEPTH = 30
_MAX_VALUES = 10_000
#: Of all texts together: what an alias repeats counts each time.
_MAX_CHARACTERS = 1024 * 1024
_NULL, _BOOL, _INT, _FLOAT, _STR = (f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str"))
#: What YAML 1.1 takes for booleans.
_YAML_1_1 = frozenset({"yes", "no", "on", "off"})
_DECIMAL = re.compile(r"[0-9]+\.[0-9]+")
#: What begins with 0 is octal to some readers of YAML, decimal to others, and often a text, such as a postcode.
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # the name is PyYAML's
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # absent from the stubs
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


#: The types of plain scalars: tag, pattern, and the characters with which such a scalar can start.
CORE: tuple[tuple[str, re.Pattern[str], list[str]], ...] = tuple(
    (tag, re.compile(rf"(?:{pattern})\Z"), first)
    for tag, pattern, first in (
        (_NULL, r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        (_BOOL, r"true|True|TRUE|false|False|FALSE", list("tTfF")),
        (_INT, r"[-+]?[0-9]+", list("-+0123456789")),
        (_FLOAT, r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    )
)
for _tag, _pattern, _first in CORE:
    _Loader.add_implicit_resolver(_tag, _pattern, _first)


@dataclass(slots=True)
class Document:
    """The values of a file, the place of each (`places`, as file:line), and the problems so far.

    `doubts` are values that may be meant otherwise, where they are handed on as they are: by key, what to write.
    """

    value: dict[str, Any] = field(default_factory=dict)
    places: dict[Key, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    doubts: dict[Key, str] = field(default_factory=dict)


def parse(text: str, source: str) -> Document:
    """Parse `text`, which errors call `source`; an empty text is an empty mapping.

    Raises:
        ConfigurationError: it is not YAML, or not a mapping, or too large.
    """
    document = Document(places={(): source})
    node = _compose(text, source)
    if node is None or node.tag == _NULL:
        return document
    if not isinstance(node, yaml.MappingNode):
        raise problems_error(
            [Problem(_place(source, node), (), "the file must be a mapping of keys to values, as in `key: value`")]
        )
    document.value = _Reader(document, source).mapping(node, ())
    return document


def _compose(text: str, source: str) -> yaml.Node | None:
    try:
        loader = _Loader(text)
        return loader.get_single_node()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise problems_error([Problem(f"{source}:{line}", (), "contains a character that YAML forbids")]) from None
    except yaml.MarkedYAMLError as error:
        at, said = explain(error, text)
        raise problems_error([Problem(f"{source}:{at}" if at else source, (), said)]) from None
    except (ValueError, OverflowError):  # PyYAML's scanner does not guard chr() and int()
        raise problems_error(
            [Problem(source, (), "is not valid YAML: an escape or a directive has a number out of range")]
        ) from None


def _place(source: str, node: yaml.Node) -> str:
    return f"{source}:{node.start_mark.line + 1}"


class _Reader:
    """Turns nodes into values, noting places and problems in the document."""

    def __init__(self, document: Document, source: str) -> None:
        self._document = document
        self._source = source
        self._left = _MAX_VALUES
        self._characters = _MAX_CHARACTERS

    def mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name_node, value_node in node.value:
            if isinstance(name_node, yaml.ScalarNode) and name_node.value == MERGE_KEY and not name_node.style:
                self._problem(name_node, (*key, MERGE_KEY), MERGE)
                continue
            name = self._name(name_node, key)
            inner = (*key, name)
            if name in values:
                self._problem(name_node, inner, f"is set twice, first at {self._document.places[inner]}; keep one")
                continue
            self._document.places[inner] = _place(self._source, name_node)
            values[name] = self._value(value_node, inner)
        return values

    def _value(self, node: yaml.Node, key: Key) -> Any:
        self._left -= 1
        self._characters -= len(node.value) if isinstance(node, yaml.ScalarNode) else 0
        if min(self._left, self._characters) < 0 or len(key) > _MAX_DEPTH:
            raise problems_error(
                [Problem(_place(self._source, node), (), "aliases or nesting make this file too large")]
            )
        if isinstance(node, yaml.MappingNode):
            if node.flow_style and any(not isinstance(name, yaml.ScalarNode) for name, _ in node.value):
                self._problem(node, key, TEMPLATE)
                return None
            return self.mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(item, (*key, position)) for position, item in enumerate(node.value)]
        return self._scalar(cast("yaml.ScalarNode", node), key)

    def _item(self, node: yaml.Node, key: Key) -> Any:
        self._document.places[key] = _place(self._source, node)
        return self._value(node, key)

    def _scalar(self, node: yaml.ScalarNode, key: Key) -> Any:
        try:
            value = _SCALARS[node.tag](node.value)
        except KeyError:
            self._problem(node, key, "tags are not supported; quote a string that begins with !")
        except ValueError:
            self._problem(node, key, "this number has too many digits")
        else:
            if isinstance(value, float) and not math.isfinite(value):
                self._problem(node, key, "this number is too large; put quotes around a text")
            elif node.tag == _INT and _LEADING_ZERO.fullmatch(node.value):
                self._problem(node, key, "a number cannot begin with 0; leave it out, or put quotes around a text")
            else:
                if not node.style and (doubt := _doubt(node.value, value)):
                    self._document.doubts[key] = doubt
                return value
        return None

    def _name(self, node: yaml.Node, key: Key) -> str:
        if isinstance(node, yaml.ScalarNode):
            return join_halves(node.value)
        self._problem(node, key, "a key must be a plain string")
        return "?"

    def _problem(self, node: yaml.Node, key: Key, text: str) -> None:
        self._document.problems.append(Problem(_place(self._source, node), key, text))


def _doubt(written: str, value: Any) -> str:
    """Return what to write for a plain scalar that other readers, or its author, may take for something else."""
    if written.lower() in _YAML_1_1:
        return f"`{written}` is a text in YAML 1.2: write true or false, or put quotes around the text"
    if (
        isinstance(value, float)
        and written.endswith("0")
        and _DECIMAL.fullmatch(written)
        and not written.endswith(".0")
    ):
        return f"`{written}` is the number {value!r}: put quotes around it if it is a version"
    return ""


_SCALARS: dict[str, Any] = {
    _NULL: lambda _: None,
    _BOOL: lambda value: value.lower() == "true",
    _INT: int,
    _FLOAT: float,
    _STR: join_halves,  # of the pairs that JSON escapes leave
}
