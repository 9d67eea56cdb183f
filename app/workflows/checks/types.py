"""Types: what every expression yields on a sample of its context."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from app.errors import ConfigurationError, ExpressionError, PromptError
from app.expressions.expression import Expression, TemplateValue
from app.expressions.messages import tells_types
from app.source.problems import Key
from app.workflows.checks.base import Finding, Subject
from app.workflows.checks.references import FIELDS, paths, placed
from app.workflows.checks.sample_context import UNKNOWN, context, inside, known, lookup
from app.workflows.definition.graph import DependencyCycle, needs, order
from app.workflows.definition.steps import MapStep
from app.workflows.definition.template_refs import Compiled, TemplateRef
from app.workflows.templates.prompts import Prompt
from app.workflows.templates.text import NotData

_WORDS: Mapping[type, str] = {str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list"}
_WANTED = {"bool": (bool, "true or false"), "list": (list, "a list"), "timestamp": ((datetime, str), "a timestamp")}


def check(subject: Subject) -> Iterator[Finding]:
    """Find expressions of the wrong type, as far as types are known; nothing when the steps have a cycle."""
    try:
        seen = context(subject, order(needs(subject.spec)))
    except (DependencyCycle, ConfigurationError):
        return
    for ref, made in subject.compiled.items():
        step = subject.spec.steps[ref.step]
        around = inside(step, seen) if ref.inside and isinstance(step, MapStep) else seen
        yield from _through_scalars(ref, made, around)
        if isinstance(made, Prompt):
            yield from _inserts(ref.key, made, around)
        for expression in made.expressions if isinstance(made, TemplateValue) else (made,):
            if isinstance(expression, Expression):
                yield from _yields(placed(ref.key, expression.where), ref.wants, expression, around)


def _through_scalars(ref: TemplateRef, made: Compiled, around: Mapping[str, Any]) -> Iterator[Finding]:
    """Find paths that go on from a text or a number, as `steps.answer.output.label` where answers are texts."""
    for key, path in paths(ref, made):
        for end in range(1, len(path)):
            found = lookup(around, path[:end])
            if isinstance(found, str | int | float | list | None) and not _is_field(path):
                yield Finding(key, f"`{'.'.join(path[:end])}` is {_word(found)} and has no `{path[end]}`")
                break


def _inserts(key: Key, prompt: Prompt, around: Mapping[str, Any]) -> Iterator[Finding]:
    """Find what a template would insert that is not data, where all that it names is known."""
    if all(known(lookup(around, path)) for path in prompt.paths):
        try:
            prompt.render(around)
        except NotData as error:
            yield Finding(key, str(error).partition(": ")[2])
        except PromptError:
            return  # a sample says nothing of what the data will be


def _is_field(path: tuple[str, ...]) -> bool:
    return path[0] == "steps" and len(path) > 2 and path[2] not in FIELDS  # noqa: PLR2004  # `references` reports it


def _yields(key: Key, wants: str, expression: Expression, around: Mapping[str, Any]) -> Iterator[Finding]:
    if not all(known(lookup(around, path)) for path in expression.paths):
        return
    try:
        value = expression.evaluate(around, native=True)
    except ExpressionError as error:
        if tells_types(said := str(error).partition(": ")[2]):
            yield Finding(key, f"`{expression.source}`: {said}")
        return
    if wants and value is not UNKNOWN:
        kinds, words = _WANTED[wants]
        if not isinstance(value, kinds):  # type: ignore[arg-type]  # a type, or a tuple of types
            yield Finding(key, f"must yield {words}, not {_word(value)}")


def _word(value: Any) -> str:
    return _WORDS.get(type(value), "null" if value is None else "a mapping" if isinstance(value, dict) else "a time")
