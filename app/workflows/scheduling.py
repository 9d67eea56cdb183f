"""When a step can begin, and why it is skipped instead."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from app.workflows.definition.definitions import Definition
from app.workflows.run import WAITING, StepRun


def is_ready(name: str, definition: Definition, steps: Mapping[str, StepRun], active: Collection[str]) -> bool:
    """Whether a step that waits can begin now, or be skipped; `active` names the steps that are not over.

    An item of a map, which the map has begun, can as long as the map runs.
    """
    base, item, _ = name.partition("[")
    if item:
        return steps.get(base, WAITING).status == "running"
    owners = definition.stand_ins.get(name)
    if owners and not _wanted(owners, steps):
        return all(_over(owner, steps) for owner in owners)
    waits = definition.needs[name]
    # The first question is the faster one: a step may wait for a thousand others.
    return waits.isdisjoint(active) and all(_over(other, steps) for other in waits)


def why_skipped(name: str, definition: Definition, steps: Mapping[str, StepRun]) -> str:
    """Return why a step that is ready is skipped; nothing when it is not. Items of a map are not."""
    if "[" in name:
        return ""
    owners = definition.stand_ins.get(name)
    if owners and not _wanted(owners, steps):
        return f"it was not needed: {', '.join(sorted(owners))} did not fail"
    waits = definition.needs[name]
    if waits and all(steps[other].status == "skipped" for other in waits):
        return "all steps that it waits for were skipped"
    deciding = definition.targets.get(name, ())
    if deciding and not any(steps[decide].output == branch for decide, branch in deciding):
        return "; ".join(f"{decide} took {steps[decide].output}" for decide in dict.fromkeys(d for d, _ in deciding))
    return ""


def _wanted(owners: Collection[str], steps: Mapping[str, StepRun]) -> bool:
    """Whether one of those for which a step stands in has failed."""
    return any(steps.get(owner, WAITING).status == "falling_back" for owner in owners)


def _over(name: str, steps: Mapping[str, StepRun]) -> bool:
    return steps.get(name, WAITING).over
