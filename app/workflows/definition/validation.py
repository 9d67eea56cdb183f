"""pydantic's errors in a workflow, in the terms and the keys of the YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from app.source.problems import Key, Problem, error_text, place_of, pydantic_errors
from app.source.syntax import Document
from app.suggestions import closest_match, did_you_mean
from app.workflows.definition.spec import Workflow

_NO_STEP = re.compile(r"(?:Value error, )?(answer|steps\.(\w+)): there is no step called (\w+)")
_ID = "an id is written as in `triage-2`: a small letter first, then small letters, digits, - and _"
_NAMING = "a name is written as in `triage_2`: a small letter first, then small letters, digits and _"
_TOOL = "may have only letters, digits, `_` and `-`, and at most 64 characters"

#: The errors whose key the file does not have.
_ABSENT = frozenset({"missing", "union_tag_not_found", "union_tag_invalid"})


def explain(error: ValidationError, document: Document) -> list[Problem]:
    """Return pydantic's findings, each with its place; no value is repeated."""
    found = pydantic_errors(error)
    return [_problem(one, document) for one in found if not _follows(one, found)]


def _follows(one: ErrorDetails, others: list[ErrorDetails]) -> bool:
    """Whether a list is too short only because an invalid item was left out."""
    length = len(one["loc"])
    return one["type"] == "too_short" and any(
        other["loc"][:length] == one["loc"] and len(other["loc"]) > length for other in others
    )


def shown(key: Key, value: Any, *, absent: bool = True) -> Key:
    """Return `key` as the file has it: without the kinds of steps, and without indexes of values that are no lists.

    Its last part may be `absent` from the file; if not, it is left out as well when it is not there.
    """
    found: list[str | int] = []
    here: Any = value
    for place, part in enumerate(key):
        if _is_there(here, part):
            here = here[part]
        elif (
            not absent or place < len(key) - 1 or part == 0 or (isinstance(here, Mapping) and here.get("kind") == part)
        ):
            continue
        found.append(part)
    return tuple(found)


def _is_there(here: Any, part: str | int) -> bool:
    if isinstance(here, Mapping):
        return part in here
    return isinstance(here, list) and isinstance(part, int) and 0 <= part < len(here)


def _problem(found: ErrorDetails, document: Document) -> Problem:
    raw = found["loc"]
    if raw and raw[-1] == "[key]":
        key = shown(raw[:-1], document.value)
        text = error_text(found, str) if found["type"] == "string_too_long" else _NAMING
        return Problem(place_of(key, document.places), key, text)
    key, text = _explained(found, shown(raw, document.value, absent=found["type"] in _ABSENT), document)
    return Problem(place_of(key, document.places), key, text)


def _explained(found: ErrorDetails, key: Key, document: Document) -> tuple[Key, str]:
    if found["type"] == "union_tag_not_found":
        return (*key, "kind"), f"is required: {_kinds(found)}"
    if found["type"] == "union_tag_invalid":
        tag = str(found["ctx"]["tag"])
        near = closest_match(tag, _expected(found))
        return (*key, "kind"), f"there is no kind {tag}; " + (f"did you mean `{near}`?" if near else _kinds(found))
    if found["type"] == "empty" and len(key) == 2 and key[0] == "steps":  # noqa: PLR2004  # a step
        return key, "is empty; begin with what it does, as in `kind: ask`"
    if found["type"] == "string_pattern_mismatch":
        return key, _TOOL if "tools" in key else _ID if key == ("id",) else _NAMING
    if missing := _NO_STEP.match(found["msg"]):
        return _no_step(missing, document)
    return key, error_text(found, lambda: _hint(key, document.value), lambda: _keys(Workflow, key, document.value))


def _kinds(found: ErrorDetails) -> str:
    return f"there are {', '.join(_expected(found))}" if _expected(found) else "it says what the step does"


def _expected(found: ErrorDetails) -> list[str]:
    return re.findall(r"'(\w+)'", found.get("ctx", {}).get("expected_tags", ""))


def _no_step(missing: re.Match[str], document: Document) -> tuple[Key, str]:
    steps = document.value["steps"]
    key: Key = ("steps", missing[2]) if missing[2] else ("answer",)
    place = _within(key, missing[3], steps) if missing[2] else key
    return place, f"there is no step called {missing[3]}; {did_you_mean(missing[3], steps)}"


def _within(key: Key, name: str, steps: Mapping[str, Any]) -> Key:
    """Return the key under which a step names another one."""
    step = steps[str(key[1])]
    if name in (step.get("after") or ()):
        return (*key, "after")
    return (*key, "fallback") if isinstance(step.get("fallback"), Mapping) else (*key, "branches")


def _hint(key: Key, value: Any) -> str:
    siblings = sorted(_keys(Workflow, key[:-1], value))
    near = closest_match(str(key[-1]), siblings)
    return f"did you mean `{near}`?" if near else f"the keys here are {', '.join(siblings)}"


def _keys(annotation: Any, key: Key, value: Any) -> Iterator[str]:
    """Yield the keys that the section at `key` can have, whose kind `value` tells."""
    model = _model(annotation, value)
    if model is None:
        return
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    if not key:
        yield from fields
        return
    field = fields.get(str(key[0]))
    inner = value.get(key[0]) if isinstance(value, Mapping) else None
    rest = key[1:]
    if rest and field and _goes_through(field.annotation, inner):
        inner, rest = _at(inner, rest[0]), rest[1:]
    if field:
        yield from _keys(field.annotation, rest, inner)


def _at(here: Any, part: str | int) -> Any:
    return here[part] if _is_there(here, part) else None


def _goes_through(annotation: Any, inner: Any) -> bool:
    """Whether the next part of a key is a name that the user chose, or a place in a list."""
    return isinstance(inner, list) or getattr(annotation, "__origin__", None) is dict


def _model(annotation: Any, value: Any) -> type[BaseModel] | None:
    found = list(_models(annotation))
    if len(found) > 1:
        kind = value.get("kind") if isinstance(value, Mapping) else None
        found = [
            model
            for model in found
            if "kind" in model.model_fields and kind in get_args(model.model_fields["kind"].annotation)
        ]
    return found[0] if found else None


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
