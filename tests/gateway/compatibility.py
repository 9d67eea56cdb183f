"""Whether clients of one OpenAPI document can go on with another: what is only added does no harm.

`python -m tests.gateway.compatibility` writes the document that `tests/gateway/test_compatibility.py` compares with;
call it when a version is released.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from app.gateway.application import build
from app.gateway.parts import Parts
from app.security.permissions import Roles
from app.settings import Settings

RELEASED = Path(__file__).parents[1] / "contracts" / "openapi-v1.json"
Json = Mapping[str, Any]

_FOR_PEOPLE = frozenset({"description", "operationId", "summary", "title"})
#: Bounds that a request must keep, and whether a larger one is narrower.
_BOUNDS = {
    "minLength": True,
    "minimum": True,
    "minItems": True,
    "exclusiveMinimum": True,
    "maxLength": False,
    "maximum": False,
    "maxItems": False,
    "exclusiveMaximum": False,
}


def current() -> dict[str, Any]:
    """Return the document of this source."""
    return unserved(Settings()).openapi()


def unserved(settings: Settings) -> FastAPI:
    """Return the application with nothing behind its routes."""
    nothing: Any = None
    parts: dict[str, Any] = dict.fromkeys(one.name for one in fields(Parts) if not one.name.startswith("_"))
    return build(Parts(**{**parts, "settings": settings}), Roles({}), nothing)


def breaks(old: Json, new: Json) -> list[str]:
    """Return what clients of the old document cannot do, or rely on, with the new one."""
    return list(dict.fromkeys(_Comparison(old, new).operations()))


def bare(value: Any) -> Any:
    """Return a document, or a part of it, without what is only there for people."""
    if isinstance(value, list):
        return [bare(one) for one in value]
    if not isinstance(value, dict):
        return value
    # What has these names as a field is a schema, and what is for people a text.
    return {name: bare(one) for name, one in value.items() if not (name in _FOR_PEOPLE and isinstance(one, str))}


class _Comparison:
    """Compares what requests may be, which must not get less, and what answers are, which must not lack anything."""

    def __init__(self, old: Json, new: Json) -> None:
        self._old = old
        self._new = new
        self._seen: set[tuple[str, str, bool]] = set()

    def operations(self) -> Iterator[str]:
        for path, methods in self._old["paths"].items():
            for method, old in methods.items():
                new = self._new["paths"].get(path, {}).get(method)
                where = f"{method.upper()} {path}"
                if new is None:
                    yield f"{where}: removed"
                else:
                    yield from self._parameters(where, old, new)
                    yield from self._body(where, old, new)
                    yield from self._responses(where, old, new)

    def _parameters(self, where: str, old: Json, new: Json) -> Iterator[str]:
        before, after = ({(one["in"], one["name"]): one for one in each.get("parameters", ())} for each in (old, new))
        for place, parameter in before.items():
            if place not in after:
                yield f"{where}: the parameter {place[1]} is removed"
            else:
                yield from self._schema(f"{where} {place[1]}", parameter["schema"], after[place]["schema"], asked=True)
        for place, parameter in after.items():
            if parameter.get("required") and not before.get(place, {}).get("required"):
                yield f"{where}: the parameter {place[1]} is required"

    def _body(self, where: str, old: Json, new: Json) -> Iterator[str]:
        before, after = old.get("requestBody", {}), new.get("requestBody", {})
        if after.get("required") and not before.get("required"):
            yield f"{where}: a body is required"
        yield from self._content(f"{where} body", before, after, asked=True)

    def _responses(self, where: str, old: Json, new: Json) -> Iterator[str]:
        for status, response in old["responses"].items():
            if status not in new["responses"]:
                yield f"{where}: the status {status} is removed"
            else:
                yield from self._content(f"{where} {status}", response, new["responses"][status], asked=False)

    def _content(self, where: str, old: Json, new: Json, *, asked: bool) -> Iterator[str]:
        for kind, form in old.get("content", {}).items():
            if kind not in new.get("content", {}):
                yield f"{where}: {kind} is removed"
            else:
                schemas = (form.get("schema", {}), new["content"][kind].get("schema", {}))
                yield from self._schema(where, *schemas, asked=asked)

    def _schema(self, where: str, old: Json, new: Json, *, asked: bool) -> Iterator[str]:
        pair = (old.get("$ref", ""), new.get("$ref", ""), asked)
        if all(pair[:2]):
            if pair in self._seen:
                return
            self._seen.add(pair)
        old, new = self._resolved(self._old, old), self._resolved(self._new, new)
        if "anyOf" in old or "anyOf" in new:
            yield from self._alternatives(where, old, new, asked=asked)
            return
        yield from _values(where, old, new, asked=asked)
        yield from self._properties(where, old, new, asked=asked)
        for name in ("items", "additionalProperties"):
            if isinstance(old.get(name), Mapping) and isinstance(new.get(name), Mapping):
                yield from self._schema(f"{where}[]", old[name], new[name], asked=asked)

    def _alternatives(self, where: str, old: Json, new: Json, *, asked: bool) -> Iterator[str]:
        """What could be sent must still fit one of the forms, and what is answered one of the old ones."""
        before, after = (one.get("anyOf", [one]) for one in (old, new))
        for one in before if asked else after:
            pairs = [(one, other) for other in after] if asked else [(other, one) for other in before]
            # What is the same is found anew each time, as a form that does not fit ends the comparison.
            tried = [[*_Comparison(self._old, self._new)._schema(where, *pair, asked=asked)] for pair in pairs]
            if all(tried):
                yield min(tried, key=len)[0]

    def _properties(self, where: str, old: Json, new: Json, *, asked: bool) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name, schema in before.items():
            if name in after:
                yield from self._schema(f"{where}.{name}", schema, after[name], asked=asked)
            elif not asked or new.get("additionalProperties") is False:
                yield f"{where}.{name}: removed"
        required = ({*one.get("required", ())} for one in ((new, old) if asked else (old, new)))
        for name in sorted(next(required) - next(required)):
            yield f"{where}.{name}: {'required' if asked else 'no longer always there'}"
        if (
            asked
            and new.get("additionalProperties") is False
            and old.get("additionalProperties") is not False
            and before
        ):
            yield f"{where}: unknown fields are refused"

    @staticmethod
    def _resolved(document: Json, schema: Json) -> Json:
        while "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema


def _values(where: str, old: Json, new: Json, *, asked: bool) -> Iterator[str]:
    """Yield how the values of a request have become fewer, or those of an answer others."""
    before, after = old.get("type"), new.get("type")
    # A number may become an integer in an answer, and an integer a number in a request.
    wider = {before, after} == {"integer", "number"} and (after == "number") == asked
    if before != after and not wider and (after if asked else before) is not None:
        yield f"{where}: the type is {after} instead of {before}"
    if not asked:
        return
    if lost := [one for one in _choices(old) or () if _choices(new) is not None and one not in (_choices(new) or ())]:
        yield f"{where}: {lost[0]} is not allowed"
    if _choices(new) is not None and _choices(old) is None:
        yield f"{where}: only some values are allowed"
    if new.get("pattern", old.get("pattern")) != old.get("pattern"):
        yield f"{where}: the pattern is another"
    for bound, more in _BOUNDS.items():
        if bound in new and (bound not in old or (new[bound] > old[bound] if more else new[bound] < old[bound])):
            yield f"{where}: {bound} is narrower"


def _choices(schema: Json) -> list[Any] | None:
    found: list[Any] | None = [schema["const"]] if "const" in schema else schema.get("enum")
    return found


if __name__ == "__main__":
    RELEASED.write_text(json.dumps(bare(current()), indent=1, sort_keys=True) + "\n", encoding="utf-8")
