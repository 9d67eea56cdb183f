"""A sample of a run's context: everything whose type is known beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.errors import ExpressionError
from app.expressions.expression import Expression
from app.workflows.checks.base import Subject
from app.workflows.definition.steps import AskStep, DecideStep, MapStep, RetrieveStep, Step, TransformStep, WaitStep
from topics.retrieval_results import Chunk


class Unknown:
    """A value that cannot be known before a run."""


UNKNOWN = Unknown()
_CHUNK = Chunk(id="a", document_id="a", source="a", heading="a", lines=(1, 1), text="a", score=0.5)
_CHOICES = frozenset({"anyOf", "oneOf", "allOf", "not", "if"})
_SCALARS: Mapping[str, Any] = {"integer": 1, "number": 1.5, "boolean": True, "null": None}
_TEXTS = {"date-time": "2026-01-01T00:00:00Z", "date": "2026-01-01", "time": "12:00:00Z", "duration": "PT1H"}
_DEEPEST = 20
_TEXT = "text"
_CALL = {"id": _TEXT, "name": _TEXT, "arguments": UNKNOWN, "raw": _TEXT}


def sample(schema: Any, root: Mapping[str, Any] | None = None, depth: int = 0) -> Any:
    """Return a value of the type that a JSON Schema describes, with everything in it that is described.

    What is no schema, as in `properties: {question: string}`, is reported elsewhere, and unknown here.
    """
    if not isinstance(schema, Mapping):
        return UNKNOWN
    root = schema if root is None else root
    schema = _resolved(schema, root)
    if depth > _DEEPEST or _CHOICES & schema.keys():
        return UNKNOWN
    fixed = [schema[name] for name in ("const", "default") if name in schema] or schema.get("enum", [])
    if fixed and isinstance(fixed, list):
        return fixed[0] if len({type(one) for one in fixed}) == 1 else UNKNOWN
    return _typed(schema, root, depth)


def _typed(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Any:
    match schema.get("type"):
        case "object":
            inner = schema.get("properties")
            named = inner.items() if isinstance(inner, Mapping) else ()
            return {name: sample(one, root, depth + 1) for name, one in named} or UNKNOWN
        case "array":
            return [sample(schema.get("items", {}), root, depth + 1)]
        case "string":
            return _TEXTS.get(str(schema.get("format")), _TEXT)
        case str(kind):
            return _SCALARS.get(kind, UNKNOWN)
    return UNKNOWN  # several types, or none


def follow(schema: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any] | None:
    """Return the schema of the property at `path`; None when it is not described."""
    here = _resolved(schema, schema)
    for name in path:
        properties = here.get("properties")
        inner = properties.get(name) if isinstance(properties, Mapping) else None
        if not isinstance(inner, Mapping):
            return None
        here = _resolved(inner, schema)
    return here


def context(subject: Subject, order: tuple[str, ...]) -> dict[str, Any]:
    """Return a sample of what all steps can see, made in the order of the steps."""
    spec = subject.spec
    found: dict[str, Any] = {
        "input": sample(spec.input) if spec.input else UNKNOWN,
        "metadata": _Texts(),
        "task": {"id": _TEXT, "workflow": spec.id, "version": 1},
        "steps": {},
    }
    for name in order:
        found["steps"][name] = _view(spec.steps[name], found)
    return found


def inside(step: MapStep, context: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the step inside a map sees."""
    items = evaluated(step.over, context)
    item = items[0] if isinstance(items, list) and items else UNKNOWN
    return {**context, "item": item, "index": 0}


def lookup(context: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """Return the value at `path`, UNKNOWN where it cannot be known."""
    here: Any = context
    for name in path:
        if not isinstance(here, Mapping) or name not in here:
            return UNKNOWN
        here = here[name]
    return here


def known(value: Any) -> bool:
    """Whether no part of `value` is unknown."""
    if isinstance(value, Mapping):
        return all(known(inner) for inner in value.values())
    return all(map(known, value)) if isinstance(value, list) else value is not UNKNOWN


def evaluated(source: str, context: Mapping[str, Any]) -> Any:
    """Return what an expression yields, UNKNOWN when it names what is not known or fails on the sample."""
    expression = Expression(source, where="")
    if not all(known(lookup(context, path)) for path in expression.paths):
        return UNKNOWN
    try:
        return expression.evaluate(context, native=True)
    except ExpressionError:
        return UNKNOWN


class _Texts(dict[str, str]):
    """Has every name, and each is a text."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return _TEXT


def _view(step: Step, context: Mapping[str, Any]) -> dict[str, Any]:
    output = _output(step, context)
    chunks = [_CHUNK.model_dump(mode="json")] if isinstance(step, RetrieveStep) else []
    shown = {"status": "succeeded", "reason": _TEXT, "failed": False, "error": UNKNOWN, "chunks": chunks}
    shown["tool_calls"] = [_CALL] if isinstance(step, AskStep) and step.tools else []
    return {**shown, "output": output, "answer": None if isinstance(step, RetrieveStep) else output}


def _output(step: Step, context: Mapping[str, Any]) -> Any:
    match step:
        case RetrieveStep():
            output: Any = [_CHUNK.model_dump(mode="json")]
        case AskStep():
            output = sample(step.output_schema) if step.output_schema else _TEXT
        case DecideStep():
            output = step.branches[0].name
        case TransformStep():
            value = evaluated(step.value, context)
            output = value.isoformat() if hasattr(value, "isoformat") else value
        case MapStep():
            output = [_output(step.step, inside(step, context))]
        case WaitStep(signal=None):
            output = None
        case _:
            output = UNKNOWN
    return output


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    for _ in range(_DEEPEST):
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        here: Any = root
        for part in reference[2:].split("/"):
            here = here.get(part) if isinstance(here, Mapping) else None
        if not isinstance(here, Mapping):
            break
        schema = here
    return schema
