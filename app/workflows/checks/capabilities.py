"""Features that a step asks for and a configured model lacks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from app.expressions.interpolation import OPENING
from app.source.problems import Key
from app.workflows.checks.base import Features, Finding
from app.workflows.definition.steps import AskStep
from topics.model_requests import Feature, Sampling

_ALL: tuple[Feature, ...] = get_args(Feature)
_SAMPLING: tuple[Feature, ...] = tuple(name for name in _ALL if name in Sampling.model_fields)
_NOTHING = Sampling()
#: What happens where a model lacks the feature.
_WITHOUT = {
    "schema": "gets the schema in its prompt alone, and may have to be asked again",
    "streaming": "shows its answer all at once, when it is complete",
    "images": "fails where the task has one",
}


def check(key: Key, step: AskStep, known: Features) -> Iterator[Finding]:
    """Find features that the step at `key` asks for and its models lack; a model that is not `known` has all.

    It is an error where too few models are left for the step's quorum, and a warning where others can do it, or
    where the model does without.
    """
    refused, wished = _certain(step) - set(step.downgrade), _wished(step) - set(step.downgrade)
    lacking = {model: refused - known[model] for model in step.models if model in known}
    able = sum(not lacking.get(model) for model in step.models) * step.samples
    hopeless = able < _least(step)
    for place, model in enumerate(step.models):
        at = (*key, "models", place)
        if lacks := sorted(lacking.get(model, ())):
            yield Finding(at, f"{_lacks(model, lacks)}: it refuses this step; {_hint(lacks)}", warning=not hopeless)
        for lack in sorted(wished - known.get(model, wished)):
            yield Finding(at, f"{_lacks(model, [lack])}: it {_WITHOUT[lack]}; {_hint([lack])}", warning=True)


def _certain(step: AskStep) -> frozenset[Feature]:
    """Return the features without which a model refuses the step, whatever the task."""
    wanted: set[Feature] = {name for name in _SAMPLING if getattr(step.sampling, name) != getattr(_NOTHING, name)}
    if step.tools:
        wanted.add("tools")
    if step.batch:
        wanted.add("batch")
    images = step.images if isinstance(step.images, tuple) else (step.images,)
    if any(OPENING not in url for url in images):
        wanted.add("images")
    return frozenset(wanted)


def _wished(step: AskStep) -> frozenset[Feature]:
    """Return the features that a model may do without, or does not need for every task."""
    wanted: dict[Feature, object] = {"images": step.images, "schema": step.output_schema, "streaming": step.stream}
    return frozenset(name for name, given in wanted.items() if given) - _certain(step)


def _least(step: AskStep) -> int:
    """Return how many answers there must be; where the routing narrows the choice, one is all that is certain."""
    every = all(stage.policy == "fixed" and stage.choose is None for stage in step.routing) and not step.stream
    return step.fusion.quorum if every else 1


def _lacks(model: str, names: list[Feature]) -> str:
    return f"{model} has no {', '.join(names)}"


def _hint(names: list[Feature]) -> str:
    listed = ", ".join(names)
    return f"ask another model, or allow it to be left out with `downgrade: [{listed}]`"
