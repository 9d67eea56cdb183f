"""What the YAML parser could not read, in a sentence that says how to write it."""

from __future__ import annotations

import re

import yaml

#: The parser's quotations from the file, which may be secrets that look like YAML syntax.
_QUOTED = re.compile(r""" (?:'(?!<)(?:[^'\\]|\\.){2,}'|"(?!<)(?:[^"\\]|\\.){2,}")""")
#: A value that begins with the braces of a template.
_TEMPLATE = re.compile(r"(?:^|[:\-,\[{])\s*\$?\{[{%]")
#: A reference to the environment inside braces, whose own braces end them.
_REFERENCE = re.compile(r"[:,\[{]\s*\$\{[A-Za-z_]")
#: What stands before a colon that is not expected: one word, so that the line before has lost its colon or its space.
_ONE_WORD = re.compile(r"\s*(?:- )?[\w.-]+\s*")
#: A key that has its value on the same line.
_WITH_VALUE = re.compile(r"\s*(?:- )?[\w.-]+:\s+\S")
TEMPLATE = 'a value that begins with {{ or {% must be in quotes, as in "{{ input.text }}"'
MERGE = "merge keys (<<) are not part of YAML 1.2: write the keys out; an alias can only be a whole value"
#: What the parser says, and what is to be done about it.
_HINTS: tuple[tuple[str, str], ...] = (
    ("'\\t'", "contains a tab; indent with spaces"),
    ("mapping values are not allowed", "a text with a colon and a space in it must be in quotes"),
    ("that cannot start any token", "a text that begins with % or @ or ` must be in quotes"),
    ("expected alphabetic or numeric character", "a text that begins with * or & must be in quotes"),
    (
        "found undefined alias",
        "an alias (*name) needs its anchor (&name) before it; a text that begins with * is quoted",
    ),
    ("found duplicate anchor", "an anchor (&name) is defined twice; give one of them another name"),
    (
        "but found '<scalar>'",
        "text goes on after the end of a value: put the whole value in quotes, or check its indent",
    ),
    ("but found '<block mapping start>'", "is not indented as the keys before it: align keys of the same section"),
    ("but found '<block sequence start>'", "is not indented as what is before it: align the entries of a list"),
    ("but found '-'", "is not indented as what is before it: align the entries of a list"),
    ("could not find expected ':'", "a key needs a colon and a space after it; a text of several lines begins with |"),
    ("unexpected end of stream", "a quote is opened and never closed"),
    ("but got '<stream end>'", "a bracket is opened and never closed"),
    ("expected ',' or", "a bracket is not closed, or a comma is missing in it"),
    ("found another document", "has a second document after ---; one file holds one"),
    ("expected a comment or a line break", "after | or > the text begins on the next line, indented"),
    ("sequence entries are not allowed", "an entry of a list (- x) begins on a line of its own"),
    ("found unknown escape character", "has a \\ in double quotes that is no escape: use single quotes, or write \\\\"),
)


def explain(error: yaml.MarkedYAMLError, text: str) -> tuple[int | None, str]:
    """Return the line (from 1) of an error in `text`, and how to fix it; no value of the file is repeated."""
    mark = error.problem_mark or error.context_mark
    lines = text.split("\n")
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    read = "\n".join(lines[: mark.line]).rstrip() + "\n" + line[: mark.column] if mark else ""
    return (mark.line + 1 if mark else None), f"is not valid YAML: {_reason(str(error.problem), line, read)}"


def _reason(said: str, line: str, read: str) -> str:
    """Return how to fix what the parser has `said` of a `line`, after it had `read` so much of the text."""
    *earlier, before = read.split("\n")
    if _TEMPLATE.search(line) and "'\\t'" not in said:
        return TEMPLATE
    if _REFERENCE.search(line) and "expected ',' or" in said:
        return 'inside braces, a reference must be in quotes, as in "${NAME}"'
    if "mapping values are not allowed" in said and _ONE_WORD.fullmatch(before):
        if earlier and _WITH_VALUE.match(earlier[-1]):
            return "is indented more than the keys before it: align keys of the same section"
        return "the line before it lacks a colon, or the space after it, as in `kind: ask`"
    return next((hint for needle, hint in _HINTS if needle in said), _QUOTED.sub("", said))
