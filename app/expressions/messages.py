"""The errors of the CEL library in our words: what is wrong, and how to write it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from app.expressions.analysis import Path
from app.expressions.conversion import ABSENT, follow
from app.expressions.functions import KNOWN, NEGATIVE, TOO_LARGE, described
from app.expressions.lexer import Token, tokenize

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
    "??": "write `has(input.name) ? input.name : other` for `??`",
    "===": "write `==` for `===`",
    "!==": "write `!=` for `!==`",
    "<>": "write `!=` for `<>`",
    "\u201c": "write quotes as \" or '",
    "\u2018": "write quotes as \" or '",
}
#: What other languages call a constant.
CONSTANTS: Mapping[str, str] = {"None": "null", "nil": "null", "undefined": "null", "True": "true", "False": "false"}
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
    words = list(tokenize(source))
    for text in (*(word.text for word in words), *_operators(words)):
        if text in _OTHERWISE:
            return f"{at}: {_OTHERWISE[text]}"
    marks = [word.text for word in words]
    if any(one == "=" and {before, after}.isdisjoint("=!<>") for before, one, after in _neighbours(marks)):
        return f"{at}: write `==` to compare"
    return f"{at}: {_plain(reason)}"


def _operators(words: list[Token]) -> Iterable[str]:
    """Return the marks that stand together without a space."""
    text, end = "", -1
    for word in words:
        if word.kind == "mark" and word.start == end:
            text += word.text
        else:
            yield text
            text = word.text if word.kind == "mark" else ""
        end = word.start + len(word.text)
    yield text


def _neighbours(marks: list[str]) -> Iterable[tuple[str, str, str]]:
    return zip(["", *marks], marks, [*marks[1:], ""], strict=False)


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
