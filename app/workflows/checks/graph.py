"""The graph: cycles, and steps that can never run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from app.errors import ConfigurationError
from app.expressions.expression import Expression
from app.workflows.checks.base import Finding, Subject
from app.workflows.checks.sample_context import evaluated
from app.workflows.definition.graph import DependencyCycle, last, needs, order, stand_ins
from app.workflows.definition.spec import Workflow
from app.workflows.definition.steps import DecideStep
from app.workflows.definition.template_refs import TemplateRef


def check(subject: Subject) -> Iterator[Finding]:
    """Find cycles, an answer step that is not clear, and steps that never run."""
    circular = [*_fallbacks(subject.spec)]
    yield from circular
    yield from _constants(subject)
    yield from _branches(subject.spec)
    try:
        waits = needs(subject.spec)
        order(waits)
    except ConfigurationError:
        return  # `references` reports what is malformed
    except DependencyCycle as error:
        if len(set(error.cycle)) > 1 or error.cycle[0] in subject.spec.steps[error.cycle[0]].after:
            yield Finding(("steps", error.cycle[0]), str(error))
        return
    yield from _answer(subject.spec, waits)
    yield from _standing_in(subject.spec, waits)
    if not circular:
        yield from _deadlocked_fallbacks(subject.spec, waits)


def _fallbacks(spec: Workflow) -> Iterator[Finding]:
    for name, step in spec.steps.items():
        seen = [name]
        while step.fallback and step.fallback.step:
            seen.append(step.fallback.step)
            if seen[-1] in seen[:-1]:
                break
            step = spec.steps[seen[-1]]  # noqa: PLW2901  # the chain is followed
        if seen[-1] == name and len(seen) > 1:
            own = "a step cannot stand in for itself"
            cycle = f"steps stand in for each other in a cycle: {' → '.join(seen)}"
            yield Finding(("steps", name, "fallback", "step"), own if len(seen) == 2 else cycle)  # noqa: PLR2004  # it twice


def _constants(subject: Subject) -> Iterator[Finding]:
    for ref, made in subject.compiled.items():
        if ref.wants == "bool" and isinstance(made, Expression) and not made.roots:
            value = evaluated(made.source, {})
            if value is False:
                what = "this branch is never taken" if "branches" in ref.key else "this step never runs"
                yield Finding(ref.key, f"is always false: {what}", warning=True)
            elif value is True and _others_after(subject.spec, ref):
                yield Finding(ref.key, "is always true: the branches after it are never taken", warning=True)


def _others_after(spec: Workflow, ref: TemplateRef) -> bool:
    step = spec.steps[ref.step]
    return isinstance(step, DecideStep) and ref.key[2] == "branches" and ref.key[3] != len(step.branches) - 1


def _branches(spec: Workflow) -> Iterator[Finding]:
    for name, step in spec.steps.items():
        if isinstance(step, DecideStep):
            for place, branch in enumerate(step.branches):
                if name in branch.steps:
                    yield Finding(("steps", name, "branches", place, "steps"), "a decision cannot lead to itself")


def _answer(spec: Workflow, waits: Mapping[str, frozenset[str]]) -> Iterator[Finding]:
    ends = last(spec, waits)
    if spec.answer is None and len(ends) != 1:
        yield Finding((), f"`answer` must say which step's output is the answer: {' or '.join(ends)}")
    elif spec.answer in stand_ins(spec):
        others = " or ".join(sorted(stand_ins(spec)[spec.answer or ""]))
        yield Finding(("answer",), f"{spec.answer} runs only when {others} fails", warning=True)


def _deadlocked_fallbacks(spec: Workflow, waits: Mapping[str, frozenset[str]]) -> Iterator[Finding]:
    """Find a step whose stand-in waits for it by way of other steps."""
    fallbacks = {name: step.fallback.step for name, step in spec.steps.items() if step.fallback and step.fallback.step}
    try:
        order({name: {*others, fallbacks.get(name, "")} - {""} for name, others in waits.items()})
    except DependencyCycle as error:
        cycle = " → ".join(error.cycle)
        text = f"a step and the one that stands in for it wait for each other, so that neither would ever end: {cycle}"
        yield Finding(("steps", next(name for name in error.cycle if name in fallbacks), "fallback", "step"), text)


def _standing_in(spec: Workflow, waits: Mapping[str, frozenset[str]]) -> Iterator[Finding]:
    standing_in = stand_ins(spec)
    for name, others in waits.items():
        for other in sorted(others & standing_in.keys()):
            instead = " or ".join(sorted(standing_in[other]))
            text = f"waits for {other}, which runs only when {instead} fails; wait for {instead}, which has its output"
            yield Finding(("steps", name), text, warning=True)
