"""Names in templates, expressions and values: whether they exist."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from app.errors import ConfigurationError
from app.expressions.expression import CONTEXT_NAMES, Expression, TemplateValue
from app.expressions.messages import CONSTANTS
from app.source.problems import Key
from app.suggestions import did_you_mean
from app.workflows.checks.base import Finding, Subject
from app.workflows.checks.sample_context import follow
from app.workflows.definition.template_refs import Compiled, TemplateRef

#: What templates see of a step that is over.
FIELDS = ("answer", "chunks", "error", "failed", "output", "reason", "status", "tool_calls")
_INSIDE = frozenset({"item", "index"})
#: A reference in the braces of another language: those of templates, of shells, or with too few of them.
_OTHER_BRACES = re.compile(
    rf"(?<!\$)\{{\{{\s*({'|'.join(sorted(CONTEXT_NAMES))})\b|\$\{{\s*({'|'.join(sorted(CONTEXT_NAMES))})\b"
)
_OF_A_TASK = frozenset({"input", "metadata", "task"})

Path = tuple[str, ...]


def check(subject: Subject) -> Iterator[Finding]:
    """Find names that do not exist, and what is malformed."""
    for ref, error in subject.malformed.items():
        yield _malformed(ref.key, error)
    for ref, made in subject.compiled.items():
        for key, path in paths(ref, made):
            yield from _path(subject, ref, key, path)
        if ref.language == "value":
            yield from _other_braces(ref.key, ref.source)
    yield from _slot_key(subject)


def _other_braces(key: Key, data: Any) -> Iterator[Finding]:
    """Find texts of a value that probably have a reference in them, but would be sent as they are."""
    if isinstance(data, Mapping):
        for name, inner in data.items():
            yield from _other_braces((*key, name), inner)
    elif isinstance(data, list | tuple):
        for place, inner in enumerate(data):
            yield from _other_braces((*key, place), inner)
    elif isinstance(data, str) and (found := _OTHER_BRACES.search(data)):
        name = found[1] or found[2]
        yield Finding(key, f"is sent as it is: a value is inserted as in ${{{{ {name}… }}}}", warning=True)


def paths(ref: TemplateRef, made: Compiled) -> Iterator[tuple[Key, Path]]:
    """Yield every path into the context that a template or an expression uses, with the key where it is written."""
    if isinstance(made, TemplateValue):
        for one in made.expressions:
            yield from ((placed(ref.key, one.where), path) for path in sorted(one.paths))
    else:
        yield from ((ref.key, path) for path in sorted(made.paths))


def placed(key: Key, where: str) -> Key:
    """Return `key` extended by `where`, a dotted path that goes on within a value."""
    inner = where.split(".")[len(key) :]
    return (*key, *(int(part) if part.isdigit() else part for part in inner))


def _path(subject: Subject, ref: TemplateRef, key: Key, path: Path) -> Iterator[Finding]:
    known = CONTEXT_NAMES if ref.inside else CONTEXT_NAMES - _INSIDE
    if path[0] not in known:
        inside_only = f"`{path[0]}` exists only inside a map"
        hint = f"write `{CONSTANTS[path[0]]}`" if path[0] in CONSTANTS else did_you_mean(path[0], known)
        unknown = f"there is nothing called `{path[0]}`; {hint}"
        yield Finding(key, inside_only if path[0] in _INSIDE else unknown)
    elif path[0] == "steps":
        yield from _step(subject, ref, key, path)
    elif path[0] == "input":
        yield from _input(subject.spec.input, key, path)


def _step(subject: Subject, ref: TemplateRef, key: Key, path: Path) -> Iterator[Finding]:
    name = path[1]
    if name == ref.step:
        yield Finding(key, f"a step cannot refer to itself, as `steps.{name}` does")
    elif name not in subject.spec.steps:
        yield Finding(key, f"there is no step called {name}; {did_you_mean(name, list(subject.spec.steps))}")
    elif len(path) > 2 and path[2] not in FIELDS:  # noqa: PLR2004  # steps, its name, and a field
        yield Finding(key, f"`{'.'.join(path)}`: a step has no `{path[2]}`; {did_you_mean(path[2], FIELDS)}")


def _input(schema: Mapping[str, Any], key: Key, path: Path) -> Iterator[Finding]:
    for place, name in enumerate(path[1:], 1):
        found = follow(schema, path[1:place])
        declared = found.get("properties") if found else None
        if found is None or not declared or not isinstance(declared, Mapping):
            return
        if name not in declared:
            if found.get("additionalProperties") is False or "additionalProperties" not in found:
                text = f"`{'.'.join(path)}`: the input has no `{name}`; {did_you_mean(name, list(declared))}"
                yield Finding(key, text, warning="additionalProperties" not in found)
            return


def _slot_key(subject: Subject) -> Iterator[Finding]:
    limit = subject.spec.concurrency
    if limit is None:
        return
    key = ("concurrency", "key")
    try:
        made = Expression(limit.key, where="concurrency.key")
    except ConfigurationError as error:
        yield _malformed(key, error)
        return
    for root in sorted(made.roots - _OF_A_TASK):
        yield Finding(key, f"is computed before the run begins, and has no `{root}`; it has input, metadata, task")
    for path in sorted(made.paths):
        if path[0] == "input":
            yield from _input(subject.spec.input, key, path)


def _malformed(key: Key, error: ConfigurationError) -> Finding:
    where, _, text = str(error).partition(": ")
    return Finding(placed(key, where), text)
