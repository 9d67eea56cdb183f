"""Random events of every kind, built from the annotations of their models."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, JsonValue

from topics import ALL
from topics.base import Topic
from topics.metadata_filters import MetadataFilter, MetadataValue

Strategy = st.SearchStrategy[Any]

#: What JSON can carry: no NaN, no infinity.
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES: Strategy = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | FLOATS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
MOMENTS: Strategy = st.datetimes(
    min_value=datetime(1971, 1, 1),  # noqa: DTZ001  # hypothesis adds the zone
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001  # likewise
    timezones=st.just(UTC),
)
_SCALARS: Strategy = st.booleans() | st.integers(-(2**63), 2**63) | FLOATS | st.text(max_size=20)
METADATA: Strategy = _SCALARS | st.lists(_SCALARS, max_size=3).map(tuple)
CONDITIONS: Strategy = st.sampled_from(
    [{"field": "a", "eq": 1}, {"not": {"field": "a", "in": ["x", True]}}, {"any": [{"field": "b", "gt": "2026-01-01"}]}]
).map(MetadataFilter.model_validate)


def events(topic: Topic[Any]) -> Strategy:
    """Return a strategy for the events of a topic."""
    return _model(topic.event)


def any_event() -> st.SearchStrategy[tuple[Topic[Any], Any]]:
    """Return a strategy for a topic and an event of it."""
    return st.sampled_from(ALL).flatmap(lambda topic: st.tuples(st.just(topic), events(topic)))


def _model(model: type[BaseModel]) -> Strategy:
    required: dict[str, Strategy] = {}
    optional: dict[str, Strategy] = {}
    for name, field in model.model_fields.items():
        chosen = required if field.is_required() else optional
        chosen[name] = _field(field.annotation, tuple(field.metadata))
    return st.fixed_dictionaries(required, optional=optional).map(model.model_validate)


def _field(annotation: Any, limits: tuple[Any, ...] = ()) -> Strategy:
    for known, strategy in ((JsonValue, VALUES), (AwareDatetime, MOMENTS), (float, FLOATS)):
        if annotation is known and not limits:
            return strategy
    if annotation is MetadataFilter:  # whose fields depend on each other
        return CONDITIONS
    if annotation == MetadataValue:  # whose types are strict, which hypothesis does not know
        return METADATA
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _model(annotation)
    return _compound(annotation, limits)


def _compound(annotation: Any, limits: tuple[Any, ...]) -> Strategy:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return st.one_of(st.none(), *(_field(one, limits) for one in inner if one is not type(None)))
    if origin is dict:
        return st.dictionaries(_field(inner[0]), _field(inner[1]), max_size=3)
    if origin is tuple and inner[-1] is Ellipsis:
        smallest = max((getattr(limit, "min_length", 0) for limit in limits), default=0)
        return st.lists(_field(inner[0]), min_size=smallest, max_size=smallest + 2).map(tuple)
    if origin is tuple:
        return st.tuples(*(_field(one) for one in inner))
    if origin is Literal or not limits:
        return st.from_type(annotation)
    return _limited(annotation, limits)


def _limited(annotation: Any, limits: tuple[Any, ...]) -> Strategy:
    """Return a strategy for a type with limits; a pattern is one that hypothesis does not read."""
    # To Python, unlike to pydantic, `$` is in front of a last line break too.
    patterns = [re.compile(re.sub(r"\$$", r"\\Z", limit.pattern)) for limit in limits if hasattr(limit, "pattern")]
    others = tuple(limit for limit in limits if not hasattr(limit, "pattern"))
    kept: Any = Annotated[(annotation, *others)] if others else annotation
    if annotation is str and not others and len(patterns) == 1:
        return st.from_regex(patterns[0])
    if annotation is float:  # hypothesis knows the bounds, but not pydantic's word for what is finite
        return st.from_type(kept).filter(math.isfinite)
    return st.from_type(kept).filter(lambda value: all(pattern.search(value) for pattern in patterns))
