"""What steps use: models, connectors, policies, strategies, schemas, and numbers that fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from app.durations import format_duration
from app.errors import ERROR_CODES, ConfigurationError
from app.fusion import registry as fusion
from app.routing import registry as routing
from app.routing.chain import Stage, check_through
from app.schemas import KEYWORDS, Schema, unknown_keywords
from app.source.problems import Key
from app.suggestions import closest_match, did_you_mean
from app.workflows.checks import ask_options, capabilities
from app.workflows.checks.base import Finding, Subject
from app.workflows.definition.steps import (
    AnyStep,
    AskStep,
    ConnectorStep,
    MapStep,
    RetrieveStep,
    Step,
    WaitStep,
    WorkflowStep,
)

#: So many keywords of a schema that there are not are named.
_MOST_KEYWORDS = 20
#: The codes of errors: of those that rooms raise, and of those that steps and workers end with.
CODES = ERROR_CODES | {"fusion", "routing", "too_deep", "too_large", "unknown_connector", "unknown_model"}


def check(subject: Subject) -> Iterator[Finding]:
    """Find components that do not exist, and settings that are not valid."""
    yield from _schema(("input",), subject.spec.input)
    yield from _schema(("output",), subject.spec.output)
    for key, step in _steps(subject):
        yield from _times(subject, key, step)
        yield from _named(subject, key, step)
        yield from _cache(key, step)
        yield from _retry(key, step)
        if isinstance(step, AskStep):
            yield from _ask(subject, key, step)
        if isinstance(step, RetrieveStep) and not step.query.strip():
            yield Finding((*key, "query"), "is empty")


def _steps(subject: Subject) -> Iterator[tuple[Key, AnyStep]]:
    for name, step in subject.spec.steps.items():
        yield ("steps", name), step
        if isinstance(step, MapStep):
            yield ("steps", name, "step"), step.step


def _times(subject: Subject, key: Key, step: Step) -> Iterator[Finding]:
    deadline, shown = subject.spec.deadline, format_duration(subject.spec.deadline)
    if isinstance(step, WaitStep) and step.seconds is not None and step.seconds >= deadline:
        yield Finding((*key, "for"), f"ends no sooner than the run, whose deadline is {shown}")
    elif "timeout" in step.model_fields_set and step.timeout > deadline:
        text = f"is longer than the workflow's deadline of {shown}, which ends the run first"
        yield Finding((*key, "timeout"), text, warning=True)
    elif isinstance(step, AskStep) and step.batch and step.timeout > deadline:
        text = (
            f"may take {format_duration(step.timeout)}, and the workflow's deadline of {shown} ends the run first: "
            "leave `deadline` out, or give the step a `timeout`"
        )
        yield Finding((*key, "batch"), text, warning=True)


def _cache(key: Key, step: AnyStep) -> Iterator[Finding]:
    """Find a `cache` of a step that has no answer to cache."""
    if step.cache and not isinstance(step, AskStep | RetrieveStep | ConnectorStep):
        hint = "give it to the step inside" if isinstance(step, MapStep) else "leave it out"
        yield Finding((*key, "cache"), f"a {step.kind} has no answer to cache; {hint}")


def _retry(key: Key, step: Step) -> Iterator[Finding]:
    """Find codes that no error has, unless a component of another package raises it."""
    for place, code in enumerate(step.retry.on):
        if code not in CODES and (near := closest_match(code, CODES)):
            text = f"is the code of none of the built-in errors; did you mean `{near}`?"
            yield Finding((*key, "retry", "on", place), text, warning=True)


def _named(subject: Subject, key: Key, step: Step) -> Iterator[Finding]:
    names = subject.names
    if isinstance(step, ConnectorStep) and names.connectors is not None and step.connector not in names.connectors:
        hint = did_you_mean(step.connector, names.connectors)
        yield Finding((*key, "connector"), f"no connector is called {step.connector}; {hint}")
    if isinstance(step, RetrieveStep) and names.stores is not None:
        for unknown in sorted(set(step.stores) - names.stores):
            yield Finding((*key, "stores"), f"no store is called {unknown}; {did_you_mean(unknown, names.stores)}")
    if isinstance(step, WorkflowStep) and names.workflows is not None and step.workflow not in names.workflows:
        hint = "deploy it before" if names.more else did_you_mean(step.workflow, names.workflows)
        text = f"no workflow {'here ' if names.more else ''}is called {step.workflow}; {hint}"
        yield Finding((*key, "workflow"), text, warning=names.more)
    if isinstance(step, WorkflowStep) and step.workflow == subject.spec.id:
        yield Finding((*key, "workflow"), "calls itself, and never ends without a condition", warning=True)


def _ask(subject: Subject, key: Key, step: AskStep) -> Iterator[Finding]:
    yield from _models(subject, (*key, "models"), step.models)
    yield from _schema((*key, "schema"), step.output_schema or {})
    if not step.prompt.strip() and not step.messages:
        yield Finding((*key, "prompt"), "is empty")
    yield from _fusion(subject, (*key, "fusion"), step)
    yield from _routing((*key, "routing"), step)
    yield from ask_options.check(key, step)
    yield from capabilities.check(key, step, subject.names.features)


def _models(subject: Subject, key: Key, models: tuple[str, ...]) -> Iterator[Finding]:
    known = subject.names.models
    for place, model in enumerate(models):
        if known is not None and model not in known:
            yield Finding((*key, place), f"no model is called {model}; {did_you_mean(model, known)}")


def _fusion(subject: Subject, key: Key, step: AskStep) -> Iterator[Finding]:
    most = len(step.models) * step.samples
    if step.fusion.quorum > most:
        at_most = "is at most 1 answer" if most == 1 else f"are at most {most} answers"
        yield Finding((*key, "quorum"), f"is {step.fusion.quorum}, but there {at_most}")
    try:
        strategy = fusion.get(step.fusion.strategy, step.fusion.options)
    except ConfigurationError as error:
        yield Finding(key, str(error))
        return
    yield from _weighted(key, step)
    known = subject.names.models
    for model in strategy.models:
        if known is not None and model not in known:
            yield Finding(key, f"no model is called {model}; {did_you_mean(model, known)}")


def _weighted(key: Key, step: AskStep) -> Iterator[Finding]:
    """Find weights of models that the step does not ask."""
    for option in ("weights", "accuracies"):
        given = step.fusion.options.get(option)
        for model in given if isinstance(given, Mapping) else ():
            if model not in step.models:
                text = f"has no effect: the step asks no model {model}; {did_you_mean(model, step.models)}"
                yield Finding((*key, option, model), text, warning=True)


def _routing(key: Key, step: AskStep) -> Iterator[Finding]:
    stages: list[Stage] = []
    for place, stage in enumerate(step.routing):
        try:
            stages.append((routing.get(stage.policy, stage.options), stage.choose))
        except ConfigurationError as error:
            yield Finding((*key, place), str(error))
    if len(stages) == len(step.routing) and (wrong := check_through(stages, step.models)):
        yield Finding(key, wrong)


def _schema(key: Key, schema: Mapping[str, Any]) -> Iterator[Finding]:
    if not schema:
        return
    try:
        Schema(schema, where="it")
    except ConfigurationError as error:
        yield Finding(key, str(error).removeprefix("it: "))
    else:
        for path, word in islice(unknown_keywords(schema), _MOST_KEYWORDS):
            near = closest_match(word, KEYWORDS)
            hint = f"did you mean `{near}`? Fields belong" if near else "fields belong"
            text = f"is no keyword of JSON Schema, and has no effect; {hint} under `properties`"
            yield Finding((*key, *path, word), text, warning=True)
