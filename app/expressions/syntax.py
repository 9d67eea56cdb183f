"""The structure of a CEL expression, by the grammar of its specification; the library keeps its own to itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from app.expressions.lexer import Token, string_value, tokenize

#: From the loosest to the tightest.
_BINARY: Final = (
    ("||",),
    ("&&",),
    ("<=", ">=", "==", "!=", "<", ">", "in"),
    ("+", "-"),
    ("*", "/", "%"),
)
_END = Token("mark", "", -1)


@dataclass(frozen=True, slots=True)
class Node:
    """One part: `kind` says what, `name` is an operator, field, function, variable or literal, `parts` are operands.

    Kinds are `literal`, `name`, `list`, `map` (keys and values in turn), `unary` (named `-` where it negates what is no
    literal), `binary` (of a chain of one operator's level, the operands), `choice`, `select`, `index` and `call` (a
    method's target is its first operand).
    """

    kind: str
    name: str = ""
    parts: tuple[Node, ...] = ()
    method: bool = False

    def walk(self) -> Iterator[Node]:
        """Yield it and all its parts."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += node.parts


def parse(source: str) -> Node:
    """Return the structure of an expression that the library has compiled.

    Raises:
        ValueError: it is of a form that is not known here.
    """
    try:
        return _Parser(list(tokenize(source))).whole()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def rewritten(source: str, *, negative: str, renamed: Mapping[str, str]) -> str:
    """Return the source with other functions called: `negative` for every minus sign before what is not a literal.

    Raises:
        ValueError: as `parse`.
    """
    words = list(tokenize(source))
    parser = _Parser(words)
    parser.whole()
    edits = [(end, end, ")") for _, _, end in parser.negations]
    edits += [(start, operand, f"{negative}(") for start, operand, _ in parser.negations]
    for word, after in pairwise([*words, _END]):
        if word.kind == "name" and word.text in renamed and after.text == "(":
            edits.append((word.start, word.start + len(word.text), renamed[word.text]))
    for start, end, text in sorted(edits, reverse=True):
        source = source[:start] + text + source[end:]
    return source


class _Parser:
    def __init__(self, words: Sequence[Token]) -> None:
        self._words = words
        self._at = 0
        #: Of each: where the sign, its operand, and what follows begin in the source.
        self.negations: list[tuple[int, int, int]] = []

    def whole(self) -> Node:
        node = self._expression()
        if self._at < len(self._words):
            raise ValueError(f"`{self._here.text}` is not expected at column {self._here.start + 1}")
        return node

    @property
    def _here(self) -> Token:
        return self._words[self._at] if self._at < len(self._words) else _END

    def _take(self, *marks: str) -> str:
        """Go on past one of `marks`, if it stands here; those of two characters are two words."""
        for mark in marks:
            words = self._words[self._at : self._at + (1 if mark.isalpha() else len(mark))]
            if "".join(word.text for word in words) == mark and all(word.kind in {"mark", "name"} for word in words):
                self._at += len(words)
                return mark
        return ""

    def _need(self, mark: str) -> None:
        if not self._take(mark):
            raise ValueError(f"`{mark}` is expected at column {self._here.start + 1}")

    def _expression(self) -> Node:
        node = self._binary(0)
        if not self._take("?"):
            return node
        then = self._binary(0)
        self._need(":")
        return Node("choice", "", (node, then, self._expression()))

    def _binary(self, level: int) -> Node:
        if level == len(_BINARY):
            return self._unary()
        operators, parts = "", [self._binary(level + 1)]
        while operator := self._take(*_BINARY[level]):
            operators += f" {operator}"
            parts.append(self._binary(level + 1))
        return Node("binary", operators.strip(), tuple(parts)) if len(parts) > 1 else parts[0]

    def _unary(self) -> Node:
        start, signs = self._here.start, ""
        while sign := self._take("!", "-"):
            signs += sign
        operand = self._here.start
        node = self._member()
        if signs.count("-") % 2 and node.kind != "literal":
            last = self._words[self._at - 1]
            self.negations.append((start, operand, last.start + len(last.text)))
            return Node("unary", "-", (node,))
        return Node("unary", "", (node,)) if signs else node

    def _member(self) -> Node:
        node = self._primary()
        while mark := self._take(".", "["):
            if mark == "[":
                node = Node("index", "", (node, self._expression()))
                self._need("]")
                continue
            name = self._name()
            if self._take("("):
                node = Node("call", name, (node, *self._list(")")), method=True)
            else:
                node = Node("select", name, (node,))
        return node

    def _name(self) -> str:
        word = self._here
        if word.kind != "name":
            raise ValueError(f"a name is expected at column {word.start + 1}")
        self._at += 1
        return word.text

    def _primary(self) -> Node:
        word = self._here
        if word.kind in {"text", "number"}:
            self._at += 1
            return Node("literal", word.text)
        if self._take("("):
            node = self._expression()
            self._need(")")
            return node
        if self._take("["):
            return Node("list", "", tuple(self._list("]")))
        if self._take("{"):
            return Node("map", "", tuple(self._map()))
        name = self._name()
        return Node("call", name, tuple(self._list(")"))) if self._take("(") else Node("name", name)

    def _list(self, closing: str) -> list[Node]:
        """Return what stands up to the closing bracket; a comma may stand before that."""
        found: list[Node] = []
        while not self._take(closing):
            found.append(self._expression())
            if not self._take(","):
                self._need(closing)
                break
        return found

    def _map(self) -> list[Node]:
        found: list[Node] = []
        while not self._take("}"):
            found.append(self._expression())
            self._need(":")
            found.append(self._expression())
            if not self._take(","):
                self._need("}")
                break
        return found


def path_of(node: Node) -> tuple[str | int, ...]:
    """Return the way by names and places that an expression is, as in `input.rows[0]`; empty if it is anything else."""
    match node.kind:
        case "name":
            return (node.name,)
        case "select" | "index":
            above, key = path_of(node.parts[0]), node.name if node.kind == "select" else _key_or_place(node)
            return () if key is None or not above else (*above, key)
    return ()


def _key_or_place(index: Node) -> str | int | None:
    literal = index.parts[1]
    place = literal.kind == "literal" and literal.name.isascii() and literal.name.isdigit()
    return int(literal.name) if place else key_of(index)


def key_of(index: Node) -> str | None:
    """Return the name by which an index selects, as in `a['b']`; None when it is computed."""
    key = index.parts[1]
    return string_value(Token("text", key.name, 0)) if key.kind == "literal" else None
