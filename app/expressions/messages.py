"""The errors of the CEL library in our words: what is wrong, and how to write it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from app.expressions.analysis import Path
from app.expressions.conversion import ABSENT, follow
from app.expressions.functions import KNOWN, NEGATIVE, TOO_LARGE, described
from app.expressions.lexer import tokenize

#: The error when an operation or a function has operands of the wrong types.
MISMATCH = "the types do not fit together; convert with int(x), double(x) or string(x)"
_UNKNOWN = re.compile(r"^Undefined variable or function: '(\w+)'")
_WRONG_TYPE = re.compile(r"^Function '(\w+)' error: Python function call failed: (?:Type|Attribute)Error: ")
#: What one of our functions has raised, and what one of the library's own says.
_OURS = re.compile(r"^Function '\w+' error: Python function call failed: \w+: (.*)")
_OWN = re.compile(r"^Function '(\w+)' error: ")
#: What is written otherwise in CEL, and how.
_OTHERWISE: Mapping[str, str] = {
    "and": "write `&&` for `and`",
    "or": "write `||` for `or`",
    "not": "write `!` for `not`",
    "is": "write `==` for `is`",
    "if": "write `condition ? one : other` for `if`",
    "else": "write `condition ? one : other` for `else`",
}
#: What other languages call a constant.
CONSTANTS: Mapping[str, str] = {"None": "null", "nil": "null", "undefined": "null", "True": "true", "False": "false"}
_SIGNS: Mapping[str, str] = {"===": "==", "!==": "!=", "<>": "!="}
#: What cannot be the name of a field after a dot.
RESERVED = frozenset({"null", "true", "false", "in"})
#: What other languages write between two values.
METHODS = frozenset({"matches", "contains", "startsWith", "endsWith"})
#: The quotes that a word processor makes of straight ones.
CURLY_QUOTES = frozenset("\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}") | frozenset(
    "\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"
)
#: Functions as other languages call them.
ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys(("len", "length", "count"), "size"),
    **dict.fromkeys(("lower", "toLowerCase"), "lowerAscii"),
    **dict.fromkeys(("upper", "toUpperCase"), "upperAscii"),
    **dict.fromkeys(("str", "toString"), "string"),
    **dict.fromkeys(("includes", "has_key"), "contains"),
}
#: The macros, and how each is called.
MACROS: Mapping[str, str] = {
    "all": "input.items.all(item, item > 0)",
    "exists": "input.items.exists(item, item > 0)",
    "exists_one": "input.items.exists_one(item, item > 0)",
    "filter": "input.items.filter(item, item > 0)",
    "map": "input.items.map(item, item + 1)",
}
#: How `has` is called.
HAS = "`has` takes a field, as in has(input.name); to test for null, compare: input.name != null"


def syntax_error(source: str, said: str) -> str:
    """Return what is wrong with a source that cannot be compiled, from what the parser has `said`."""
    first = next((line for line in said.splitlines() if "<input>:" in line), said)
    place, _, reason = first.partition("<input>:")[2].partition(": ")
    at = f"is not a valid CEL expression: column {place.split(':')[-1]}"
    reason = reason.removeprefix("Syntax error: ")
    if "has() macro" in reason:
        return f"{at}: {HAS}"
    if source.lstrip().startswith(("{{", "${{")):
        return f"{at}: an expression is written without braces, as in `input.name`"
    if "literal" in reason:
        return f"{at}: a number this large cannot be written; compare texts instead"
    return f"{at}: {_other_language([word.text for word in tokenize(source)]) or _plain(reason)}"


def _other_language(words: list[str]) -> str:
    """Return how to write what is written in the way of another language; nothing if there is no such thing."""
    if other := next((word for word in words if word in _OTHERWISE), ""):
        return _OTHERWISE[other]
    for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
        if word == "." and after in RESERVED:
            return f"a field called `{after}` is written in brackets, as in input['{after}']"
        if word in METHODS and before != "." and after != "(":
            return f"`{word}` is called on a value, as in input.name.{word}('x')"
        if sign := next((sign for sign in _SIGNS if (before + word + after).endswith(sign)), ""):
            return f"write `{_SIGNS[sign]}` for `{sign}`"
        if word == "=" and {before, after}.isdisjoint("=!<>"):
            return "write `==` to compare"
    return "" if CURLY_QUOTES.isdisjoint(words) else "use the quotes ' or \" instead of “ and ”"


def _plain(reason: str) -> str:
    """Return the parser's reason without the list of all that it expects."""
    if "<EOF>" in reason.split(" expecting ", maxsplit=1)[0]:
        return "it ends too early"
    found = re.match(
        r"(?:mismatched|extraneous) input ('.+?') expecting|token recognition error at: ('.)", reason, re.DOTALL
    )
    if found and found[2] in ("'\"", "'" + "'"):
        return "a quote is opened and never closed"
    if not found:
        return reason.split(" expecting ", maxsplit=1)[0]
    return f"`{(found[1] or found[2]).strip(chr(39))}` is not expected here"


def describe_error(error: Exception, data: Mapping[str, Any] | None = None, paths: Iterable[Path] = ()) -> str:
    """Return what went wrong in a run on `data`, into which the expression goes by `paths`."""
    data, paths = data or {}, sorted(paths)
    if isinstance(error, KeyError):
        return _absent(str(error.args[0]), data, paths)
    if isinstance(error, TypeError):
        return _through_scalar(data, paths) or f"{_null(data, paths)}{MISMATCH}"
    if isinstance(error, OverflowError):
        return TOO_LARGE
    line = next(iter(str(error).splitlines()), type(error).__name__).split(". Check ")[0]
    if found := _UNKNOWN.match(line) or _WRONG_TYPE.match(line):
        known = found[1] in KNOWN or found[1] == NEGATIVE
        return (
            f"{_null(data, paths)}`{found[1]}` cannot take a value of this type"
            if known
            else f"there is no `{found[1]}`"
        )
    if found := _OURS.match(line):
        return found[1]
    return _OWN.sub(r"`\1`: ", line)


def tells_types(message: str) -> bool:
    """Whether an error that `describe_error` has described is one of types, which a sample of the data shows too."""
    return message.endswith(MISMATCH) or "` takes a" in message


def _absent(name: str, data: Mapping[str, Any], paths: Iterable[Path]) -> str:
    """Return the sentence on a name that is not there."""
    ways = (path[:end] for path in paths for end in range(2, len(path) + 1) if path[end - 1] == name)
    way = next((".".join(one) for one in ways if follow(data, one) is ABSENT), "")
    return f"`{way or name}` does not exist; test first with has({way or 'a.b'})"


def _through_scalar(data: Mapping[str, Any], paths: Iterable[Path]) -> str:
    """Return the sentence on a path that goes on from null, a text or a number, as in `has(input.order.total)`."""
    for path in paths:
        for end in range(1, len(path)):
            found, owner = follow(data, path[:end]), ".".join(path[:end])
            if found is None:
                return f"`{owner}` is null and has no `{path[end]}`; test it first, as in `{owner} != null && …`"
            if isinstance(found, str | int | float):
                return f"`{owner}` is {described(found)} and has no `{path[end]}`"
    return ""


def _null(data: Mapping[str, Any], paths: Iterable[Path]) -> str:
    """Return which of the values is null, if one is."""
    null = next((".".join(path) for path in paths if follow(data, path) is None), "")
    return f"`{null}` is null: " if null else ""
