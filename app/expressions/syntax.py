"""The structure of a CEL expression, by the grammar of its specification; the library keeps its own to itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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

    Kinds are `literal`, `name`, `list`, `map` (keys and values in turn), `unary`, `binary` (of a chain of one
    operator's level, the operands), `choice`, `select`, `index` and `call` (a method's target is its first operand).
    """

    kind: str
    name: str = ""
    parts: tuple[Node, ...] = ()
    method: bool = False


def parse(source: str) -> Node:
    """Return the structure of an expression that the library has compiled.

    Raises:
        ValueError: it is of a form that is not known here.
    """
    try:
        return _Parser(list(tokenize(source))).whole()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


class _Parser:
    def __init__(self, words: Sequence[Token]) -> None:
        self._words = words
        self._at = 0

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
        signed = False
        while self._take("!", "-"):
            signed = True
        node = self._member()
        return Node("unary", "", (node,)) if signed else node

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


def key_of(index: Node) -> str | None:
    """Return the name by which an index selects, as in `a['b']`; None when it is computed."""
    key = index.parts[1]
    return string_value(Token("text", key.name, 0)) if key.kind == "literal" else None
