"""The graph of a workflow's steps: what each of them waits for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from graphlib import CycleError, TopologicalSorter

from app.workflows.definition.compiled import CompiledStep
from app.workflows.definition.spec import Workflow
from app.workflows.definition.steps import DecideStep


class DependencyCycle(ValueError):
    """Steps that wait for each other; `cycle` names them, the first one at the end too."""

    def __init__(self, cycle: tuple[str, ...]) -> None:
        super().__init__(f"steps wait for each other in a cycle: {' → '.join(cycle)}")
        self.cycle = cycle


def needs(spec: Workflow, compiled: Mapping[str, CompiledStep] | None = None) -> dict[str, frozenset[str]]:
    """Return for each step those that must be over before it begins: written, referred to, or deciding on it.

    Raises:
        ConfigurationError: a template or an expression is malformed.
    """
    compiled = compiled or {name: CompiledStep(step, where=f"steps.{name}") for name, step in spec.steps.items()}
    standing_in = stand_ins(spec)
    deciding = targets(spec)
    return {
        name: frozenset({*step.after, *compiled[name].steps, *(decide for decide, _ in deciding.get(name, ()))})
        # A step that stands in for another may name it, but it runs before that one is over.
        .intersection(spec.steps)
        - standing_in.get(name, frozenset())
        for name, step in spec.steps.items()
    }


def stand_ins(spec: Workflow) -> dict[str, frozenset[str]]:
    """Return the steps that run only when another one fails, each with those that it stands in for."""
    found: dict[str, frozenset[str]] = {}
    for name, step in spec.steps.items():
        if step.fallback and step.fallback.step:
            found[step.fallback.step] = found.get(step.fallback.step, frozenset()) | {name}
    return found


def targets(spec: Workflow) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return the steps on which decisions are made, each with its (decision, branch) pairs."""
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for name, step in spec.steps.items():
        if isinstance(step, DecideStep):
            for branch in step.branches:
                for target in branch.steps:
                    found[target] = (*found.get(target, ()), (name, branch.name))
    return found


def order(waits: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """Return the steps so that each comes after those that it waits for: in every process alike.

    Raises:
        DependencyCycle: they wait for each other.
    """
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name, others in waits.items():
        sorter.add(name, *sorted(others))  # a set of texts has another order in every process
    try:
        return tuple(sorter.static_order())
    except CycleError as error:
        raise DependencyCycle(tuple(error.args[1])) from None


def last(spec: Workflow, waits: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """Return the steps for which no other waits, and which stand in for none."""
    awaited = {other for others in waits.values() for other in others}
    return tuple(name for name in spec.steps if name not in awaited and name not in stand_ins(spec))
