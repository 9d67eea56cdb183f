"""Checks of a workflow beyond its form, so that errors are found before a task is paid for."""

from __future__ import annotations

from collections.abc import Iterator

from app.workflows.checks import components, graph, references, types
from app.workflows.checks.base import Finding, Names, Subject
from app.workflows.definition.spec import Workflow

__all__ = ["Finding", "Names", "check"]


def check(spec: Workflow, names: Names | None = None) -> list[Finding]:
    """Return everything that is wrong, or looks wrong, in a workflow; each finding once."""
    subject = Subject(spec, names or Names())
    return list(dict.fromkeys(_all(subject)))


def _all(subject: Subject) -> Iterator[Finding]:
    yield from components.check(subject)
    yield from references.check(subject)
    yield from graph.check(subject)
    if not subject.malformed:
        yield from types.check(subject)
